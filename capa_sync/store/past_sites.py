"""What a site's facts and accounts were before they changed: each change of them keeps what it replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from capa_sync.model.site import Account, NameSeen, SiteFacts
from capa_sync.store.columns import instant, instant_text, json_text, json_value
from capa_sync.store.database import Database, Row
from capa_sync.store.past_instants import shows_from
from capa_sync.store.unreadable import reading

_FACTS = TypeAdapter(SiteFacts)
_LISTS = ("fields", "statuses")
"""The facts that are lists of objects with an id; of them only changed objects are kept."""
_NOTHING = ""
"""In place of former facts, or of a former account: none was known."""


def keep_former_facts(db: Database, source: str, before: SiteFacts | None, after: SiteFacts, at: datetime) -> None:
    """Store what these facts replace; `before` is None at the first contact."""
    was = _NOTHING if before is None else json_text(_replaced(asdict(before), asdict(after)))
    db.execute("INSERT INTO past_site (source, until, was) VALUES (?,?,?)", (source, instant_text(at), was))


def facts_at(db: Database, source: str, now: SiteFacts, at: datetime, read_by: datetime) -> tuple[SiteFacts, bool]:
    """Return a site's facts, without accounts, as they were at `read_by`, and whether any were known at `at`.

    `now` are its present facts. Before the first contact they are the oldest that are known.
    """
    facts = asdict(now)
    first, until = None, instant_text(read_by)
    for ended, was in db.rows("SELECT until, was FROM past_site WHERE source = ? ORDER BY id DESC", (source,)):
        if was == _NOTHING:
            first = ended
            break
        if ended > until:
            with reading("former facts of a source that cannot be read"):
                facts = _with_former(facts, json_value(was))
    is_known = first is None or shows_from(db, source, instant(first)) <= at
    with reading("former facts of a source that cannot be read"):
        return _FACTS.validate_python(facts), is_known


def names_seen(db: Database, source: str, now: SiteFacts, read_by: datetime | None = None) -> tuple[NameSeen, ...]:
    """Return the names that custom fields took or lost after the first contact, up to a read, by first sight.

    `now` are the site's present facts. Nothing where the tracker's history has ids: there no name matters.
    """
    if now.history_has_ids:
        return ()
    until = None if read_by is None else instant_text(read_by)
    names = {field.id: field.name for field in now.fields if field.custom}
    since: dict[tuple[str, str], int] = {}
    sql = """SELECT id, until, was FROM past_site WHERE source = ? AND instr(was, '"fields":') > 0 ORDER BY id DESC"""
    for number, ended, was in db.rows(sql, (source,)):
        for field_id, before in json_value(was)["fields"].items():
            taken, lost = names.pop(field_id, None), before["name"] if before and before["custom"] else None
            if lost is not None:
                names[field_id] = lost
            if taken != lost and (until is None or ended <= until):
                since |= {(field_id, name): first for name, first in ((taken, number), (lost, 0)) if name is not None}
    found = [NameSeen(field_id, name, first) for (field_id, name), first in since.items()]
    return tuple(sorted(found, key=lambda seen: (seen.since, seen.id, seen.name)))


def keep_former_accounts(
    db: Database, source: str, replaced: Iterable[tuple[object, Row | None]], at: datetime
) -> None:
    """Store what the rows of these accounts held before; None for a new account."""
    rows = [(source, account, instant_text(at), _account_text(before)) for account, before in replaced]
    db.execute_many("INSERT INTO past_account (source, account, until, was) VALUES (?,?,?,?)", rows)


def accounts_at(db: Database, source: str, now: Sequence[Account], at: datetime) -> tuple[Account, ...]:
    """Return the accounts of a site as they were known at an instant; `now` are those of now."""
    known: dict[str, Account | None] = {account.id: account for account in now}
    sql = "SELECT account, was FROM past_account WHERE source = ? AND until > ? ORDER BY id DESC"
    for account, was in db.rows(sql, (source, instant_text(at))):
        known[account] = _account(account, was)
    return tuple(account for _, account in sorted(known.items()) if account is not None)


def _account_text(before: Row | None) -> str:
    return _NOTHING if before is None else json_text([before[1], before[2], json_value(before[3])])


def _account(account: str, was: str) -> Account | None:
    if was == _NOTHING:
        return None
    name, active, aliases = json_value(was)
    return Account(account, name, None if active is None else bool(active), tuple(aliases))


def _replaced(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: was for name, was in before.items() if name not in _LISTS and was != after[name]}
    for name in _LISTS:
        old, new = _by_id(before[name]), _by_id(after[name])
        changed = {key: old.get(key) for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        if changed:
            found[name] = changed
    return found


def _with_former(facts: Mapping[str, Any], was: Mapping[str, Any]) -> dict[str, Any]:
    earlier = {**facts, **was}
    for name in _LISTS:
        objects = {**_by_id(facts[name]), **was.get(name, {})}
        earlier[name] = [objects[key] for key in sorted(objects) if objects[key] is not None]
    return earlier


def _by_id(objects: Any) -> dict[str, Any]:
    return {known["id"]: known for known in objects}
