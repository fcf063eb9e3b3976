"""Checks of one source before anything is mirrored: `doctor`. It reads, and changes neither tracker nor register."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import field
from datetime import datetime, timedelta

from capa_sync.daemon.clocks import clock_problem, note_server_time
from capa_sync.daemon.known_site import with_names_seen
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import Authentication, Problem, SourceError
from capa_sync.mapping import (
    BoundMapping,
    bind,
    score,
    unlisted_options,
    unlisted_statuses,
    unmapped_names,
    unoffered_names,
)
from capa_sync.mapping.suggestions import suggest
from capa_sync.mapping.texts import fold
from capa_sync.model.amounts import count_of
from capa_sync.model.catalogue import FIELDS
from capa_sync.model.days import utc_words
from capa_sync.model.inspection import Check, CheckState, Inspection
from capa_sync.model.light import light
from capa_sync.model.near import near_or_all
from capa_sync.model.record import ActionOrigin
from capa_sync.model.site import SiteFacts
from capa_sync.model.to_do import to_do
from capa_sync.rules import undecidable

_SURELY = 0.8
"""Confidence of a proposal above which it is seldom wrong (docs/mapping.md)."""
STARTER_SOURCES = frozenset({"jira", "jira-dc", "servicenow"})
"""Sources that the people file of `capa-sync init` names; settings seldom have all of them."""
_SAME_ZONE = frozenset({"UTC", "GMT", "Etc/UTC"})


@light
class KnownSource:
    """What an existing register knows of a source.

    Attributes:
        pins: canonical field -> pinned field id. not_before: until when the tracker asked for no request.
        facts: its site facts, None before the first contact.
    """

    pins: Mapping[str, str] = field(default_factory=dict)
    not_before: datetime | None = None
    facts: SiteFacts | None = None


def examine(runtime: Runtime, context: SourceContext, known: KnownSource) -> list[Check]:
    """Return every check of a source, in the order in which a person mends them."""
    now = runtime.clock.now()
    if known.not_before is not None and known.not_before > now:
        what = f"the tracker asked us to wait until {utc_words(known.not_before)}; no request was sent"
        return [_unread(what, "run `capa-sync doctor` again after that instant")]
    try:
        facts = context.source.identify()
        note_server_time(context, facts.server_time, now, runtime.clock.now())
        inspection = context.source.inspect(writes=context.write.mode != "off")
    except SourceError as error:
        return [_refused(error)]
    if known.facts is not None:
        facts = with_names_seen(facts, known.facts)
    context.facts, context.bound = facts, bind(context.mapping, facts, known.pins)
    return [
        _signed_in(context, facts),
        *_times(runtime, context, facts),
        _tickets(context, inspection),
        *inspection.checks,
        *_missing_rights(facts),
        *_mapping(context, context.bound, inspection),
        *_people(context, list(runtime.contexts)),
        *_drift(context.bound, known),
        *_rules(runtime, context.bound),
    ]


def _unread(what: str, do: str) -> Check:
    return Check("reachable", CheckState.PROBLEM, what, "nothing of this source can be read before", do)


def _refused(error: SourceError) -> Check:
    if isinstance(error, Authentication):
        return Check(
            "sign_in", CheckState.PROBLEM, error.message, "without a sign-in nothing can be read", to_do(error)
        )
    return _unread(error.message, to_do(error))


def _signed_in(context: SourceContext, facts: SiteFacts) -> Check:
    what = f"{context.kind.title} at {context.url} answers us as {facts.me.name} ({facts.me.id})"
    return Check(
        "sign_in", CheckState.OK, what, "by it our comments and edits are distinguished from those of people"
    )


def _times(runtime: Runtime, context: SourceContext, facts: SiteFacts) -> Iterator[Check]:
    why = "with a wrong clock no deadline can be checked, so nothing is judged"
    offset = context.source.clock_offset
    if wrong := clock_problem(context):
        do = "set this machine's clock (NTP), or raise max_clock_skew if the tracker's is wrong"
        yield Check("clock", CheckState.PROBLEM, wrong, why, do)
    elif offset is None:
        yield Check(
            "clock",
            CheckState.UNPROVEN,
            "the tracker's answers have no date that can be right",
            why,
            "look at both clocks",
        )
    else:
        away = round(abs(offset) / timedelta(seconds=1))
        yield Check("clock", CheckState.OK, f"our clock is within {away} s of the tracker's", why)
    zone, why = runtime.options.timezone, "a deadline that is only a date ends at midnight in the settings' time zone"
    if facts.time_zone in {zone, *_SAME_ZONE}:
        yield Check("time_zone", CheckState.OK, f"deadlines end at 24:00 in {zone}", why)
    else:
        what = f"deadlines end at 24:00 in {zone}, and our account in the tracker is set to {facts.time_zone}"
        yield Check("time_zone", CheckState.ADVICE, what, why, "set `timezone` to the zone of your organisation")


def _tickets(context: SourceContext, inspection: Inspection) -> Check:
    why = "only tickets that the query names are mirrored and judged"
    if inspection.tickets:
        what = f"{context.scope} names {', '.join(inspection.keys[:3])}{' …' if inspection.tickets > 3 else ''}"
        return Check("query", CheckState.OK, what, why)
    do = "open the same query in the tracker as our account; a project that we may not browse shows no ticket"
    return Check("query", CheckState.ADVICE, f"{context.scope} names no ticket", why, do)


def _missing_rights(facts: SiteFacts) -> Iterator[Check]:
    for right in facts.missing_rights:
        what, _, do = right.partition("; ask ")
        what, _, meaning = what.partition(", so ")
        yield Check("missing_right", CheckState.PROBLEM, what, meaning, f"ask {do}")


# --- the mapping ---------------------------------------------------------------------------------------------------
def _mapping(context: SourceContext, bound: BoundMapping, inspection: Inspection) -> Iterator[Check]:
    for problem in bound.problems:
        why = "the field counts as unmapped: rules that need it cannot tell"
        yield _mentioned("mapped_field", CheckState.MISTAKE, problem, why)
    drifts = set(bound.drifts)
    for note in (*context.notes, *bound.notes):
        if note not in drifts:
            yield _mentioned("mapped_value", _state_of(note, context, bound), note, _NEVER)
    for name in unoffered_names(bound.mapping, bound.facts, bound.pins, inspection.offered):
        state = CheckState.MISTAKE if name.is_slip else CheckState.ADVICE
        yield _mentioned("mapped_value", state, name.problem, _NEVER)
    yield from _unnamed_subtasks(bound, inspection)
    for note, names, ids in unlisted_options(bound, inspection.fields):
        why = "on a ticket with one of them the field is an error: rules that need it cannot tell"
        yield _mentioned("unlisted_option", _worst(names, _texts_in(inspection, ids)), note, why)
    unlisted = unlisted_statuses(bound, inspection.statuses or ())
    seen = _texts_in(inspection, {bound.stage.field_id} if bound.stage else ())
    yield from _unlisted_statuses(bound, [name for name in unlisted if name in seen], CheckState.MISTAKE)
    yield from _unlisted_statuses(bound, [name for name in unlisted if name not in seen], CheckState.ADVICE)
    yield from _unused_fields(context, bound, inspection)
    if not bound.problems:
        share = f"{len(bound.fields)} of our fields are mapped ({score(bound):.0%})"
        yield Check("mapping", CheckState.OK, share, "no rule can decide what is not mapped")


_NEVER = "what the mapping expects there never occurs"


def _state_of(note: Problem, context: SourceContext, bound: BoundMapping) -> CheckState:
    """Return `mistake` for a slip, and for a source that the mapping itself names and the settings do not."""
    is_wrong = note in bound.slips or (note in context.notes and note.file == bound.mapping.file)
    return CheckState.MISTAKE if is_wrong else CheckState.ADVICE


def _unnamed_subtasks(bound: BoundMapping, inspection: Inspection) -> Iterator[Check]:
    """Yield a check for each type of sub-tasks that tickets have and no action place names."""
    mapping = bound.mapping
    named = {fold(name) for entry in mapping.actions if entry.origin is ActionOrigin.SUBTASK for name in entry.types}
    for name, number in inspection.subtasks.items():
        if fold(name) not in named:
            are = "is no action" if number == 1 else "are no actions"
            what = f"{count_of(number, 'sub-task')} of type '{name}' {are} by this mapping"
            why = "what is planned and done there does not count: rules may warn that a record has no action"
            do = f"if such sub-tasks are actions, add the type to `types:` under `actions:` in {mapping.file}"
            yield Check("unnamed_subtask", CheckState.ADVICE, what, why, do)


def _unused_fields(context: SourceContext, bound: BoundMapping, inspection: Inspection) -> Iterator[Check]:
    """Yield a check where the tracker has fields that surely mean what the mapping names no field for."""
    used = {part.field_id for mapped in bound.fields for part in mapped.parts}
    proposed = suggest(context.kind, bound.facts, inspection).fields
    best = {name: proposed[name][0] for name in FIELDS if name in unmapped_names(bound) and name in proposed}
    found = [
        f"`{name}: {proposal.field.name}`"
        for name, proposal in best.items()
        if proposal.guess.confidence > _SURELY and proposal.field.id not in used
    ]
    if found:
        what = f"the tracker has what the mapping does not name: {', '.join(found)}"
        why = "rules that need it cannot tell, although the tracker may know it"
        do = f"if that is meant, write it under `record:` in {bound.mapping.file}"
        yield Check("unused_field", CheckState.ADVICE, what, why, do)


def _unlisted_statuses(bound: BoundMapping, names: Sequence[str], state: CheckState) -> Iterator[Check]:
    if names:
        held = "that tickets are in" if state is CheckState.MISTAKE else "that no ticket looked at is in"
        what = f"`stage: values:` does not list the status {', '.join(names)}, {held}"
        note = Problem(bound.mapping.file, bound.mapping.stage.line, what, "list each with its stage")
        yield _mentioned("unlisted_status", state, note, "a ticket in such a status is quarantined, not judged")


def _texts_in(inspection: Inspection, field_ids: Iterable[str]) -> set[str]:
    """Return what the tickets looked at hold in these fields: elsewhere the same word means something else."""
    return {text for field_id in field_ids for text in inspection.samples.get(field_id, ())}


def _worst(names: Sequence[str], seen: Set[str]) -> CheckState:
    """Return `mistake` where a ticket that was looked at holds one of these, else `advice`."""
    return CheckState.ADVICE if seen.isdisjoint(names) else CheckState.MISTAKE


def _mentioned(name: str, state: CheckState, problem: Problem, why: str) -> Check:
    where = str(Problem(problem.file, problem.line, problem.what))
    return Check(name, state, where, why, problem.hint or "correct the mapping")


def _people(context: SourceContext, sources: Sequence[str]) -> Iterator[Check]:
    """Yield a check for each source with accounts in the people file that the settings do not have.

    A people file may serve several installations, so this is no mistake; the names of the starter's own file say
    nothing, and what looks like a slip of all accounts of a source is told at every start (`unknown_sources`).
    """
    noted = {(note.file, note.line) for note in context.notes}
    for name, (file, line) in context.mapping.people.sources.items():
        if name not in sources and name not in STARTER_SOURCES and (file, line) not in noted:
            meant = next((source for source in sources if name.startswith(source) or source.startswith(name)), "")
            hint = f"did you mean '{meant}'?" if meant else near_or_all(name, sources)
            note = Problem(file, line, f"no source is called '{name}'", hint)
            yield _mentioned(
                "people_source", CheckState.ADVICE, note, "the accounts below that name count for nobody"
            )


def _drift(bound: BoundMapping, known: KnownSource) -> Iterator[Check]:
    why = "a field keeps its id when it is renamed; the register goes on with the id"
    for drift in bound.drifts:
        yield _mentioned("drift", CheckState.ADVICE, drift, why)
    if known.pins and not bound.drifts:
        yield Check("drift", CheckState.OK, "no mapped field was renamed or removed since the last `sync`", why)


# --- the rules -----------------------------------------------------------------------------------------------------
def _rules(runtime: Runtime, bound: BoundMapping) -> Iterator[Check]:
    why = "a rule that the mapping gives nothing to says “cannot tell” on every ticket, and warns nobody"
    missing = unmapped_names(bound)
    found = undecidable(runtime.rules, missing, has_actions=bool(bound.actions))
    for rule, fields in found.items():
        what = f"the rule {rule} can never decide: {_unmapped(fields)}"
        do = f"map {', '.join(fields)} in {bound.mapping.file}, or take the rule out"
        yield Check("rule", CheckState.ADVICE, what, why, do)
    if not found:
        count = count_of(len(runtime.rules.reads()), "rule")
        yield Check("rule", CheckState.OK, f"{count} can decide with this mapping", why)


def _unmapped(fields: Sequence[str]) -> str:
    return f"{', '.join(fields)} {'is' if len(fields) == 1 else 'are'} not mapped"
