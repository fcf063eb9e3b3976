"""Which rights our account has in an instance, and what reading cannot prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capa_sync.model.inspection import Check, CheckState
from capa_sync.model.light import light
from capa_sync.sources.servicenow.cells import Row
from capa_sync.sources.servicenow.dictionary import TableFacts
from capa_sync.sources.servicenow.history import AuditReader
from capa_sync.sources.servicenow.options import ServiceNowOptions

_TOO_MUCH = frozenset({"admin", "security_admin", "impersonator", "user_admin", "itil_admin", "sn_grc.admin"})
_GMT = frozenset({"", "GMT", "UTC", "Etc/UTC", "Etc/GMT"})


@light
class AccountRoles:
    """Our account: user name, time zone, and its roles (None where they are not shown to us)."""

    user_name: str
    time_zone: str
    roles: frozenset[str] | None


def check_rights(
    facts: TableFacts,
    history: AuditReader,
    account: AccountRoles,
    options: ServiceNowOptions,
    rows: Sequence[Row],
    *,
    writes: bool,
) -> Iterator[Check]:
    """Yield the checks of rights, history, columns that we write, and notifications."""
    yield _reading(facts, rows)
    if history.audit_readable:  # else the missing right is reported with the others of the site
        yield _history(facts)
    if unaudited := sorted(
        column.label
        for column in facts.columns.values()
        if facts.audited and not column.audited and column.name.startswith("u_")
    ):
        what = f"the audit leaves out {', '.join(unaudited)}"
        why = "a field without audit has no history from before capa-sync first read it"
        do = "ask the admin to take no_audit from these dictionary entries"
        yield Check("audited_columns", CheckState.ADVICE, what, why, do)
    yield _excess(account)
    if account.time_zone not in _GMT:
        what = f"our account's time zone is {account.time_zone}"
        why = "capa-sync reads raw values, which are UTC; people who compare lists in the instance see other times"
        yield Check("account_zone", CheckState.ADVICE, what, why, "set the account's time zone to GMT")
    if writes:
        yield from _writing(facts, options)


def _reading(facts: TableFacts, rows: Sequence[Row]) -> Check:
    why = "rows that an access rule hides are missing from the register, and no hint of them is sent"
    if rows:
        return Check("right_to_read", CheckState.OK, f"we may read {facts.name}", why)
    what = f"{facts.name} shows us no row: none meets the query, or an access rule hides all"
    do = "open the list in the instance as our account, with the same filter"
    return Check("right_to_read", CheckState.UNPROVEN, what, why, do)


def _history(facts: TableFacts) -> Check:
    why = "rules about order and time read the change history; what is not audited, they cannot tell"
    if facts.audited is False:
        what, do = f"the table {facts.name} is not audited", f"ask the admin to switch on Audit for {facts.name}"
        return Check("history", CheckState.PROBLEM, what, why, do)
    if facts.audited is None:
        what = f"whether {facts.name} is audited is not shown to us"
        return Check("history", CheckState.UNPROVEN, what, why, "ask for the right to read sys_dictionary")
    return Check("history", CheckState.OK, f"{facts.name} is audited, and its audit can be read", why)


def _excess(account: AccountRoles) -> Check:
    name = "more_rights_than_needed"
    why = (
        "whoever steals our secret can do what our account can do; capa-sync needs to read, and to write two columns"
    )
    if account.roles is None:
        what, do = "our roles are not shown to us", f"look at the roles of {account.user_name} in the instance"
        return Check(name, CheckState.UNPROVEN, what, why, do)
    if found := sorted(account.roles & _TOO_MUCH):
        return Check(name, CheckState.ADVICE, f"not needed: the role {', '.join(found)}", why, "take it away")
    return Check(name, CheckState.OK, f"roles: {', '.join(sorted(account.roles))}", why)


def _writing(facts: TableFacts, options: ServiceNowOptions) -> Iterator[Check]:
    named = {"text_field": options.text_field, "state_field": options.state_field}
    absent = [f"{key} = “{column}”" for key, column in named.items() if column and column not in facts.columns]
    why = "the warning of a ticket stands in these columns; a column that is not there is dropped without an error"
    if facts.columns and absent:
        what = f"{facts.name} has no column for {', '.join(absent)}"
        do = "ask the admin to add them (text, 4,000 characters), or name other columns under write_back"
        yield Check("written_columns", CheckState.PROBLEM, what, why, do)
    elif facts.columns and all(named.values()):
        yield Check("written_columns", CheckState.OK, f"{facts.name} has {', '.join(named.values())}", why)
    yield Check(
        "right_to_write",
        CheckState.UNPROVEN,
        f"whether our account may write on {facts.name} shows only when it writes: ServiceNow tells no rights",
        "`status` reports a refused write; nothing else is harmed",
        "give the account write access to work_notes and the two columns alone; then `sync --release 1`",
    )
    if options.work_notes:
        yield Check(
            "notifications",
            CheckState.UNPROVEN,
            "whom a work note notifies is decided by the instance's own notifications, which are not shown to us",
            "work notes cannot be taken back, so each new or worse warning is one lasting note",
            "ask the admin who gets mail for a work note, or set work_notes = false",
        )
