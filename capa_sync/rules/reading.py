"""Reads parts of rule files: words from closed lists, days, values; records each mistake with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time

from capa_sync.model.near import NONE, day_hint, near_or_all, nearest, one_of
from capa_sync.model.settings import Days
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.rules.case import When
from capa_sync.rules.phrases.phrase import PhraseError, check_word
from capa_sync.rules.subjects import Kind, Subject
from capa_sync.rules.yaml_lines import Items, Problems, Text, Tree, YamlTable

ToInstant = Callable[[datetime], datetime]
"""Converts a naive local time of a test into an instant."""

YEARS = range(1970, 2201)
"""Years that a rule's test may use: for others no time zone rules are known, and deadlines have no end."""
DAY_HINT = "write a day of the calendar, such as 2026-03-01 or 2026-03-01 15:00"
COMMA_HINT = "text with a comma needs quotes"


def check_keys(
    table: YamlTable, known: Sequence[str], what: str, problems: Problems, others: Mapping[str, str] = NONE
) -> set[str]:
    """Record a problem for every unknown key, such as `a rule has no key 'titel'`; return the keys that were meant.

    `what` is the beginning of the message; `others` gives what other tools say for a key.
    """
    meant: set[str] = set()
    for key, value in table:
        if key.value in known:
            continue
        split = table.flow and isinstance(value, Text) and value.absent
        near = "" if split else nearest(key.value, known, others)
        meant.add(near)
        hint = COMMA_HINT if split else f"did you mean '{near}'?" if near else one_of(known, _SEE)
        problems.add(key.line, f"{what} '{key.value}'", hint)
    return meant


_SEE = "`capa-sync rules phrases` lists them"


def text_of(tree: Tree | None, what: str, problems: Problems, line: int) -> str:
    """Return a text; record a problem and return "" where there is something else or nothing."""
    if isinstance(tree, Text) and tree.value.strip():
        return tree.value
    if tree is None:
        problems.add(line, f"'{what}' is missing", f"write `{what}: …`")
    elif isinstance(tree, Text):
        hint = "write it after the colon; a text that begins with # needs quotes"
        problems.add(min(line, tree.line) if line > 1 else tree.line, f"'{what}' holds no text", hint)
    else:
        problems.add(tree.line, f"'{what}' must be one text", "write it without dashes, or put it in quotes")
    return ""


def items_of(tree: Tree | None, what: str, problems: Problems) -> tuple[Tree, ...]:
    """Return the members of a list; record a problem and return none where it is not a list."""
    if isinstance(tree, Items):
        return tree.members
    if isinstance(tree, YamlTable) and tree.entries and tree.entries[0][0].value.startswith("-"):
        problems.add(tree.line, "no space stands after the dash", f"write `- {tree.entries[0][0].value[1:]}: …`")
    elif tree is not None:
        problems.add(tree.line, f"'{what}' must be a list", "start each line with a dash")
    return ()


def word_of(
    tree: Tree | None,
    known: Iterable[str],
    what: str,
    problems: Problems,
    line: int,
    others: Mapping[str, str] = NONE,
) -> str:
    """Return a word of a closed list; record a problem and return "" otherwise."""
    text = text_of(tree, what, problems, line)
    words = list(known)
    if text and text not in words:
        problems.add(tree.line if tree else line, f"'{text}' is no {what}", near_or_all(text, words, others, _SEE))
        return ""
    return text


YES_NO_WORDS = {"true": "yes", "on": "yes", "false": "no", "off": "no", "ja": "yes", "nein": "no"}


def yes_no(tree: Tree | None, what: str, problems: Problems, line: int) -> bool | None:
    """Return yes as True and no as False; record a problem and return None otherwise."""
    word = word_of(tree, ("yes", "no"), f"word for '{what}'", problems, line, YES_NO_WORDS)
    return {"yes": True, "no": False}.get(word)


def names_of(tree: Tree | None, what: str, problems: Problems) -> list[Text]:
    """Return a list of words; a single word becomes a list."""
    if isinstance(tree, Text) and not tree.absent:
        return [tree]
    members = items_of(tree, what, problems)
    for member in members:
        if not isinstance(member, Text):
            problems.add(member.line, f"'{what}' must be a list of words", f"write `{what}: [one, two]`")
    return [member for member in members if isinstance(member, Text)]


def when_of(tree: Tree | None, what: str, problems: Problems, line: int) -> When | None:
    """Return a local day, `2026-03-01` or `2026-03-01 15:00`; record a problem and return None otherwise."""
    text = text_of(tree, what, problems, line)
    if not text:
        return None
    day, _, clock = text.replace("T", " ").partition(" ")
    try:
        found = date.fromisoformat(day)
        if found.year not in YEARS:
            what = f"'{text}' is outside the years {YEARS[0]} to {YEARS[-1]}"
            problems.add(tree.line if tree else line, what, DAY_HINT)
            return None
        return When(found, time.fromisoformat(clock) if clock else None)
    except ValueError:
        problems.add(tree.line if tree else line, f"'{text}' is no day", day_hint(text, DAY_HINT))
        return None


def days_of(text: str) -> Days | None:
    """Return a length such as `10bd` (business days) or `30`, None when the text is not a length."""
    number = text.removesuffix("bd").removesuffix("d")
    is_number = number.isascii() and number.isdigit() and len(number) <= 4
    return Days(int(number), text.endswith("bd")) if is_number else None


def value_of(subject: Subject, tree: Tree, to_utc: ToInstant, problems: Problems) -> Value:
    """Return a canonical value as a test writes it; record a problem and return an empty value otherwise.

    The test writes a text, a word, a person, a day or a list; `""` is empty. `{placeholder: TBD}`, `{media: yes}`,
    `{unreadable: why}` and `{error: why}` stand for the other states.
    """
    if isinstance(tree, YamlTable):
        return _stated(tree, problems)
    if isinstance(tree, Items):
        if subject.kind is not Kind.LIST:
            problems.add(tree.line, f"'{subject.name}' holds no list", "write one value without dashes and brackets")
            return EMPTY
        texts = tuple(member.value for member in names_of(tree, subject.name, problems))
        return Value(ValueState.FILLED, texts, ", ".join(texts))
    if not tree.value.strip():
        return EMPTY
    return _scalar(subject, tree, to_utc, problems)


def _stated(tree: YamlTable, problems: Problems) -> Value:
    check_keys(tree, ("placeholder", "media", "unreadable", "error"), "there is no state", problems)
    for key, value in tree:
        text = text_of(value, key.value, problems, key.line)
        match key.value:
            case "placeholder":
                return Value(ValueState.PLACEHOLDER, text=text)
            case "media":
                return Value(ValueState.FILLED, "", media_only=True)
            case "unreadable":
                return Value(ValueState.UNREADABLE, reason=text)
            case "error":
                return Value(ValueState.ERROR, reason=text)
    return EMPTY


def _scalar(subject: Subject, tree: Text, to_utc: ToInstant, problems: Problems) -> Value:
    text = tree.value
    if subject.kind is Kind.TIME:
        when = when_of(tree, subject.name, problems, tree.line)
        if when is None:
            return EMPTY
        return Value(ValueState.FILLED, to_utc(when.wall) if when.time else when.day, text)
    if subject.kind is Kind.LIST:
        return Value(ValueState.FILLED, (text,), text)
    if subject.kind is Kind.YESNO and text not in {"yes", "no"}:
        problems.add(
            tree.line, f"'{subject.name}' is yes or no, not '{text}'", near_or_all(text, ("yes", "no"), YES_NO_WORDS)
        )
        return EMPTY
    try:
        check_word(subject, text)
    except PhraseError as error:
        problems.add(tree.line, error.what, error.hint)
        return EMPTY
    return Value(ValueState.FILLED, text, text)
