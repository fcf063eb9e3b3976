"""The JQL parser: splits text into words and builds a tree of clauses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from capa_sync.sandbox.jira.errors import JiraError

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<sign>!=|!~|>=|<=|&&|\|\||[=~<>(),!])
      | (?P<word>cf\[\d+\]|[^\s()=!~<>,"'&|\[\]]+)
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_SIGNS = ("=", "!=", "~", "!~", ">", ">=", "<", "<=")
_OPERATORS_TEXT = "'=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'"


@dataclass(frozen=True)
class Operand:
    """One value in a query: a literal, a function call, or EMPTY."""

    text: str
    is_quoted: bool = False
    is_function: bool = False
    is_empty: bool = False
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clause:
    """`field operator operand(s)`; the operator is a sign, `in`, `not in`, `is` or `is not`."""

    field: str
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Junction:
    """`and`, `or` (two or more parts) or `not` (one part)."""

    kind: str
    parts: tuple[Clause | Junction, ...]


@dataclass(frozen=True)
class ParsedJql:
    """A parsed query; `order` holds (field, is_descending)."""

    where: Clause | Junction | None
    order: tuple[tuple[str, bool], ...] = ()


@dataclass
class _Word:
    text: str
    at: int
    is_quoted: bool = False
    is_sign: bool = False
    lower: str = field(init=False)

    def __post_init__(self) -> None:
        self.lower = self.text.lower() if not self.is_quoted else ""


def parse_jql(text: str) -> ParsedJql:
    """Parse a query.

    Raises:
        JiraError: 400 with Jira's own message.
    """
    return _Parser(text).query()


def _words(text: str) -> list[_Word]:
    words, at = [], 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise _wrong(text, at + len(text[at:]) - len(text[at:].lstrip()), "Found an unexpected character")
        kind = str(found.lastgroup)
        raw = found.group(kind)
        shown = _unescaped(raw[1:-1]) if kind == "quoted" else raw
        words.append(_Word(shown, found.start(kind), kind == "quoted", kind == "sign"))
        at = found.end()
    return words


def _unescaped(text: str) -> str:
    plain = {"n": "\n", "r": "\r", "t": "\t"}
    return _ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5 else plain.get(m[1], m[1]), text)


def _wrong(text: str, at: int, what: str) -> JiraError:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return JiraError(400, f"Error in the JQL Query: {what}. (line {line}, character {column})")


class _Parser:
    """Recursive descent: OR over AND over NOT over clauses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = _words(text)
        self._next = 0

    def query(self) -> ParsedJql:
        where = None if self._is_order() or self._peek() is None else self._either()
        order = self._order() if self._is_order() else ()
        if (left := self._peek()) is not None:
            raise self._fail(left, f"Expecting either 'OR' or 'AND' but got '{left.text}'")
        return ParsedJql(where, order)

    def _peek(self, ahead: int = 0) -> _Word | None:
        place = self._next + ahead
        return self._words[place] if place < len(self._words) else None

    def _is(self, *texts: str, ahead: int = 0) -> bool:
        word = self._peek(ahead)
        return word is not None and word.lower in texts

    def _take(self, expected: str) -> _Word:
        word = self._peek()
        if word is None:
            raise _wrong(self._text, len(self._text), f"Expecting {expected} before the end of the query")
        self._next += 1
        return word

    def _fail(self, word: _Word | None, what: str) -> JiraError:
        return _wrong(self._text, word.at if word else len(self._text), what)

    def _is_order(self) -> bool:
        return self._is("order") and self._is("by", ahead=1)

    def _either(self) -> Clause | Junction:
        parts = [self._both()]
        while self._is("or", "||"):
            self._next += 1
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Junction("or", tuple(parts))

    def _both(self) -> Clause | Junction:
        parts = [self._negated()]
        while self._is("and", "&&"):
            self._next += 1
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else Junction("and", tuple(parts))

    def _negated(self) -> Clause | Junction:
        if self._is("not", "!"):
            self._next += 1
            return Junction("not", (self._negated(),))
        if self._is("("):
            self._next += 1
            inside = self._either()
            self._close()
            return inside
        return self._clause()

    def _close(self) -> None:
        word = self._take("')'")
        if word.lower != ")":
            raise self._fail(word, f"Expecting ')' but got '{word.text}'")

    def _clause(self) -> Clause:
        name = self._take("a field name")
        if name.is_sign:
            raise self._fail(name, f"Expecting a field name but got '{name.text}'")
        operator = self._operator()
        if operator in ("in", "not in"):
            return Clause(name.text, operator, self._list())
        return Clause(name.text, operator, (self._operand(),))

    def _operator(self) -> str:
        word = self._take("an operator")
        if word.is_sign and word.text in _SIGNS:
            return word.text
        if word.lower == "in":
            return "in"
        if word.lower == "not" and self._is("in"):
            self._next += 1
            return "not in"
        if word.lower == "is":
            if self._is("not"):
                self._next += 1
                return "is not"
            return "is"
        message = f"Expecting operator but got '{word.text}'. The valid operators are {_OPERATORS_TEXT}"
        raise self._fail(word, message)

    def _list(self) -> tuple[Operand, ...]:
        if not self._is("("):
            return (self._operand(),)
        self._next += 1
        found = [self._operand()]
        while self._is(","):
            self._next += 1
            found.append(self._operand())
        self._close()
        return tuple(found)

    def _operand(self) -> Operand:
        word = self._take("either a value, list or function")
        if word.is_sign:
            raise self._fail(word, f"Expecting either a value, list or function but got '{word.text}'")
        if word.is_quoted:
            return Operand(word.text, is_quoted=True)
        if self._is("(") and not word.text.startswith("cf["):
            return Operand(word.text, is_function=True, arguments=self._arguments())
        return Operand(word.text, is_empty=word.lower in ("empty", "null"))

    def _arguments(self) -> tuple[str, ...]:
        self._next += 1
        found: list[str] = []
        while not self._is(")"):
            word = self._take("')'")
            if word.text != "," or word.is_quoted:
                found.append(word.text)
        self._close()
        return tuple(found)

    def _order(self) -> tuple[tuple[str, bool], ...]:
        self._next += 2
        found = [self._sort()]
        while self._is(","):
            self._next += 1
            found.append(self._sort())
        if len(found) > 7:
            raise JiraError(400, "The ORDER BY clause holds more than 7 fields.")
        return tuple(found)

    def _sort(self) -> tuple[str, bool]:
        name = self._take("a field name")
        if self._is("asc", "desc"):
            return name.text, self._take("a direction").lower == "desc"
        return name.text, False
