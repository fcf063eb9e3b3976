"""Converts a tracker value to a canonical value by the field's type, in one of six states (clause10.md 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache

from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.placeholders import bare, cells, is_placeholder, state_of
from capa_sync.mapping.schema import NOTHING
from capa_sync.mapping.texts import Template, fold, normalise
from capa_sync.model.catalogue import FieldSpec, FieldType
from capa_sync.model.days import YEARS
from capa_sync.model.patterns import ARROW, COMMA, WHY, ZERO_TIME
from capa_sync.model.values import EMPTY, FILLED, LINE_IN_CELL, Raw, Value, ValueState

Converter = Callable[[Raw, PeopleDirectory], Value]
"""Converts a tracker's value (present or historical) to a canonical value; BLANK is EMPTY in every field.

A ticket contains a value up to three times: as new, old and present value. Cached functions convert it once. The
cache key is the texts of the value, because hashing a `Raw` is slower.
"""

MEDIA = Value(ValueState.FILLED, "", "(image or attachment)", media_only=True)


@lru_cache(maxsize=2_000)
def read_text(shown: str, template: Template, media_only: bool) -> Value:
    """Return the value of a text; text that the template pre-fills is ignored."""
    whole = text = normalise(shown)
    words = shown.replace(LINE_IN_CELL, " ")
    if text and template:
        text = template.strip(text)
    state = state_of(text, shown if text is whole else text) if text else ValueState.EMPTY
    if state is FILLED:
        return Value(FILLED, text, words)
    if state is ValueState.EMPTY:
        return MEDIA if media_only else EMPTY
    return Value(state, None, words)


_SEPARATORS = {"lines": ARROW, "commas": COMMA}


def split_list(text: str, split: str) -> list[str]:
    """Split a text into items: at the ends of lines and cells, and by `lines` (Why 1: … →) or `commas`."""
    lines = [cell for line in text.splitlines() for cell in cells(line) if cell.strip()]
    if split == "lines":
        pieces = [piece for line in lines for step in WHY.split(line) for piece in _SEPARATORS[split].split(step)]
    else:
        pieces = [piece for line in lines for piece in _SEPARATORS[split].split(line)]
    return list(filter(None, (normalise(piece).strip("-*•· ") for piece in pieces)))


@lru_cache(maxsize=500)
def read_list(options: tuple[str, ...], text: str, split: str, template: Template, media_only: bool) -> Value:
    """Return a list field's value: several options or labels are its items; one text is split into items."""
    shown = text or ", ".join(options)
    items = [normalise(option) for option in options] if len(options) > 1 else split_list(shown, split)
    if template:
        items = [template.strip(item) for item in items]
    held = [(item, words) for item in items if (words := bare(item))]
    filled = tuple(item for item, words in held if not is_placeholder(words))
    if not held:
        return MEDIA if media_only else EMPTY
    shown = shown.replace(LINE_IN_CELL, " ")
    return Value(ValueState.FILLED, filled, shown) if filled else Value(ValueState.PLACEHOLDER, None, shown)


def parse_time(text: str, *, day_only: bool = False) -> date | datetime | None:
    """Return a date or an aware UTC instant; a text without an offset is UTC.

    None when it is neither, or lies outside YEARS: such a date is no usable deadline.
    """
    text = text.strip()
    try:
        if len(text) == 10 or day_only or ZERO_TIME.fullmatch(text):
            found = date.fromisoformat(text[:10])
        else:
            instant = datetime.fromisoformat(text)
            found = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year in YEARS else None


@lru_cache(maxsize=500)
def read_time(ids: tuple[str, ...], shown: str, day_only: bool) -> Value:
    """Return the value of a date or instant, from its id or, where that is unreadable, from its displayed text."""
    if not ids and not shown.strip():
        return EMPTY
    for text in (*ids[:1], shown):
        when = parse_time(text, day_only=day_only)
        if when is not None:
            return Value(ValueState.FILLED, when, shown or ids[0])
    shown = shown or ids[0]
    return Value(ValueState.ERROR, text=shown, reason=f"'{shown[:40]}' is no date between {YEARS[0]} and {YEARS[-1]}")


class OptionTable:
    """Options, by id or name, and our words for them; an unlisted option gets no default."""

    def __init__(self, words: Mapping[str, str], where: str, *, open_words: frozenset[str] = frozenset()) -> None:
        self._words = {**{fold(option): word for option, word in words.items()}, **words}
        self._where = where
        self._open = open_words

    def words(self, raw: Raw) -> list[str] | None:
        """Return our words for the options held, without repetition; None when an option is unlisted."""
        count = max(len(raw.ids), len(raw.names), 1)
        found = [self._word(raw, index) for index in range(count)]
        return None if None in found else list(dict.fromkeys(filter(None, found)))

    def _word(self, raw: Raw, index: int) -> str | None:
        option = raw.ids[index] if index < len(raw.ids) else ""
        name = raw.names[index] if index < len(raw.names) else ""
        above = raw.text.partition(" - ")[0] if raw.parent else ""  # the parent's name, in a cascading list
        for key in filter(None, (option, name, "" if len(raw.ids) > 1 else raw.text, raw.parent, above)):
            word = self._words.get(key) or self._words.get(fold(key))
            if word is None and fold(key).replace(" ", "_") in self._open:
                word = fold(key).replace(" ", "_")
            if word is not None:
                return word
        return None

    def unlisted(self, raw: Raw) -> Value:
        """Return the error for an unlisted option; it names the option and the line where options are listed."""
        shown = raw.text or ", ".join(raw.names or raw.ids)
        ids = f" ({', '.join(raw.ids)})" if raw.names and raw.ids else ""
        return Value(ValueState.ERROR, text=shown, reason=f"option '{shown}'{ids} is not listed at {self._where}")


_YES_NO = {"yes": "yes", "true": "yes", "1": "yes", "no": "no", "false": "no", "0": "no"}


def option_converter(spec: FieldSpec, words: Mapping[str, str] | None, where: str) -> Converter:
    """Return the converter of a field with options.

    Without listed words, an enumeration accepts options that are written like its own words, and a yes/no field
    accepts yes, no, true, false, 1 and 0.
    """
    is_open = words is None
    given: Mapping[str, str] = words if words is not None else (_YES_NO if spec.type is FieldType.YESNO else {})
    table = OptionTable(given, where, open_words=frozenset(spec.choices) if is_open else frozenset())

    @lru_cache(maxsize=500)
    def read(ids: tuple[str, ...], names: tuple[str, ...], text: str, parent: str) -> Value:
        raw = Raw(ids, names, text, parent=parent)
        found = table.words(raw)
        if found is None:
            return table.unlisted(raw)
        words = tuple(word for word in found if word != NOTHING)
        if not words:
            return EMPTY
        shown = text or ", ".join(names or ids)
        if spec.type is FieldType.LIST:
            return Value(ValueState.FILLED, words, shown)
        if len(words) > 1:
            return Value(ValueState.ERROR, text=shown, reason=f"several options are chosen: {shown}")
        return Value(ValueState.FILLED, words[0], shown)

    return lambda raw, _: EMPTY if raw.is_blank else read(raw.ids, raw.names, raw.text, raw.parent)


_LINE_FIELDS = frozenset({"why_chain"})


def converter(
    spec: FieldSpec,
    *,
    words: Mapping[str, str] | None = None,
    template: tuple[str, ...] = (),
    split: str = "",
    where: str = "",
    day_only: bool = False,
) -> Converter:
    """Return the converter of a canonical field.

    Args:
        spec: the canonical field.
        words: option (id or name) -> our word; None when the mapping lists none.
        template: pre-filled texts.
        split: how a list's text is split, "" for the field's default.
        where: file:line named in the reason of an unlisted option.
        day_only: the tracker's field is a date without time.
    """
    if spec.type in {FieldType.ENUM, FieldType.YESNO} or words is not None:
        return option_converter(spec, words, where)
    if spec.type is FieldType.PERSON:
        return lambda raw, people: people.person_value(raw)
    if spec.type is FieldType.TIME:
        return lambda raw, _: read_time(raw.ids, raw.text, day_only)
    stop = Template(template)
    if spec.type is FieldType.LIST:
        cut = split or ("lines" if spec.name in _LINE_FIELDS else "commas")
        return lambda raw, _: read_list(raw.names or raw.ids, raw.text, cut, stop, raw.media_only)
    return lambda raw, _: read_text(raw.text or ", ".join(raw.names or raw.ids), stop, raw.media_only)


def constant(spec: FieldSpec, word: str) -> Callable[[PeopleDirectory], Value]:
    """Return a function that gives the value of a constant written in a mapping."""
    if spec.type is FieldType.PERSON:
        return lambda people: people.listed_person(word)
    if spec.type is FieldType.TIME:
        value = read_time((word,), word, False)
    elif spec.type is FieldType.LIST:
        value = Value(ValueState.FILLED, (word,), word)
    else:
        value = Value(ValueState.FILLED, _YES_NO.get(word, word) if spec.type is FieldType.YESNO else word, word)
    return lambda _: value
