"""Messages and fixes with placeholders: a closed list, checked at load, no template language to escape from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from capa_sync.model.settings import DEFAULT_DEADLINES
from capa_sync.rules.conditions import Broken
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Moment
from capa_sync.rules.phrases.clock import deadline_end
from capa_sync.rules.phrases.phrase import PhraseError, did_you_mean, subject_named
from capa_sync.rules.phrases.state import stage_named
from capa_sync.rules.subjects import SUBJECTS, Kind
from capa_sync.rules.words import clip, count_of, join_words, show_date, show_value


class Telling(NamedTuple):
    """What a message may tell of: the record, the lines not met, and the last time the clock turned the verdict."""

    context: Context
    broken: Sequence[Broken]
    step: datetime


Teller = Callable[[Telling], str]


@dataclass(frozen=True, slots=True)
class Slot:
    """One placeholder: how to tell it, what stands there when it tells nothing, and whether it counts days."""

    tell: Teller
    otherwise: str = ""
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """A message: literal text and placeholders in turn."""

    parts: tuple[str | Slot, ...]

    @property
    def counts_days(self) -> bool:
        """Tell whether it counts days since something."""
        return any(isinstance(part, Slot) and part.counts for part in self.parts)

    def render(self, telling: Telling) -> tuple[str, tuple[str, ...]]:
        """Return the text, and what its placeholders said."""
        said: list[str] = []
        pieces: list[str] = []
        for part in self.parts:
            if isinstance(part, Slot):
                said.append(part.tell(telling) or part.otherwise)
                pieces.append(said[-1])
            else:
                pieces.append(part)
        return "".join(pieces), tuple(said)


_SLOT = re.compile(r"\{([^{}]*)\}")
_STAGE_TIME = re.compile(r"^stage (first|last) became ([a-z_]+)( by)?$")
_FIRST_FILLED = re.compile(r"^([a-z_]+) first filled( by)?$")
_DAYS_SINCE = re.compile(r"^days since ([a-z_]+)$")
_LABEL = re.compile(r"^label ([a-z_]+)$")
_DEADLINE = re.compile(r"^([a-z-]+) deadline$")

PLACEHOLDERS: tuple[tuple[str, str], ...] = (
    ("{FIELD}", "the field's value now"),
    ("{label FIELD}", "the tracker's own name of the field"),
    ("{key}", "the ticket's key"),
    ("{missing}", "the labels of the lines not met; for actions and dates, which and what"),
    ("{FIELD first filled}, {FIELD first filled by}", "when and by whom it was first ever filled"),
    ("{stage first became STAGE}, {stage last became STAGE}, {… by}", "when and by whom the stage was entered"),
    ("{days since FIELD}", "days from the end of that date to the last time the clock turned the verdict"),
    ("{NAME deadline}", "the last day of a deadline of the settings, counted from identified_at"),
    ("{… | words}", "the words stand there when the placeholder tells nothing"),
)
"""Placeholder -> meaning, for the docs."""


def read_wording(text: str) -> Wording:
    """Return a message's parts. Raises PhraseError for a placeholder that there is not."""
    pieces = _SLOT.split(" ".join(text.split()))
    parts: list[str | Slot] = []
    for index, piece in enumerate(pieces):
        if index % 2:
            parts.append(_slot(piece))
        elif "{" in piece or "}" in piece:
            raise PhraseError("a placeholder is not closed", "write {field} with both braces")
        elif piece:
            parts.append(piece)
    return Wording(tuple(parts))


def _slot(text: str) -> Slot:
    inner, _, otherwise = (part.strip() for part in text.partition("|"))
    tell, counts = _teller(inner)
    return Slot(tell, otherwise, counts)


def _teller(text: str) -> tuple[Teller, bool]:
    if text == "key":
        return (lambda telling: clip(telling.context.record.ticket_key)), False
    if text == "missing":
        return _missing, False
    if found := _DAYS_SINCE.match(text):
        return _days_since(found[1]), True
    for pattern, make in _MAKERS:
        if found := pattern.match(text):
            return make(*found.groups()), False
    return _value(text), False


def _value(name: str) -> Teller:
    if name not in SUBJECTS:
        hint = did_you_mean(name, [*SUBJECTS, "missing", "key"]) or "see `capa-sync rules phrases`"
        raise PhraseError(f"there is no placeholder '{{{name}}}'", hint)
    return lambda telling: show_value(name, telling.context.value(name), telling.context)


def _label(name: str) -> Teller:
    subject_named(name)
    return lambda telling: clip(telling.context.label(name))


def _first_filled(name: str, by: str | None) -> Teller:
    subject = subject_named(name)
    if subject.derived:
        raise PhraseError(f"'{name}' is derived and has no history of its own")
    return lambda telling: _moment(telling, telling.context.first_filled(name).known, by)


def _stage_time(which: str, name: str, by: str | None) -> Teller:
    stage = stage_named(name).value
    if which == "last":
        return lambda telling: _moment(telling, telling.context.last_entry(stage)[0], by)
    return lambda telling: _moment(telling, telling.context.first_became("stage", frozenset({stage})).known, by)


def _moment(telling: Telling, moment: Moment | None, by: str | None) -> str:
    if moment is None:
        return ""
    if not by:
        return show_date(moment.at, telling.context)
    person = moment.change.by if moment.change else None
    return clip(telling.context.person(person)) if person else ""


def _days_since(name: str) -> Teller:
    subject = subject_named(name)
    if subject.kind not in {Kind.TIME, Kind.ACTIONS}:
        raise PhraseError(f"'{name}' is no date", "count days since a date, or since actions for the latest late one")

    def tell(telling: Telling) -> str:
        start = _start(name, telling)
        if start is None:
            return ""
        calendar = telling.context.terms.calendar
        days = (calendar.local(telling.step).replace(tzinfo=None) - calendar.local(start).replace(tzinfo=None)).days
        return count_of(max(days, 0), "day")

    return tell


def _start(name: str, telling: Telling) -> datetime | None:
    """Return the end of a date; for actions the earliest end of an open action's due date."""
    context = telling.context
    end_of = context.terms.calendar.end_of
    if name != "actions":
        data = context.value(name).data
        return end_of(data) if isinstance(data, date) else None
    dues = [a.due_at.data for a in context.actions if a.done_at is None]
    return min((end_of(due) for due in dues if isinstance(due, date)), default=None)


def _deadline(name: str) -> Teller:
    if name not in DEFAULT_DEADLINES:
        raise PhraseError(f"there is no deadline '{name}'", did_you_mean(name, list(DEFAULT_DEADLINES)))

    def tell(telling: Telling) -> str:
        start = telling.context.value("identified_at").data
        end = deadline_end(telling.context, name, start) if isinstance(start, date) else None
        return "" if end is None else show_date(end - timedelta(seconds=1), telling.context)

    return tell


def _missing(telling: Telling) -> str:
    """Return the labels of the lines not met, in the order of the file; those of one `any` joined by `or`."""
    groups: dict[int, list[str]] = {}
    for number, broken in enumerate(telling.broken):
        if broken.negated:
            continue
        texts = [clip(text, 200) for text in broken.line.test.missing(telling.context)]
        if broken.choice:
            groups.setdefault(broken.choice, []).append(join_words(texts))
        else:
            groups.update({-1 - 1000 * number - place: [text] for place, text in enumerate(texts)})
    joined = [join_words([text for text in texts if text], "or") for texts in groups.values()]
    return join_words([text for text in joined if text])


_MAKERS: tuple[tuple[re.Pattern[str], Callable[..., Teller]], ...] = (
    (_STAGE_TIME, _stage_time),
    (_FIRST_FILLED, _first_filled),
    (_LABEL, _label),
    (_DEADLINE, _deadline),
)
