"""A record under evaluation: its values, its history by field, and what follows from both, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.model.finding import Evidence
from capa_sync.model.record import Action, ActionKind, ActionOrigin, CapaRecord, FieldChange, distinct_names
from capa_sync.model.ticket import BIRTH
from capa_sync.model.values import FILLED, Value, ValueState
from capa_sync.rules import sentences as say
from capa_sync.rules.moments import DAWN, FirstTime, Moment, Truth, first_of
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.terms import Terms
from capa_sync.rules.unlisted import HISTORY_OF, UNSURE, unlisted_values

_COUNTED = frozenset({ActionKind.CORRECTIVE, ActionKind.PREVENTIVE})
_IMPLEMENTED = frozenset({"implemented"})
Fact = tuple[str, str, datetime | None, str | None, str]
"""What, text, instant, person and history entry of an evidence."""


class DueDateMove(NamedTuple):
    """One move of a date to a later one by a human; `passed`: the old date had already ended."""

    change: FieldChange
    old: date | datetime
    new: date | datetime
    passed: bool


class Context:
    """One record at one instant. `now` is the only clock that phrases may read.

    Rules ask many of the same questions, so the context caches the answers.

    Attributes:
        facts: subject -> the fact that its value is. evidence: test -> evidence.
        judged: test -> its truth, and when time alone changes it.
        all_actions: every corrective or preventive action that ever was one, cancelled ones included.
        actions: the actions that rules count: not cancelled, not from a field that is now empty.
        actions_unknown: why the list of actions may be incomplete, "" when it is complete.
        history_whole: nothing of the record's history is missing.
        texts: the words of messages; English, but while a message is translated.
    """

    all_actions: Sequence[Action] = ()
    actions: Sequence[Action] = ()
    texts: CommentTexts = ENGLISH
    _latest: Mapping[str, FieldChange] | None = None
    _names: Mapping[str, str] | None = None

    def __init__(self, record: CapaRecord, now: datetime, terms: Terms, derive: Derivations) -> None:
        self.record = record
        self.now = now
        self.terms = terms
        self._derive = derive
        self._derived: dict[str, Value] = {}
        if record.actions:
            self.all_actions = [action for action in record.actions if action.kind in _COUNTED]
            self.actions = [action for action in self.all_actions if _is_there(action)]
        self.actions_unknown = _why_incomplete(record)
        self._changes: dict[str, Sequence[FieldChange]] = {}
        self.facts: dict[str, Fact] = {}
        self.judged: dict[object, tuple[Truth, datetime | None]] = {}
        self.evidence: dict[object, list[Evidence]] = {}
        self._firsts: dict[str | tuple[str, frozenset[str]], FirstTime] = {}
        self._entries: dict[str, tuple[Moment | None, bool]] = {}
        self._moves: dict[str, list[DueDateMove]] = {}
        self.history_whole = record.history_complete or _begins_with_it(record)

    def is_whole(self, name: str) -> bool:
        """Return whether the history of a subject, or the history that it is computed from, is complete."""
        return self.history_whole and not self.gap(name)

    def gap(self, name: str) -> str:
        """Return why the history of this subject alone is not known, "" when it is."""
        gaps, undelivered = self.record.history_gaps, self.record.undelivered
        if not gaps and not undelivered:
            return ""
        fields = HISTORY_OF.get(name, (name,))
        return next((why for field in fields if (why := gaps.get(field) or undelivered.get(field))), "")

    @property
    def comments_unknown(self) -> str:
        """Why there may be comments that were not read, "" when all were."""
        return self.record.undelivered.get("comments", "")

    def value(self, name: str) -> Value:
        """Return the present value of a subject, derived or not."""
        derive = self._derive.get(name)
        if derive is None:
            return self.record.fields[name]
        made = self._derived.get(name)
        if made is None:
            made = self._derived[name] = derive(self)
        return made

    def label(self, name: str) -> str:
        """Return the label of a subject for people: the tracker's own label where the mapping knows it."""
        return self.record.labels.get(name) or self.texts.fields.get(name) or SUBJECTS[name].label

    def person(self, person_id: str | None) -> str:
        """Return the display name of a person, with the id where two persons of this record have the same name."""
        if not person_id:
            return self.texts.sentences.unknown_person
        if self._names is None:
            self._names = distinct_names(self.record.people_names)
        return self._names.get(person_id, person_id)

    def is_seen(self, moment: Moment | None) -> bool:
        """Return whether the history shows this moment.

        Where a history begins later than its ticket, the values that it begins with were set at an unknown time.
        """
        if moment is None:
            return False
        change = moment.change
        return self.history_whole or (change is not None and change.origin is not BIRTH)

    def changes(self, field: str) -> Sequence[FieldChange]:
        """Return the changes of one field, oldest first; the value at creation is the first (`Origin.BIRTH`)."""
        found = self._changes.get(field)
        if found is None:
            found = self._changes[field] = [change for change in self.record.timeline if change.field == field]
        return found

    def latest(self, field: str) -> FieldChange | None:
        """Return the last history entry of a field, None where it has none."""
        if self._latest is None:
            self._latest = {change.field: change for change in self.record.timeline}
        return self._latest.get(field)

    def last_change(self, field: str) -> FieldChange | None:
        """Return the last change of a field to another value, or its value at creation; None without either."""
        found = (c for c in reversed(self.changes(field)) if c.origin is BIRTH or c.old != c.new)
        return next(found, None)

    def first_filled(self, field: str) -> FirstTime:
        """Return when a field was first filled; a later emptying or rewording does not change this."""
        found = self._firsts.get(field)
        if found is None:
            found = self._firsts[field] = self._first(field, None)
        return found

    def first_became(self, field: str, words: frozenset[str]) -> FirstTime:
        """Return when an enum, stage or status first held one of some words (compared without case)."""
        found = self._firsts.get((field, words))
        if found is None:
            found = self._firsts[field, words] = self._first(field, words)
        return found

    def last_entry(self, stage: str) -> tuple[Moment | None, bool]:
        """Return the last entry into a stage, and whether it is certain that no other entry followed."""
        found = self._entries.get(stage)
        if found is None:
            found = self._entries[stage] = self._last_entry(stage)
        return found

    def _last_entry(self, stage: str) -> tuple[Moment | None, bool]:
        later: list[FieldChange] = []
        for change in reversed(self.record.timeline):
            if change.field != "stage":
                continue
            if change.new.data == stage and (change.old.data != stage or change.origin is BIRTH):
                return Moment(change.at, change.group, change), self._is_last_entry(change, later)
            later.append(change)
        return None, self.is_whole("stage")

    def _is_last_entry(self, entry: FieldChange, later: Sequence[FieldChange]) -> bool:
        """Return whether it is certain that an entry into a stage was the last, by what followed it."""
        if entry.old.state in UNSURE or any(c.new.state in UNSURE and c.group > entry.group for c in later):
            return False
        if self.gap("stage"):
            return False
        start = self.record.history_from
        return self.history_whole or (entry.origin is not BIRTH and start is not None and entry.at >= start)

    def moves(self, field: str) -> Sequence[DueDateMove]:
        """Return the moves of a date to a later one by humans, also those with an emptying in between."""
        found = self._moves.get(field)
        if found is None:
            found = self._moves[field] = list(self._later_moves(field))
        return found

    def _later_moves(self, field: str) -> Sequence[DueDateMove]:
        found: list[DueDateMove] = []
        before: date | datetime | None = None
        calendar = self.terms.calendar
        for change in self.changes(field):
            old, new = change.old.data, change.new.data
            if before is None and isinstance(old, date):
                before = old
            if not isinstance(new, date):
                continue
            if before is not None and change.human and calendar.end_of(new) > calendar.end_of(before):
                found.append(DueDateMove(change, before, new, change.at >= calendar.end_of(before)))
            before = new
        return found

    def action_start(self) -> FirstTime:
        """Return when corrective action first started.

        This is the earliest of the first action text, the first started status of a child, and the first entry into
        implemented.
        """
        found = self._firsts.get("action_started_at")
        if found is None:
            found = self._firsts["action_started_at"] = self._action_start()
        return found

    def _action_start(self) -> FirstTime:
        entry = self.first_became("stage", _IMPLEMENTED)
        is_unsure = bool(self.actions_unknown or self.gap("actions"))
        if not self.all_actions and not is_unsure:
            return entry
        times = [entry, *map(_started, self.all_actions)]
        if is_unsure:
            times.append(FirstTime(None, DAWN))
        return self._with_entry(first_of(times))

    def _with_entry(self, time: FirstTime) -> FirstTime:
        """Return the start of an action with its history entry, which `explain` shows."""
        moment = time.known
        if moment is None or moment.change is not None:
            return time
        made = (c for c in self.changes("actions") if (c.group, c.at) == (moment.group, moment.at))
        return time._replace(known=moment._replace(change=next(made, None)))

    def unknown(self, names: Sequence[str], *, history: bool = False, comments: bool = False) -> str:
        """Return for an admin why the truth of a phrase over these subjects (and the comments) is not known."""
        reasons = [reason for name in names if (reason := self._why(name))]
        if comments and self.comments_unknown:
            reasons.append(self.comments_unknown)
        if history:
            reasons += filter(None, map(self.gap, (*names, "stage")))
        if not reasons and history:
            reasons.append(self.history_unknown(*names, "stage"))
        return "; ".join(dict.fromkeys(reasons)) or self.unlisted(*names, "stage") or _not_known(names)

    def history_unknown(self, *names: str) -> str:
        """Return for an admin why the history of some subjects does not tell something."""
        gaps = "; ".join(dict.fromkeys(filter(None, map(self.gap, names))))
        whole = self.unlisted(*names) or say.HISTORY_UNLISTED
        return gaps or (whole if self.history_whole else say.HISTORY_INCOMPLETE)

    def unlisted(self, *names: str) -> str:
        """Return which past values of some subjects are not known, "" where none is, or history is missing."""
        fields = (field for name in names for field in HISTORY_OF.get(name, (name,)))
        return "; ".join(unlisted_values(self.record.timeline, fields)) if self.history_whole else ""

    def _why(self, name: str) -> str:
        if name in {"actions", "action_owners", "action_started_at"} and self.actions_unknown:
            return self.actions_unknown
        value = self.value(name)
        if value.is_known:
            return ""
        if value.state is ValueState.UNMAPPED:
            form = say.NOT_MAPPED_BECAUSE if value.reason else say.NOT_MAPPED
            return form.format(name=name, reason=value.reason)
        return value.reason or say.CANNOT_BE_READ.format(name=name)

    def _first(self, field: str, words: frozenset[str] | None) -> FirstTime:
        """Return when a field was first filled, with one of some words unless these are None."""
        possible = None if self.is_whole(field) else DAWN
        for change in self._changes.get(field, self.record.timeline):  # up to the first, most often
            if change.field != field:
                continue
            new = change.new
            if new.state is FILLED:
                if words is None or str(new.data).casefold() in words:
                    return FirstTime(Moment(change.at, change.group, change), possible)
            elif possible is None and new.state in UNSURE:
                possible = Moment(change.at, change.group, change)
        return FirstTime(None, possible)


Derivations = Mapping[str, Callable[[Context], Value]]
"""Subject -> function that computes its derived value; a context gets these when it is opened."""


def _begins_with_it(record: CapaRecord) -> bool:
    return record.history_from is not None and record.history_from <= record.created_at


def _not_known(names: Sequence[str]) -> str:
    return say.NOT_KNOWN.format(names=", ".join(f"'{name}'" for name in names) or "the record")


def _is_there(action: Action) -> bool:
    is_emptied = action.origin is ActionOrigin.FIELD and action.text.state is ValueState.EMPTY
    return not action.cancelled and not is_emptied


def _why_incomplete(record: CapaRecord) -> str:
    if record.actions_problem:
        return record.actions_problem
    if not record.actions:
        return "" if record.actions_mapped else say.ACTIONS_NOT_MAPPED
    return next(
        (a.reason or say.ACTION_UNREADABLE.format(action=a.key) for a in record.actions if not a.readable), ""
    )


def _started(action: Action) -> FirstTime:
    text = FirstTime(Moment(action.text_first_at, action.text_first_group)) if action.text_first_at else FirstTime()
    start = FirstTime(Moment(action.started_at, action.started_group)) if action.started_at else FirstTime()
    return first_of((text, start))
