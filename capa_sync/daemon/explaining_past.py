"""Explains a ticket as of a past instant: what the rules say of what it was, or why that is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from capa_sync.daemon.explaining import Explanation, gap_notes, title_of, unknown_ticket
from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.past import map_past
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.pipeline import evaluate_alone
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.mapping import bind
from capa_sync.model.days import utc_words_or_never
from capa_sync.model.finding import Verdict
from capa_sync.model.record import CapaRecord, Unmapped, distinct_names
from capa_sync.model.site import SiteFacts
from capa_sync.model.ticket import Presence
from capa_sync.store import Register

_NOT_YET = "nothing is known of that instant: {source} was read until {read}; leave --as-of out for what is known now"
_NOBODY = "before {read}, when the tracker was first asked, nobody is known to have been active or not"
_BEFORE = (
    "before {read}, when the ticket was first read, its change history shows what it was: comments, sub-tasks and "
    "child tickets that had been deleted by then are not known"
)
_UNSEEN = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST})


class NotJudged(NamedTuple):
    """Why the rules did not judge a ticket at an instant: a sentence without its subject, and notes."""

    why: str
    notes: tuple[str, ...] = ()


def bind_as_known_at(runtime: Runtime, at: datetime) -> None:
    """Bind each mapping to the site facts as they were known at an instant.

    Before the first contact they are the oldest that are known, and nobody is known to have been active.
    """
    for name, context in runtime.contexts.items():
        read_by = runtime.register.past(at).read_by(name)
        facts = facts_known_at(runtime.register, name, at, read_by or at)
        if facts is not None:
            context.facts = facts
            context.bound = bind(context.mapping, facts, runtime.register.facts.pins(name))


def facts_known_at(register: Register, source: str, at: datetime, read_by: datetime) -> SiteFacts | None:
    """Return the site facts that the read which shows an instant rested on; None without any."""
    found = register.facts.load_at(source, at, read_by)
    if found is None:
        return None
    return found[0] if found[1] else _without_activity(found[0])


def _without_activity(facts: SiteFacts) -> SiteFacts:
    return replace(facts, accounts=tuple(replace(account, active=None) for account in facts.accounts))


def explain_past(runtime: Runtime, name: str, at: datetime, notes: Sequence[str]) -> list[Explanation]:
    """Explain every mirrored ticket of that name as it was; the runtime's mappings are bound to the facts of then.

    `notes` say as of when, and of which set the rules are.
    """
    found = [ticket for ticket in runtime.register.tickets.named(name) if ticket[0] in runtime.contexts]
    if not found:
        return unknown_ticket(runtime, name)
    sources = {context.name: context.inputs() for context in runtime.contexts.values()}
    mirror = PastMirror(runtime.register, sources, at)
    return [_explain(runtime, runtime.contexts[source], ticket_id, mirror, notes) for source, ticket_id in found]


def _explain(
    runtime: Runtime, context: SourceContext, ticket_id: str, mirror: PastMirror, notes: Sequence[str]
) -> Explanation:
    name = f"{context.name}:{mirror.key(context.name, ticket_id)}"
    if mirror.read_by(context.name) is None:
        read = utc_words_or_never(runtime.register.runs.as_of(context.name))
        why = _NOT_YET.format(source=context.name, read=read)
        return Explanation(f"{name} cannot be told", (*notes, why), is_known=False)
    all_notes = [*notes, *_notes(context, ticket_id, mirror), *_people_notes(runtime, context, mirror)]
    all_notes += _waiver_notes(runtime, context, ticket_id, mirror)
    inputs = runtime.inputs(context, mirror.at)
    record = past_record(inputs, ticket_id, mirror)
    if isinstance(record, NotJudged):
        return Explanation(f"{name} {record.why}", (*record.notes, *all_notes))
    if record.unread_join:
        all_notes.append(f"what it was then is not known: {record.unread_join}")
    else:
        all_notes.append(f"stage {record.stage} (status “{record.source_status}”), mapping {record.mapping}")
    if not record.history_complete:
        all_notes.append("its history could not be read whole: rules over history cannot tell")
    all_notes += gap_notes(record)
    all_notes += [f"{what} is unknown: {reason}" for what, reason in record.undelivered.items()]
    return Explanation(
        f"{name} {title_of(record)}{record.ticket_url}",
        tuple(all_notes),
        tuple(judge_past(inputs, record, mirror)),
        distinct_names(record.people_names),
        runtime.options.timezone,
    )


def past_record(inputs: PipelineInputs, ticket_id: str, mirror: PastMirror) -> CapaRecord | NotJudged:
    """Return a ticket's record as the rules judged it at the mirror's instant, or why they did not."""
    source = inputs.source.name
    version = mirror.version(source, ticket_id)
    if version is not None and version.ticket.created_at > mirror.at:
        created = f"it was created at {utc_words_or_never(version.ticket.created_at)}"
        return NotJudged("was not there yet", (created,))
    if not mirror.is_record(source, ticket_id):
        return NotJudged("was an action, and no record of its own")
    presence = mirror.presence(source, ticket_id)
    if presence in _UNSEEN:
        return NotJudged(f"was not judged: its presence was {presence}")
    record = map_past(inputs, ticket_id, mirror)
    if not isinstance(record, CapaRecord):
        return NotJudged("could not be mapped", tuple(_reasons(record)))
    if (record.source, record.ticket_id) != (source, ticket_id):
        carrying = f"{record.source}:{record.ticket_key}"
        note = f"it was the same nonconformity as {carrying}, which carried finding and warning"
        return NotJudged(f"was judged with {carrying}", (note,))
    return record


def judge_past(
    inputs: PipelineInputs, record: CapaRecord, mirror: PastMirror, *, explain: bool = True
) -> Sequence[Verdict]:
    """Evaluate a past record at the mirror's instant; one that had vanished, at the instant when it did."""
    at = mirror.at
    if record.presence is not Presence.PRESENT:
        since = mirror.presence_since(record.source, record.ticket_id)
        at = min(since, at) if since is not None else at
    return evaluate_alone(replace(inputs, now=at), record, explain=explain)


def _notes(context: SourceContext, ticket_id: str, mirror: PastMirror) -> list[str]:
    version = mirror.version(context.name, ticket_id)
    if version is None:
        return []
    if not mirror.was_read(version):
        return [_BEFORE.format(read=utc_words_or_never(version.first_read_at))]
    return [f"from the version that was read at {utc_words_or_never(version.read_at)}"]


def _people_notes(runtime: Runtime, context: SourceContext, mirror: PastMirror) -> list[str]:
    facts = runtime.register.facts.load_at(context.name, mirror.at, mirror.at)
    if facts is None or facts[1]:
        return []
    return [_NOBODY.format(read=utc_words_or_never(runtime.register.runs.first(context.name)))]


def _waiver_notes(runtime: Runtime, context: SourceContext, ticket_id: str, mirror: PastMirror) -> list[str]:
    return [
        f"a waiver of {waiver.rule} until {waiver.until} by {waiver.asked_by} was recorded and had not ended: "
        f"{waiver.reason}"
        for waiver in runtime.register.waivers.standing_at(context.name, ticket_id, mirror.at)
    ]


def _reasons(record: Unmapped | None) -> Sequence[str]:
    return record.reasons if record is not None else ("its stored parts make no ticket",)
