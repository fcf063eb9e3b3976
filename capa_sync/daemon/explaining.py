"""Explains a ticket: evaluates its rules again with their evidence, or returns why it is not in the register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime

from capa_sync.daemon.pipeline import explain
from capa_sync.daemon.roles import records_with, role_notes
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.waiving import waivers_on
from capa_sync.model.days import utc_words, utc_words_or_never
from capa_sync.model.finding import Verdict
from capa_sync.model.light import light
from capa_sync.model.record import CapaRecord, Unmapped, distinct_names
from capa_sync.model.ticket import Presence
from capa_sync.model.values import BLANK
from capa_sync.model.waiver import WaiverState

_LONGEST = 200
"""Characters of a value in a note; the page of the record shows more."""


@light
class Explanation:
    """The explanation of one ticket: a headline, notes in words, and verdicts when it could be judged.

    `is_known` is False when no source has a ticket of that name. `names` holds display names by person id, `timezone`
    the zone in which instants are shown.
    """

    headline: str
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    timezone: str = "UTC"
    is_known: bool = True


def explain_ticket(runtime: Runtime, name: str, now: datetime) -> list[Explanation]:
    """Explain every mirrored ticket of that name (`KEY` or `SOURCE:KEY`), or return why there is none."""
    found = [ticket for ticket in runtime.register.tickets.named(name) if ticket[0] in runtime.contexts]
    if not found:
        return unknown_ticket(runtime, name)
    return [_explain(runtime, runtime.contexts[source], ticket_id, now) for source, ticket_id in found]


def _explain(runtime: Runtime, context: SourceContext, ticket_id: str, now: datetime) -> Explanation:
    tickets = runtime.register.tickets
    key = tickets.key(context.name, ticket_id)
    as_of = utc_words_or_never(runtime.register.runs.as_of(context.name))
    notes = [f"as of {as_of}", *_presence_notes(runtime, context, ticket_id)]
    notes += role_notes(runtime, context, ticket_id)
    if tickets.is_action(context.name, ticket_id):
        records = records_with(runtime.register, context.mapping, context.name, [ticket_id], former=False)
        owners = sorted(tickets.key(context.name, owner) for owner in records)
        what = f"is an action of {', '.join(owners) or 'no record'}"
        return Explanation(f"{context.name}:{key} {what}", (*_ticket_notes(runtime, context, ticket_id), *notes))
    source, carrying = runtime.joins.primary(context.name, ticket_id)
    if (source, carrying) != (context.name, ticket_id):
        primary_name = f"{source}:{runtime.register.tickets.key(source, carrying)}"
        notes.append(f"it is the same nonconformity as {primary_name}, which carries finding and warning")
        shown = (*_ticket_notes(runtime, context, ticket_id), *notes)
        return Explanation(f"{context.name}:{key} is judged with {primary_name}", shown)
    explained = explain(runtime.inputs(context, now), ticket_id)
    if explained is None or isinstance(explained, Unmapped):
        reasons = explained.reasons if explained is not None else ("the tracker was never reached",)
        shown = (*_ticket_notes(runtime, context, ticket_id), *reasons, *notes)
        return Explanation(f"{context.name}:{key} is quarantined: it could not be mapped", shown)
    record, verdicts = explained
    notes.append(f"stage {record.stage} (status “{record.source_status}”), mapping {record.mapping}")
    if not record.history_complete:
        notes.append("its history could not be read whole: rules over history cannot tell")
    notes += _disagreement_notes(record)
    notes += gap_notes(record)
    notes += _waiver_notes(runtime, context, record, verdicts, now)
    notes += [f"{name} is unknown: {reason}" for name, reason in record.undelivered.items()]
    headline = f"{context.name}:{key} {title_of(record)}{record.ticket_url}"
    return Explanation(
        headline, tuple(notes), tuple(verdicts), distinct_names(record.people_names), runtime.options.timezone
    )


def unknown_ticket(runtime: Runtime, name: str) -> list[Explanation]:
    """Explain why no ticket of that name is mirrored."""
    if unread := _explain_unread(runtime, name):
        return unread
    if stones := runtime.register.erasures.named(name):
        return [Explanation(str(stone), ("it is not mirrored again",)) for stone in stones]
    return [Explanation(f"{name} is not in the register", tuple(_why_unknown(runtime, name)), is_known=False)]


def _explain_unread(runtime: Runtime, name: str) -> list[Explanation]:
    """Explain every ticket of that name whose answers never made a ticket, so that the mirror does not know it."""
    return [
        Explanation(
            f"{source}:{key} is quarantined: it could not be read",
            (reason, f"as of {utc_words_or_never(runtime.register.runs.as_of(source))}"),
        )
        for source, ticket_id, key, reason in runtime.register.tickets.never_read()
        if source in runtime.contexts
        and name.lower() in [word.lower() for own in (key, ticket_id) for word in (own, f"{source}:{own}")]
    ]


def title_of(record: CapaRecord) -> str:
    """Return a record's title in quotation marks and a space, "" where it has none."""
    title = record.fields["title"].text
    return f"“{title}” " if title else ""


def _ticket_notes(runtime: Runtime, context: SourceContext, ticket_id: str) -> list[str]:
    """Return title and address of a ticket that is shown without a record; none where its answer made no ticket."""
    tickets = runtime.register.tickets
    if ticket_id in tickets.unread(context.name):
        return []
    ticket = tickets.ticket(context.name, ticket_id, context.source.parser())
    if ticket is None:
        return []
    place = context.kind.children.text if context.kind.children else ""
    title = _shortened(ticket.values.get(place, BLANK).text)
    return [" ".join(filter(None, (f"“{title}”" if title else "", ticket.url)))]


def _presence_notes(runtime: Runtime, context: SourceContext, ticket_id: str) -> list[str]:
    tickets = runtime.register.tickets
    presence, at = tickets.presence(context.name, ticket_id), tickets.presence_confirmed_at(context.name, ticket_id)
    confirmed = f"confirmed {utc_words_or_never(at)}" if at is not None else "not confirmed"
    effect = "" if presence is Presence.PRESENT else ": nothing is written on it"
    return [f"its presence is {presence}, {confirmed}{effect}"]


def _why_unknown(runtime: Runtime, name: str) -> list[str]:
    """Return for each source that the name may belong to what was read there, and until when."""
    source, colon, _key = name.partition(":")
    if colon and source not in runtime.contexts:
        return [f"there is no source '{source}'; the settings name: {', '.join(runtime.contexts)}"]
    return [
        f"{context.name} was read until {utc_words(at)} with "
        f"{context.scope}; a ticket outside of that, or hidden from our account, is not mirrored"
        if (at := runtime.register.runs.as_of(context.name)) is not None
        else f"{context.name} was never read to its end; run `capa-sync sync`"
        for context in runtime.contexts.values()
        if not colon or context.name == source
    ]


def _waiver_notes(
    runtime: Runtime, context: SourceContext, record: CapaRecord, verdicts: Sequence[Verdict], now: datetime
) -> list[str]:
    """Return what each waiver of the ticket does now."""
    register, ticket_id = runtime.register, record.ticket_id
    waivers = register.waivers.standing(context.name, [ticket_id]).get(ticket_id, [])
    episodes = register.findings.latest(context.name, ticket_id)
    found = waivers_on(runtime.inputs(context, now), waivers, record, episodes, verdicts, now)
    return [
        f"{waiver.rule} is waived until {waiver.until} by {waiver.asked_by}: {waiver.reason}"
        if standing.state is WaiverState.ACTIVE
        else f"a waiver of {waiver.rule} until {waiver.until} has no effect: {standing.why}"
        for waiver, standing in found.decided
    ]


def _disagreement_notes(record: CapaRecord) -> list[str]:
    """Return in what the tickets of a joined record disagree, with the values on both sides."""
    return [
        f"the joined tickets disagree on {found.field}: {':'.join(found.at)} has “{_shortened(found.value)}”, "
        f"{':'.join(found.other)} has “{_shortened(found.other_value)}”"
        for found in record.disagreements
    ]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def gap_notes(record: CapaRecord) -> list[str]:
    """Return which fields have an unknown history, by reason."""
    fields: dict[str, list[str]] = {}
    for name, reason in record.history_gaps.items():
        fields.setdefault(reason, []).append(name)
    return [
        f"rules over the history of {', '.join(sorted(names))} cannot tell: {reason}"
        for reason, names in fields.items()
    ]
