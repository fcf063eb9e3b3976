"""Text for people from values, dates and history entries; ticket text is never trusted: it is clipped and cleaned."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from capa_sync.model.finding import Evidence
from capa_sync.model.ticket import BIRTH, Origin
from capa_sync.model.values import FILLED, Value, ValueState
from capa_sync.rules import sentences as say
from capa_sync.rules.subjects import SUBJECTS, Kind

if TYPE_CHECKING:
    from capa_sync.model.record import FieldChange
    from capa_sync.rules.context import Context, Fact

LONGEST = 80
_EMPTY, _PERSON = ValueState.EMPTY, Kind.PERSON
_CHOSEN = frozenset({Kind.ENUM, Kind.STAGE, Kind.PRESENCE})
_OF_CLOSED_LISTS = frozenset(subject.name for subject in SUBJECTS.values() if subject.kind in _CHOSEN)


def clip(text: str, longest: int = LONGEST) -> str:
    """Return text on one line without control characters, cut with an ellipsis."""
    if len(text) <= longest and text.isprintable():
        return " ".join(text.split())
    head = text[: 4 * longest]
    if not head.isprintable():  # otherwise no character needs a check
        head = "".join([" " if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} else c for c in head])
    line = " ".join(head.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def show_date(value: date | datetime, context: Context) -> str:
    """Return a date for people, such as `5 June 2026`, in the organisation's time zone."""
    day, texts = context.terms.calendar.local_date(value), context.texts
    return texts.sentences.date.format(day=day.day, month=texts.months[day.month - 1], year=day.year)


def show_value(name: str, value: Value, context: Context) -> str:
    """Return a canonical value for people; "" where nothing is filled."""
    data = value.data
    if value.state is not FILLED or data is None:
        return clip(value.text) if value.state is ValueState.PLACEHOLDER else ""
    if isinstance(data, date):
        return show_date(data, context)
    if isinstance(data, float):
        return f"{data:g}"
    subject = SUBJECTS[name]
    kind = subject.kind
    if kind in _CHOSEN:
        return context.texts.values.get(str(data)) or str(data).replace("_", " ")
    if isinstance(data, tuple):
        own = context.texts.values if subject.derived else {}
        shown = (context.person(item) if kind is Kind.PEOPLE else own.get(item, item) for item in data)
        return clip(", ".join(shown))
    if kind is _PERSON:
        return clip(context.person(str(data)))
    return clip(str(data))


def describe(name: str, value: Value, context: Context) -> str:
    """Return a value with its state in words, for evidence."""
    state, data = value.state, value.data
    if state is _EMPTY:
        return say.IS_EMPTY
    if state is not FILLED:
        return _not_filled(name, value, context)
    if value.media_only:
        return say.IS_MEDIA
    if type(data) is not date and name not in _OF_CLOSED_LISTS:
        return say.IS.format(value=show_value(name, value, context))
    key, known = (name, data), context.terms.described  # of a few words and days, which most records share
    text = known.get(key)
    if text is None:
        text = known[key] = say.IS.format(value=show_value(name, value, context))
    return text


def _not_filled(name: str, value: Value, context: Context) -> str:
    if value.state is ValueState.PLACEHOLDER:
        return say.IS_PLACEHOLDER.format(value=show_value(name, value, context))
    reason = clip(value.reason)
    return (say.IS_UNKNOWN_BECAUSE if reason else say.IS_UNKNOWN).format(state=value.state.value, reason=reason)


def change_fact(change: FieldChange, context: Context) -> Evidence:
    """Return one history entry as evidence."""
    name = change.field
    new = show_value(name, change.new, context) if name in SUBJECTS else clip(str(change.new.data))
    value = _form(change.new, new).format(value=new, state=change.new.state.value)
    if change.origin is not BIRTH:
        return Evidence(name, say.BECAME.format(value=value, who=_who(change)), change.at, change.by, change.entry)
    if not context.history_whole:
        return Evidence(name, say.WHERE_IT_BEGINS.format(value=value))
    return Evidence(name, say.AT_CREATION.format(value=value, who=_who(change)), change.at, change.by, change.entry)


def _form(value: Value, shown: str) -> str:
    """Return the sentence for a value of a history entry, with what is shown of it."""
    if shown:
        return say.QUOTED if value.is_filled else say.NOT_FILLED
    if value.media_only:
        return say.MEDIA
    return say.EMPTY if value.is_known else say.UNKNOWN


def _who(change: FieldChange) -> str:
    """Return why no person is known to have made a change; "" where a human made it."""
    if change.human:
        return ""
    if change.origin is Origin.OBSERVED:
        return say.SEEN_LATER
    return say.NO_PERSON


def present_fact(name: str, context: Context) -> Evidence:
    """Return the present value as evidence, with the history entry that last set it."""
    return Evidence(*fact_of_value(name, context))


def fact_of_value(name: str, context: Context) -> Fact:
    """Return the parts of the evidence of a present value; computed once per record."""
    made = context.facts.get(name)
    if made is None:
        text = describe(name, context.value(name), context)
        last = context.latest(name)
        if last is None or (last.origin is BIRTH and not context.history_whole):
            made = (name, text, None, None, "")
        else:
            made = (name, text, last.at, last.by, last.entry)
        context.facts[name] = made
    return made


def join_words(words: Sequence[str], form: str) -> str:
    """Return `a`, `a and b`, `a, b and c`, each word once; `form` is a sentence such as `{first} and {last}`."""
    unique = list(dict.fromkeys(words))
    if len(unique) < 2:
        return "".join(unique)
    return form.format(first=", ".join(unique[:-1]), last=unique[-1])


def change_facts(changes: Iterable[FieldChange], context: Context) -> list[Evidence]:
    """Return several history entries as evidence."""
    return [change_fact(change, context) for change in changes]
