"""A request for a waiver: checked completely before anything is recorded, by the function that decides later too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from capa_sync.daemon.pipeline import explain
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.waiving import case_of, has_finding, severity_of
from capa_sync.errors import Problem, UserError
from capa_sync.findings import WaiverCase, newest_first, standing_of
from capa_sync.mapping import People
from capa_sync.model.days import YEARS
from capa_sync.model.finding import Finding, Verdict
from capa_sync.model.light import light
from capa_sync.model.near import day_hint, near_or_all
from capa_sync.model.patterns import DATE_LIKE
from capa_sync.model.record import CapaRecord
from capa_sync.model.ticket import Presence
from capa_sync.model.values import ValueState
from capa_sync.model.visible import seen
from capa_sync.model.waiver import Waiver, WaiverState, Way
from capa_sync.store import Register

LONGEST_REASON = 1_000
"""Characters of a reason, at most; the ticket shows the first 120."""


@light
class WaiverWish:
    """What a person typed: the words of the command line or of a form, unchecked."""

    ticket: str
    rule: str
    until: str
    reason: str
    by: str
    approved_by: str
    recorded_by: str
    way: Way = Way.COMMAND


_SECOND = "the second person"
"""Stands for the person who approves later; no person has this id, since it has blanks."""


def waiver_of(runtime: Runtime, wish: WaiverWish, now: datetime) -> Waiver:
    """Return the waiver that a person wishes. Raises UserError with one problem when it would not count."""
    waiver, case = _asked(runtime, wish, now)
    standing = standing_of(waiver, case)
    if standing.state is not WaiverState.ACTIVE:
        raise _refused(standing.why)
    return waiver


def waiting_waiver_of(runtime: Runtime, wish: WaiverWish, now: datetime) -> tuple[Waiver, bool]:
    """Return the waiver that a person wishes, and whether all that it lacks is a second person, for whom it waits.

    Raises UserError with one problem when it lacks more.
    """
    waiver, case = _asked(runtime, wish, now)
    standing = standing_of(waiver, case)
    if standing.state is WaiverState.ACTIVE:
        return waiver, False
    if standing_of(replace(waiver, approved_by=_SECOND), case).state is WaiverState.ACTIVE:
        return waiver, True
    raise _refused(standing.why)


def _asked(runtime: Runtime, wish: WaiverWish, now: datetime) -> tuple[Waiver, WaiverCase]:
    """Return the waiver of a wish with what decides on it. Raises UserError for a name or day that cannot be."""
    source, ticket_id = _ticket(runtime, wish.ticket)
    rule = _rule(runtime, wish.rule)
    until = _day(wish.until, now.astimezone(ZoneInfo(runtime.options.timezone)).date())
    people = runtime.contexts[source].mapping.people
    for person in filter(None, (wish.by, wish.approved_by)):
        _check_person(people, person)
    case = _case(runtime, (source, ticket_id), wish.ticket, rule, now)
    waiver = Waiver(
        source=source,
        ticket_id=ticket_id,
        rule=rule,
        until=until,
        reason=seen(wish.reason),
        asked_by=wish.by,
        asked_at=now,
        way=wish.way,
        approved_by=wish.approved_by,
        recorded_by=wish.recorded_by,
        reads=case.reads,
    )
    if len(waiver.reason) > LONGEST_REASON:
        raise _refused(f"the reason has {len(waiver.reason)} characters; write at most {LONGEST_REASON}")
    return waiver, case


def _case(runtime: Runtime, ticket: tuple[str, str], name: str, rule: str, now: datetime) -> WaiverCase:
    record, verdict, latest = _finding(runtime, *ticket, name, rule, now)
    inputs = runtime.inputs(runtime.contexts[ticket[0]], now)
    return case_of(inputs, record, rule, severity_of(verdict, latest), now)


def approval_of(runtime: Runtime, ticket: str, rule: str, by: str, now: datetime) -> Waiver:
    """Return the newest waiver of a finding that waits for its second person, with that person.

    Raises UserError when none waits, or when this person may not approve it.
    """
    source, ticket_id = _ticket(runtime, ticket)
    _check_person(runtime.contexts[source].mapping.people, by)
    standing = runtime.register.waivers.standing(source, [ticket_id]).get(ticket_id, [])
    waiting = [waiver for waiver in standing if waiver.rule == rule and not waiver.approved_by]
    if not waiting:
        raise _refused(f"no waiver of {rule} on '{ticket}' waits for a second person", "see capa-sync waivers")
    newest, case = newest_first(waiting)[0], _case(runtime, (source, ticket_id), ticket, rule, now)
    if standing_of(newest, case).state is WaiverState.ACTIVE:
        raise _refused(f"the waiver of {rule} on '{ticket}' counts already; it needs no second person")
    approved = replace(newest, approved_by=by)
    found = standing_of(approved, case)
    if found.state is not WaiverState.ACTIVE:
        raise _refused(found.why)
    return approved


def record_waiver(register: Register, waiver: Waiver, now: datetime, *, waits: bool = False) -> None:
    """Record a waiver, and make its ticket due for evaluation; one that waits for its second person ends no other.

    What a person asked for already, as by sending a form twice, changes nothing.
    """
    with register.transaction():
        standing = register.waivers.standing(waiver.source, [waiver.ticket_id]).get(waiver.ticket_id, [])
        if any(_is_again(waiver, earlier) for earlier in standing):
            return
        register.waivers.add(waiver, now, replaces=not waits)
        register.queue.want_judging(waiver.source, [waiver.ticket_id], now)


def _is_again(waiver: Waiver, earlier: Waiver) -> bool:
    """Return whether a waiver that has not ended says the same, of the same content of the ticket."""
    same = ("rule", "until", "reason", "asked_by", "reads")
    return waiver.approved_by in ("", earlier.approved_by) and all(
        getattr(waiver, name) == getattr(earlier, name) for name in same
    )


def record_approval(register: Register, source: str, ticket_id: str, number: int, by: str, now: datetime) -> None:
    """Record the second person of a waiver, and make its ticket due for evaluation."""
    with register.transaction():
        register.waivers.approve({number: by}, now)
        register.queue.want_judging(source, [ticket_id], now)


def _refused(what: str, hint: str = "") -> UserError:
    return UserError([Problem("", 0, what, hint)])


def _ticket(runtime: Runtime, name: str) -> tuple[str, str]:
    """Return source and id of the ticket whose finding is meant; of a joined record, of the primary."""
    found = [ticket for ticket in runtime.register.tickets.named(name) if ticket[0] in runtime.contexts]
    if not found:
        raise _refused(f"there is no ticket '{name}' in the register", "see capa-sync status")
    primaries = sorted({runtime.joins.primary(*ticket) for ticket in found})
    if len(primaries) > 1:
        names = " or ".join(f"{source}:{runtime.register.tickets.key(source, id_)}" for source, id_ in primaries)
        raise _refused(f"several tickets are named '{name}'", f"write {names}")
    return primaries[0]


def _rule(runtime: Runtime, name: str) -> str:
    known = [rule.id for rule in runtime.rules.rules]
    if name not in known:
        raise _refused(f"there is no rule '{name}'", near_or_all(name, known, see="see capa-sync explain TICKET"))
    return name


def _day(text: str, today: date) -> date:
    """Return the last day of the waiver, which is today or later."""
    try:
        day = date.fromisoformat(text) if DATE_LIKE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise _refused(f"'{text}' is no day", day_hint(text, "write a day such as 2026-03-31"))
    if day.year not in YEARS:
        raise _refused(f"{day} is not in the years {YEARS[0]} to {YEARS[-1]}", f"write a day from {today} on")
    if day < today:
        raise _refused(f"{day} has passed", f"write a day from {today} on")
    return day


def _check_person(people: People, person: str) -> None:
    """Raise UserError unless a person may waive: listed, active, and a member of the waiver group."""
    group = people.waiver_group
    members = people.groups.get(group, ())
    if not group:
        raise _refused("the people file names no waiver group", "write `waiver_group: …` into it")
    if person not in people.names:
        raise _refused(f"there is no person '{person}' in the people file", near_or_all(person, members))
    if person not in members:
        raise _refused(f"'{person}' is no member of the waiver group '{group}'", _one_of(members))
    if person in people.gone:
        raise _refused(f"'{person}' has left: the people file says `active: no`", _one_of(members))


def _one_of(members: Iterable[str]) -> str:
    return f"its members are {', '.join(members)}"


def _finding(
    runtime: Runtime, source: str, ticket_id: str, name: str, rule: str, now: datetime
) -> tuple[CapaRecord, Verdict | None, Finding | None]:
    """Return the record, the rule's verdict and its latest episode. Raises UserError when there is none to waive."""
    context = runtime.contexts[source]
    explained = explain(runtime.inputs(context, now), ticket_id)
    if runtime.register.tickets.is_action(source, ticket_id) or not isinstance(explained, tuple):
        raise _refused(f"'{name}' is not judged, so there is nothing to waive", f"see capa-sync explain {name}")
    record, verdicts = explained
    if record.presence is not Presence.PRESENT:
        raise _refused(f"'{name}' is {record.presence.replace('_', ' ')}, so there is nothing to waive")
    verdict = next((verdict for verdict in verdicts if verdict.rule == rule), None)
    episodes = runtime.register.findings.latest(source, ticket_id)
    latest = next((finding for finding in episodes if finding.rule == rule), None)
    if not has_finding(verdict, latest):
        raise _refused(f"{rule} finds nothing on '{name}', so there is nothing to waive")
    if record.fields["owner"].state in {ValueState.ERROR, ValueState.UNREADABLE}:
        raise _refused(
            f"the owner of '{name}' cannot be read, so nobody knows whether the owner asks",
            "see capa-sync explain",
        )
    return record, verdict, latest
