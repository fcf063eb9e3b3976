"""Reads users' YAML files with line numbers; every mistake becomes one Problem with file, line and hint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from capa_sync.errors import Problem, UserError
from capa_sync.mapping.texts import fold
from capa_sync.model.near import NONE, day_hint, did_you_mean, nearest, one_of
from capa_sync.model.userfile import decoded, read_user_file
from capa_sync.yamlfiles import LARGEST, Refused, load_with_lines

NO_TEMPLATE = "{{ … }} and ${…} are not filled in here; write the name itself"


def line_of(holder: Any, key: Any) -> int:
    """Return the 1-based line of a key of a mapping or of an item of a list."""
    where = holder.lc.key(key) if isinstance(holder, CommentedMap) else holder.lc.item(key)
    return int(where[0]) + 1


class YamlReader:
    """Reads one file; collects problems instead of stopping at the first.

    Args:
        file: how the user named it.
        first_key: the key that such a file begins with, for a file that is none.
        quotes: whether messages may quote the file's content.

    Attributes:
        problems: the mistakes found so far. content: the whole text of the file, once it was read.
    """

    def __init__(self, file: str, first_key: str, *, quotes: bool = True) -> None:
        self.file = file
        self._first_key = first_key
        self._quotes = quotes
        self.content = ""
        self.problems: list[Problem] = []

    def add(self, line: int, what: str, hint: str = "") -> None:
        """Report one mistake."""
        self.problems.append(Problem(self.file, line, what, hint))

    def load(self, path: Path) -> CommentedMap | None:
        """Parse the file; return None (and report a problem) when it contains no mapping."""
        try:
            return self.parse(decoded(read_user_file(path, self.file, LARGEST), self.file))
        except UserError as error:
            self.problems += error.problems
            return None

    def parse(self, content: str) -> CommentedMap | None:
        """Parse the content of the file, as `load` does."""
        self.content = content
        try:
            loaded = load_with_lines(content)
        except Refused as error:
            self.add(*error.mistake)
            return None
        for (line, what, hint), key in loaded.mistakes:
            quoted = f"'{key}' stands here twice" if key and self._quotes else what
            self.add(line, quoted, hint)
        data = loaded.data
        if isinstance(data, CommentedMap):
            return data
        what = "the file is empty" if data is None else "the file must hold `key: value` lines"
        self.add(1, what, f"begin with `{self._first_key}:`")
        return None

    def keys(
        self, data: CommentedMap, allowed: Iterable[str], where: str, others: Mapping[str, str] = NONE, hint: str = ""
    ) -> set[str]:
        """Report every key that is not allowed; return the keys that were meant instead.

        `others` gives what other tools say for a key; `hint` says what to do with any of them.
        """
        known = list(allowed)
        meant: set[str] = set()
        for key in data:
            if isinstance(key, (Mapping, Sequence)) and not isinstance(key, str):  # for example of {{ name }}
                self.add(line_of(data, key), "a key must be a word", NO_TEMPLATE)
                meant |= set(known)
            elif str(key) not in known:
                near = nearest(str(key), known, others)
                meant.add(near)
                instead = f"did you mean '{near}'?" if near else one_of(known)
                self.add(line_of(data, key), f"{where} has no key '{key}'", hint or instead)
        return meant

    def map_at(self, data: CommentedMap, key: str, example: str = "name: value") -> CommentedMap | None:
        """Return the mapping under a key; None otherwise (with a problem unless the key is absent)."""
        value = data.get(key)
        if value is None or isinstance(value, CommentedMap):
            return value
        dashes = ", without dashes" if isinstance(value, CommentedSeq) else ""
        self.add(line_of(data, key), f"'{key}' must hold `name: value` pairs", f"write `{example}` below it{dashes}")
        return None

    def alike(self, data: CommentedMap, what: str) -> None:
        """Report keys that differ in capital letters alone; names are compared without regard to them."""
        first: dict[str, Any] = {}
        for key in data:
            other = first.setdefault(fold(str(key)), key)
            if other is not key:
                same = f"'{key}' is the same {what} as '{other}' on line {line_of(data, other)}"
                self.add(line_of(data, key), same, "keep one of them; capital and small letters are alike")

    def items_at(self, data: CommentedMap, key: str) -> Iterator[tuple[Any, int]]:
        """Yield the items of the list under a key with their lines; a single value counts as a list of one."""
        value = data.get(key)
        if value is None:
            return
        if isinstance(value, CommentedSeq):
            for index, item in enumerate(value):
                yield item, line_of(value, index)
        else:
            yield value, line_of(data, key)

    def text(self, value: Any, line: int, what: str, instead: str = "") -> str:
        """Return a scalar as text; "" (with a problem) for any value that YAML did not read as text or integer.

        `instead` says what to write where somebody wrote a list or a mapping.
        """
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (str, int)):
            return str(value)
        if value is None:
            self.add(
                line, f"{what} holds nothing", "write it after the colon; a text that begins with # needs quotes"
            )
        elif isinstance(value, (CommentedMap, CommentedSeq)):
            self.add(line, f"{what} must be one text", instead or "write it without brackets, braces and dashes")
        else:
            self.add(line, f"{what} must be a text, not '{value}'", "put it in quotes")
        return ""

    def text_at(self, data: CommentedMap, key: str, instead: str = "") -> str:
        """Return the text under a key, "" when absent."""
        return self.text(data[key], line_of(data, key), f"'{key}'", instead) if key in data else ""

    def texts_at(self, data: CommentedMap, key: str) -> tuple[str, ...]:
        """Return the text or list of texts under a key."""
        return tuple(filter(None, (self.text(item, line, f"'{key}'") for item, line in self.items_at(data, key))))

    def flag_at(self, data: CommentedMap, key: str, *, default: bool) -> bool:
        """Return the boolean under a key; `default` when it is absent or wrong (with a problem)."""
        value = data.get(key, default)
        if isinstance(value, bool):
            return value
        self.add(line_of(data, key), f"'{key}' must be true or false, not '{value}'", _true_or_false(value))
        return default

    def day_at(self, data: CommentedMap, key: str) -> date | None:
        """Return the date under a key, None when absent or wrong (with a problem)."""
        if key not in data:
            return None
        value = data[key]
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        hint = day_hint(str(value), "write a day such as 2026-01-31, without quotes")
        self.add(line_of(data, key), f"'{key}' must be a date", hint)
        return None


def _true_or_false(value: Any) -> str:
    return did_you_mean(str(value), ("true", "false"), {"no": "false", "yes": "true"}) + " (without quotes)"


def with_keys(item: CommentedMap, keys: Iterable[Any]) -> CommentedMap:
    """Return a mapping with only these of its keys; line numbers stay."""
    selected = CommentedMap({key: item[key] for key in keys})
    for key in selected:
        selected.lc.add_kv_line_col(key, [*item.lc.key(key), *item.lc.value(key)])
    return selected


def plain(data: Any) -> Any:
    """Return YAML data as JSON values without comments and lines (this is what a file's hash covers)."""
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [plain(item) for item in data]
    return data if isinstance(data, (bool, int)) or data is None else str(data)
