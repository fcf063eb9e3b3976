"""The placeholders that a message or fix may hold: a closed list instead of a template language."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from capa_sync.model.near import FIELD_WORDS, near_or_all, nearest
from capa_sync.model.settings import DEFAULT_DEADLINES
from capa_sync.model.values import Value, ValueState
from capa_sync.rules.conditions import ALWAYS, Broken, Condition, broken_lines
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Moment
from capa_sync.rules.phrases.clock import deadline_end
from capa_sync.rules.phrases.phrase import PhraseError, subject_named
from capa_sync.rules.phrases.state import stage_named
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.words import clip, join_words, show_date, show_value


class RenderContext:
    """What a message may mention: the record, and the lines of `require` that are not met."""

    __slots__ = ("_broken", "_require", "context")

    def __init__(self, context: Context, require: Condition = ALWAYS) -> None:
        self.context = context
        self._require = require
        self._broken: list[Broken] | None = None

    @property
    def broken(self) -> Sequence[Broken]:
        """Return the lines that are not met; few texts ask for them."""
        if self._broken is None:
            self._broken = broken_lines(self._require, self.context)
        return self._broken


class SlotText(NamedTuple):
    """The text that replaces a placeholder, "" for nothing.

    Attributes:
        fact: the value behind the text, independent of the wording; None where there is wording alone (a label).
    """

    text: str
    fact: str | None


SlotRenderer = Callable[[RenderContext], SlotText]
NOTHING = SlotText("", "")

PLACEHOLDERS: tuple[tuple[str, str], ...] = (
    ("{FIELD}", "the field's value now"),
    ("{label FIELD}", "the tracker's own name of the field"),
    ("{key}", "the ticket's key"),
    ("{missing}", "the labels of the lines not met; for actions and dates, which and what"),
    (
        "{FIELD first filled}, {FIELD first filled by}",
        "when and by whom it was first ever filled; nothing while it is not filled now",
    ),
    ("{stage first became STAGE}, {stage last became STAGE}, {… by}", "when and by whom the stage was entered"),
    ("{NAME deadline}", "the last day of a deadline of the settings, counted from identified_at"),
    ("{… | words}", "the words stand there when the placeholder is empty"),
)
"""Placeholder -> meaning, for the docs."""

_STAGE_TIME = re.compile(r"^stage (first|last) became ([a-z_]+)( by)?$")
_FIRST_FILLED = re.compile(r"^([a-z_]+) first filled( by)?$")
_DAYS_SINCE = re.compile(r"^days since ([a-z_]+)$")
_LABEL = re.compile(r"^label ([a-z_]+)$")
_DEADLINE = re.compile(r"^([a-z-]+) deadline$")


def renderer_of(text: str) -> SlotRenderer:
    """Return the renderer of a placeholder. Raises PhraseError for a placeholder that does not exist."""
    if text == "key":
        return lambda rendering: SlotText(clip(rendering.context.record.ticket_key), None)
    if text == "missing":
        return _missing
    for pattern, make in _MAKERS:
        if found := pattern.match(text):
            return make(*found.groups())
    return _value(text)


def _no_count(name: str) -> SlotRenderer:
    """Refuse a count of days: it is wrong from the next day on, unless the ticket is edited every day."""
    instead = "{missing}" if name == "actions" else f"{{{name}}}"
    raise PhraseError("a text on a ticket counts no days: the count is wrong the day after", f"write {instead}")


def _value(name: str) -> SlotRenderer:
    if name not in SUBJECTS:
        near = nearest(name.partition(".")[0].strip("$ "), [*SUBJECTS, "missing", "key"], FIELD_WORDS)
        hint = f"did you mean '{{{near}}}'?" if near else "`capa-sync rules phrases` lists the placeholders"
        raise PhraseError(f"there is no placeholder '{{{name}}}'", hint)

    def render(rendering: RenderContext) -> SlotText:
        value = rendering.context.value(name)
        if name == "action_started_at" and not rendering.context.is_seen(rendering.context.action_start().known):
            return NOTHING
        return SlotText(show_value(name, value, rendering.context), _fact(value, rendering.context))

    return render


def _fact(value: Value, context: Context) -> str:
    """Return a value for comparison: a day as ISO date, people by id, independent of how they are displayed."""
    if value.state is ValueState.PLACEHOLDER:
        return value.text
    if not value.is_filled or value.data is None:
        return ""
    if isinstance(value.data, date):
        return context.terms.calendar.local_date(value.data).isoformat()
    return ", ".join(value.data) if isinstance(value.data, tuple) else str(value.data)


def _label(name: str) -> SlotRenderer:
    subject_named(name)
    return lambda rendering: SlotText(clip(rendering.context.label(name)), None)


def _first_filled(name: str, by: str | None) -> SlotRenderer:
    subject = subject_named(name)
    if subject.derived:
        raise PhraseError(f"'{name}' is derived and has no history of its own", "name a field of the record")

    def render(rendering: RenderContext) -> SlotText:
        if not rendering.context.value(name).is_filled:
            return NOTHING  # with a date, an emptied field would look filled
        return _moment(rendering, rendering.context.first_filled(name).known, by)

    return render


def _stage_time(which: str, name: str, by: str | None) -> SlotRenderer:
    stage = stage_named(name).value
    if which == "last":
        return lambda rendering: _moment(rendering, rendering.context.last_entry(stage)[0], by)
    return lambda rendering: _moment(rendering, rendering.context.first_became("stage", frozenset({stage})).known, by)


def _moment(rendering: RenderContext, moment: Moment | None, by: str | None) -> SlotText:
    context = rendering.context
    if moment is None or not context.is_seen(moment):
        return NOTHING
    if not by:
        return SlotText(show_date(moment.at, context), context.terms.calendar.local_date(moment.at).isoformat())
    person = moment.change.by if moment.change else None
    return SlotText(clip(context.person(person)), person) if person else NOTHING


def _deadline(name: str) -> SlotRenderer:
    if name not in DEFAULT_DEADLINES:
        raise PhraseError(f"there is no deadline '{name}'", near_or_all(name, DEFAULT_DEADLINES))

    def render(rendering: RenderContext) -> SlotText:
        context = rendering.context
        start = context.value("identified_at").data
        end = deadline_end(context, name, start) if isinstance(start, date) else None
        if end is None:
            return NOTHING
        last = end - timedelta(seconds=1)
        return SlotText(show_date(last, context), context.terms.calendar.local_date(last).isoformat())

    return render


def _missing(rendering: RenderContext) -> SlotText:
    """Return the labels of the lines not met, in the order of the file; the labels of one `any` joined by `or`."""
    say = rendering.context.texts.sentences
    labels: dict[int, list[str]] = {}
    facts: list[str] = []
    for number, broken in enumerate(rendering.broken):
        if broken.negated:
            continue
        test = broken.line.test
        texts = [clip(text, 200) for text in test.missing(rendering.context)]
        facts += test.lacking(rendering.context)
        if broken.choice:
            labels.setdefault(broken.choice, []).append(join_words(texts, say.both))
        else:
            labels.update({-1 - 1000 * number - place: [text] for place, text in enumerate(texts)})
    groups = [list(filter(None, texts)) for texts in labels.values()]
    joined = [join_words(texts, say.either) for texts in groups if texts]
    links = [form.format(first="", last="") for form in (say.either, say.both)]
    is_long = any(link in text for text in joined for link in links)  # then a comma separates the groups
    return SlotText(join_words(joined, say.both_long if is_long else say.both), "; ".join(facts))


_MAKERS: tuple[tuple[re.Pattern[str], Callable[..., SlotRenderer]], ...] = (
    (_DAYS_SINCE, _no_count),
    (_STAGE_TIME, _stage_time),
    (_FIRST_FILLED, _first_filled),
    (_LABEL, _label),
    (_DEADLINE, _deadline),
)
