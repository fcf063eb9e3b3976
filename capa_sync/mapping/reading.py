"""Reads users' YAML files with line numbers; every mistake becomes one Problem with file, line and hint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError

from capa_sync.errors import Problem, UserError
from capa_sync.model.userfile import decoded, read_user_file
from capa_sync.yamlfiles import LARGEST, Refused, load_with_lines


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, or all known words where none is near."""
    words = list(known)
    near = get_close_matches(word.casefold(), [candidate.casefold() for candidate in words], n=1, cutoff=0.6)
    if near:
        return f"did you mean '{next(candidate for candidate in words if candidate.casefold() == near[0])}'?"
    return f"known: {', '.join(words)}" if words else ""


def line_of(holder: Any, key: Any) -> int:
    """Return the 1-based line of a key of a mapping or of an item of a list."""
    where = holder.lc.key(key) if isinstance(holder, CommentedMap) else holder.lc.item(key)
    return int(where[0]) + 1


class YamlReader:
    """Reads one file; collects problems instead of stopping at the first.

    Args:
        file: how the user named it.
        quotes: whether messages may quote the file's content.
    """

    def __init__(self, file: str, *, quotes: bool = True) -> None:
        self.file = file
        self._quotes = quotes
        self.problems: list[Problem] = []

    def add(self, line: int, what: str, hint: str = "") -> None:
        """Report one mistake."""
        self.problems.append(Problem(self.file, line, what, hint))

    def load(self, path: Path) -> CommentedMap | None:
        """Parse the file; return None (and report a problem) when it contains no mapping."""
        try:
            data = load_with_lines(decoded(read_user_file(path, self.file, LARGEST), self.file))
        except UserError as error:
            self.problems += error.problems
        except Refused as error:
            self.add(error.problem_mark.line + 1 if error.problem_mark else 1, error.what, error.hint)
        except YAMLError as error:
            self._not_yaml(error)
        else:
            if isinstance(data, CommentedMap):
                return data
            self.add(1, "the file must hold `key: value` lines at the top")
        return None

    def _not_yaml(self, error: YAMLError) -> None:
        """Report a syntax error; quote a key or a value of the file only where quoting is allowed."""
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what, hint = "this is not YAML", "check indentation, quotes and brackets"
        if isinstance(error, DuplicateKeyError):
            what, hint = "a key stands here twice", "keep one of them"
        elif self._quotes:
            words = getattr(error, "problem", None) or getattr(error, "context", None) or "it cannot be read"
            what = f"{what}: {' '.join(str(words).split())}"[:200]
        self.add(mark.line + 1 if mark else 1, what, hint)

    def keys(self, data: CommentedMap, allowed: Iterable[str], where: str) -> None:
        """Report every key that is not allowed."""
        known = list(allowed)
        for key in data:
            if str(key) not in known:
                self.add(line_of(data, key), f"{where} has no key '{key}'", did_you_mean(str(key), known))

    def map_at(self, data: CommentedMap, key: str) -> CommentedMap | None:
        """Return the mapping under a key; None otherwise (with a problem unless the key is absent)."""
        value = data.get(key)
        if value is None or isinstance(value, CommentedMap):
            return value
        self.add(line_of(data, key), f"'{key}' must hold `name: value` pairs")
        return None

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

    def text(self, value: Any, line: int, what: str) -> str:
        """Return a scalar as text; "" (with a problem) for any value that YAML did not read as text or integer."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (str, int)):
            return str(value)
        shown = "a list or mapping" if isinstance(value, (CommentedMap, CommentedSeq)) else f"'{value}'"
        hint = "put it in quotes" if isinstance(value, (float, date)) else ""
        self.add(line, f"{what} must be a text, not {'nothing' if value is None else shown}", hint)
        return ""

    def text_at(self, data: CommentedMap, key: str) -> str:
        """Return the text under a key, "" when absent."""
        return self.text(data[key], line_of(data, key), f"'{key}'") if key in data else ""

    def texts_at(self, data: CommentedMap, key: str) -> tuple[str, ...]:
        """Return the text or list of texts under a key."""
        return tuple(filter(None, (self.text(item, line, f"'{key}'") for item, line in self.items_at(data, key))))

    def flag_at(self, data: CommentedMap, key: str, *, default: bool) -> bool:
        """Return the boolean under a key; `default` when it is absent or wrong (with a problem)."""
        value = data.get(key, default)
        if isinstance(value, bool):
            return value
        self.add(line_of(data, key), f"'{key}' must be true or false, not '{value}'", "write it without quotes")
        return default

    def day_at(self, data: CommentedMap, key: str) -> date | None:
        """Return the date under a key, None when absent or wrong (with a problem)."""
        if key not in data:
            return None
        value = data[key]
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        self.add(line_of(data, key), f"'{key}' must be a date such as 2026-01-31")
        return None


def plain(data: Any) -> Any:
    """Return YAML data as JSON values without comments and lines (this is what a file's hash covers)."""
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [plain(item) for item in data]
    return data if isinstance(data, (bool, int)) or data is None else str(data)
