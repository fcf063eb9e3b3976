"""Reads parts of rule files: words from closed lists, days, values; records each mistake with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time

from capa_sync.model.settings import Days
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.rules.case import When
from capa_sync.rules.phrases.phrase import PhraseError, check_word, did_you_mean
from capa_sync.rules.subjects import Kind, Subject
from capa_sync.rules.yaml_lines import Items, Problems, Text, Tree, YamlTable

ToInstant = Callable[[datetime], datetime]
"""Converts a naive local time of a test into an instant."""

YEARS = range(1970, 2201)
"""Years that a rule's test may use: for others no time zone rules are known, and deadlines have no end."""
COMMA_HINT = "text with a comma needs quotes"


def check_keys(table: YamlTable, known: Sequence[str], what: str, problems: Problems) -> None:
    """Record a problem for every unknown key."""
    for key, value in table:
        if key.value not in known:
            split = table.flow and isinstance(value, Text) and value.absent
            near = did_you_mean(key.value, known)
            hint = COMMA_HINT if split else near or f"({', '.join(known)})"
            problems.add(key.line, f"there is no {what} '{key.value}'", hint)


def text_of(tree: Tree | None, what: str, problems: Problems, line: int) -> str:
    """Return a text; record a problem and return "" where there is something else or nothing."""
    if isinstance(tree, Text) and tree.value.strip():
        return tree.value
    problems.add(tree.line if tree else line, f"'{what}' must be a text")
    return ""


def items_of(tree: Tree | None, what: str, problems: Problems) -> tuple[Tree, ...]:
    """Return the members of a list; record a problem and return none where it is not a list."""
    if isinstance(tree, Items):
        return tree.members
    if tree is not None:
        problems.add(tree.line, f"'{what}' must be a list", "start each line with a dash")
    return ()


def word_of(tree: Tree | None, known: Iterable[str], what: str, problems: Problems, line: int) -> str:
    """Return a word of a closed list; record a problem and return "" otherwise."""
    text = text_of(tree, what, problems, line)
    words = list(known)
    if text and text not in words:
        hint = f"{did_you_mean(text, words)} ({', '.join(words)})".strip()
        problems.add(tree.line if tree else line, f"'{text}' is no {what}", hint)
        return ""
    return text


def yes_no(tree: Tree | None, what: str, problems: Problems, line: int) -> bool | None:
    """Return yes as True and no as False; record a problem and return None otherwise."""
    word = word_of(tree, ("yes", "no"), what, problems, line)
    return {"yes": True, "no": False}.get(word)


def names_of(tree: Tree | None, what: str, problems: Problems) -> list[Text]:
    """Return a list of words; a single word becomes a list."""
    if isinstance(tree, Text) and not tree.absent:
        return [tree]
    members = items_of(tree, what, problems)
    for member in members:
        if not isinstance(member, Text):
            problems.add(member.line, f"'{what}' must be a list of words")
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
            raise ValueError
        return When(found, time.fromisoformat(clock) if clock else None)
    except ValueError:
        hint = "write 2026-03-01 or 2026-03-01 15:00"
        problems.add(tree.line if tree else line, f"'{text}' is no day", hint)
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
            problems.add(tree.line, f"'{subject.name}' holds no list")
            return EMPTY
        texts = tuple(member.value for member in names_of(tree, subject.name, problems))
        return Value(ValueState.FILLED, texts, ", ".join(texts))
    if not tree.value.strip():
        return EMPTY
    return _scalar(subject, tree, to_utc, problems)


def _stated(tree: YamlTable, problems: Problems) -> Value:
    check_keys(tree, ("placeholder", "media", "unreadable", "error"), "state", problems)
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
        problems.add(tree.line, f"'{subject.name}' is yes or no, not '{text}'")
        return EMPTY
    try:
        check_word(subject, text)
    except PhraseError as error:
        problems.add(tree.line, error.what, error.hint)
        return EMPTY
    return Value(ValueState.FILLED, text, text)
