"""Values that no field holds: derived from history and actions (docs/contract.md 7, docs/clause10.md 2.4)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from capa_sync.model.record import STAGE_ORDER, CapaRecord, Stage
from capa_sync.model.similar import EarlierMatch
from capa_sync.model.ticket import Origin
from capa_sync.model.values import EMPTY, FILLED, UNMAPPED, Value, ValueState
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context, Derivations
from capa_sync.rules.terms import Terms

_IMPLEMENTED = frozenset({"implemented"})
_CLOSED = Stage.CLOSED


def _at(instant: datetime) -> Value:
    return Value(ValueState.FILLED, instant)


def _unreadable(reason: str) -> Value:
    return Value(ValueState.UNREADABLE, reason=reason)


_STAGES = {stage: Value(ValueState.FILLED, stage.value, stage.value) for stage in Stage}


def _stage(context: Context) -> Value:
    return _STAGES[context.record.stage]


def _source_status(context: Context) -> Value:
    status = context.record.source_status
    return Value(ValueState.FILLED, status, status)


def _presence(context: Context) -> Value:
    presence = context.record.presence.value
    return Value(ValueState.FILLED, presence, presence)


def _created_at(context: Context) -> Value:
    return _at(context.record.created_at)


def _identified_at(context: Context) -> Value:
    detected = context.record.fields["detected_at"]
    if detected.state is FILLED:
        return detected
    return detected if detected.state in {ValueState.ERROR, ValueState.UNREADABLE} else _created_at(context)


def _action_needed(context: Context) -> Value:
    """An action row makes the value yes, mapped or not; while rows may be missing, a `no` is not certain."""
    if context.actions:
        return Value(ValueState.FILLED, "yes", "yes")
    value = context.record.fields["action_needed"]
    if value.data != "yes" and context.record.actions_mapped and context.actions_unknown:
        return _unreadable(context.actions_unknown)
    return value


def _action_started_at(context: Context) -> Value:
    start = context.action_start()
    if start.known is not None:
        return _at(start.known.at)
    if start.possible is None:
        return EMPTY
    if not context.record.actions_mapped and not context.record.actions:
        return UNMAPPED
    return _unreadable(context.actions_unknown or context.history_unknown("action_started_at"))


def _implemented_at(context: Context) -> Value:
    done = [action.done_at for action in context.actions]
    if any(instant is None for instant in done):
        return EMPTY
    if context.actions_unknown and context.record.actions_mapped:
        return _unreadable(context.actions_unknown)
    if done:
        return _at(max(instant for instant in done if instant is not None))
    if context.record.stage not in STAGE_ORDER[STAGE_ORDER.index(Stage.IMPLEMENTED) :]:
        return EMPTY
    first = context.first_became("stage", _IMPLEMENTED)
    if first.possible is not None:
        return _unreadable(context.history_unknown("implemented_at"))
    return EMPTY if first.known is None else _at(first.known.at)


def _closed_at(context: Context) -> Value:
    if context.record.stage is not _CLOSED:
        return EMPTY
    entry, sure = context.last_entry("closed")
    if entry is None or not sure:
        return _unreadable(context.unlisted("closed_at") or say.CLOSED_WHEN_UNKNOWN)
    return _at(entry.at)


def _closed_by(context: Context) -> Value:
    """Return who closed the record; an ignored account is unreadable, so that the rule cannot tell."""
    if context.record.stage is not _CLOSED:
        return EMPTY
    entry, sure = context.last_entry("closed")
    if entry is None or entry.change is None or not sure or entry.change.by is None:
        return _unreadable((not sure and context.unlisted("closed_by")) or say.CLOSED_BY_UNKNOWN)
    if not entry.change.human:
        return _unreadable(say.CLOSED_BY_NO_PERSON)
    return Value(ValueState.FILLED, entry.change.by, context.person(entry.change.by))


def _actions(context: Context) -> Value:
    keys = tuple(action.key for action in context.actions)
    if keys:
        return Value(ValueState.FILLED, keys, ", ".join(keys))
    if not context.record.actions_mapped and not context.record.actions:
        return UNMAPPED
    return _unreadable(context.actions_unknown) if context.actions_unknown else EMPTY


def _action_owners(context: Context) -> Value:
    owners = dict.fromkeys(str(a.owner.data) for a in context.actions if a.owner.is_filled)
    unsure = context.actions_unknown or any(not a.owner.is_known for a in context.actions)
    if owners:
        return Value(ValueState.FILLED, tuple(owners), ", ".join(map(context.person, owners)))
    if not context.record.actions_mapped and not context.record.actions:
        return UNMAPPED
    return _unreadable(context.actions_unknown or say.OWNER_UNREADABLE) if unsure else EMPTY


def _replans(context: Context) -> Value:
    due = context.record.fields["due_at"]
    if not due.is_known:
        return due
    return Value(ValueState.FILLED, float(len(context.moves("due_at"))))


def _reviewed_at(context: Context) -> Value:
    """Return the date of the review; where none is given, when the present result was set."""
    given, result = context.record.fields["effectiveness_at"], context.record.fields["effectiveness_result"]
    if given.is_filled or given.state in {ValueState.ERROR, ValueState.UNREADABLE}:
        return given
    if not result.is_filled:
        return EMPTY if result.is_known else result
    last = context.last_change("effectiveness_result")
    unseen = last is None or (last.origin is Origin.BIRTH and not context.history_whole)
    if last is None or unseen or context.gap("reviewed_at"):
        return _unreadable(context.gap("reviewed_at") or say.HISTORY_INCOMPLETE)
    return _at(last.at)


def _last_human_at(context: Context) -> Value:
    last = context.record.last_human_at
    if context.comments_unknown:
        return _unreadable(context.comments_unknown)
    return EMPTY if last is None else _at(last)


def _attachments(context: Context) -> Value:
    """Return the number of attachments; none is certain only where the tracker delivered the list."""
    count = context.record.attachments
    why = context.record.undelivered.get("attachments", "")
    if not count and (count is None or why):
        return _unreadable(why or say.ATTACHMENTS_NOT_READ)
    return Value(ValueState.FILLED, float(count or 0))


def _joined_tickets(context: Context) -> Value:
    return Value(ValueState.FILLED, float(len(context.record.also)))


def _joined_disagreements(context: Context) -> Value:
    """Return in what the joined tickets disagree; where one closed the record, that says more than the stages."""
    record = context.record
    named = {found.field: {found.value, found.other_value} for found in record.disagreements}
    ends = "closure" if Stage.CLOSED.value in named.get("stage", ()) else "stage"
    names = tuple(word for field, word in (("stage", ends), ("grade", "grade")) if field in named)
    if names:
        return Value(ValueState.FILLED, names, ", ".join(names))
    grade = record.fields["grade"]
    return grade if grade.state in {ValueState.ERROR, ValueState.UNREADABLE} else EMPTY


def _earlier_matches(context: Context) -> Value:
    return _keys_of(_unlike(context))


def _earlier_effective(context: Context) -> Value:
    earlier = _unlike(context)
    return _keys_of(earlier and tuple(match for match in earlier if match.is_effective))


def _unlike(context: Context) -> tuple[EarlierMatch, ...] | None:
    """Return the earlier records that count, without those that `different_from` names; None: not known."""
    named = context.record.fields["different_from"]
    earlier = context.record.earlier and _in_period(context, context.record.earlier)
    if not earlier or not isinstance(named.data, tuple):
        return None if earlier and named.state in {ValueState.ERROR, ValueState.UNREADABLE} else earlier
    names = {name.casefold() for name in named.data}
    return tuple(
        match
        for match in earlier
        if not names & {match.ticket_key.casefold(), f"{match.source}:{match.ticket_key}".casefold()}
    )


def _in_period(context: Context, earlier: tuple[EarlierMatch, ...]) -> tuple[EarlierMatch, ...]:
    """Return the records that were closed at most `recurs_within` days before this one was found."""
    detected, calendar = context.record.fields["detected_at"].data, context.terms.calendar
    found_on = calendar.local_date(detected if isinstance(detected, date) else context.record.created_at)
    first = found_on - timedelta(days=context.terms.options.recurs_within)
    return tuple(match for match in earlier if match.closed_on >= first)


def _keys_of(earlier: tuple[EarlierMatch, ...] | None) -> Value:
    if earlier is None:
        return _unreadable(say.NOT_COMPARED)
    keys = tuple(match.ticket_key for match in earlier)
    return Value(ValueState.FILLED, keys, ", ".join(keys)) if keys else EMPTY


def _recurs_within(context: Context) -> Value:
    return Value(ValueState.FILLED, float(context.terms.options.recurs_within))


def _profile(context: Context) -> Value:
    profile = context.terms.options.profile
    return Value(ValueState.FILLED, profile, profile)


DERIVED_VALUES: Derivations = {
    "stage": _stage,
    "source_status": _source_status,
    "presence": _presence,
    "created_at": _created_at,
    "identified_at": _identified_at,
    "action_needed": _action_needed,
    "action_started_at": _action_started_at,
    "implemented_at": _implemented_at,
    "closed_at": _closed_at,
    "closed_by": _closed_by,
    "actions": _actions,
    "action_owners": _action_owners,
    "replans": _replans,
    "reviewed_at": _reviewed_at,
    "last_human_at": _last_human_at,
    "attachments": _attachments,
    "joined_tickets": _joined_tickets,
    "joined_disagreements": _joined_disagreements,
    "earlier_matches": _earlier_matches,
    "earlier_effective": _earlier_effective,
    "recurs_within": _recurs_within,
    "profile": _profile,
}
"""Subject -> function that computes its value; `action_needed` is a catalogue field that action rows can override."""


def open_record(record: CapaRecord, now: datetime, terms: Terms) -> Context:
    """Return the context in which rules evaluate a record at an instant."""
    return Context(record, now, terms, DERIVED_VALUES)
