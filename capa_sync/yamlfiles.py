"""Reads users' YAML within limits: no aliases, merge keys or tags; limited depth, counts, lengths and numbers.

The limits are checked at every event while the parser reads. Without that, 528 bytes of nested aliases take minutes,
and 8 kB of `[` more than 8 s (measured).
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import StringMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import Node, ScalarNode
from ruamel.yaml.parser import Parser, RoundTripParser
from ruamel.yaml.tag import Tag

from capa_sync.model.light import light
from capa_sync.yaml_nodes import NotPlain, YamlLimits, plain_nodes
from capa_sync.yaml_syntax import Mistake, is_curly, mistake_in

LARGEST = 384 * 1_024
"""Bytes of a file; a people file of 3,000 persons has 250,000."""
MOST_ENTRIES = 40_000
DEEPEST = 20
LONGEST_TEXT = 20_000
LONGEST_NUMBER = 40
_LIMITS = YamlLimits(DEEPEST, MOST_ENTRIES, LONGEST_TEXT, LONGEST_NUMBER)
_OPENING = (MappingStartEvent, SequenceStartEvent)
_CLOSING = (MappingEndEvent, SequenceEndEvent)
_UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""Errors that ruamel's constructors raise for a date of month 13, a number of 5,000 digits, a list as a key."""


class Refused(YAMLError):
    """A text that is no YAML, or YAML that capa-sync does not accept; `mistake` says where and how to correct it."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.what)
        self.mistake = mistake


def _refused(what: str, hint: str, mark: StringMark | None) -> Refused:
    return Refused(Mistake(mark.line + 1 if mark else 1, what, hint))


_WRITE_OUT = "write the lines out; a text that begins with & or * needs quotes"
_NO_TAG = "leave the tag out; a text that begins with ! needs quotes"


class _Bounds:
    """Counts the events of one file, and refuses a file beyond the limits."""

    def __init__(self) -> None:
        self._depth = 0
        self._entries = 0

    def check(self, event: Any) -> None:
        mark = getattr(event, "start_mark", None)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _refused("anchors and aliases (& and *) are not read here", _WRITE_OUT, mark)
        if isinstance(event, NodeEvent):
            self._entries += 1
            if self._entries > MOST_ENTRIES:
                raise _refused(f"the file has more than {MOST_ENTRIES:,} entries", "split it", mark)
            tag = getattr(event, "ctag", None)
            if tag is not None and str(tag) not in {"", "!"}:
                raise _refused("tags (!…) are not read here", _NO_TAG, mark)
        if isinstance(event, ScalarEvent):
            _check_text(event, mark)
        elif isinstance(event, _OPENING):
            self._depth += 1
            if self._depth > DEEPEST:
                raise _refused(
                    f"this is nested deeper than {DEEPEST} levels", "leave out brackets and indentation", mark
                )
        elif isinstance(event, _CLOSING):
            self._depth -= 1


def _check_text(event: ScalarEvent, mark: StringMark | None) -> None:
    text, is_plain = event.value, not event.style
    if len(text) > LONGEST_TEXT:
        raise _refused(f"this text is longer than {LONGEST_TEXT:,} characters", "shorten it", mark)
    if is_plain and text == "<<":
        raise _refused("merge keys (<<) are not read here", "write the lines out", mark)
    if is_plain and len(text) > LONGEST_NUMBER and text.lstrip("+-")[:1].isdigit() and " " not in text:
        raise _refused(f"this is longer than {LONGEST_NUMBER} digits", "put it in quotes if it is a text", mark)


class _BoundedParser(Parser):
    def get_event(self) -> Any:
        event = super().get_event()
        _bounds_of(self).check(event)
        return event


class _BoundedRoundTripParser(RoundTripParser):
    def get_event(self) -> Any:
        event = super().get_event()
        _bounds_of(self).check(event)
        return event


def _bounds_of(parser: Any) -> _Bounds:
    bounds: _Bounds | None = getattr(parser, "capa_sync_bounds", None)
    if bounds is None:
        bounds = parser.capa_sync_bounds = _Bounds()
    return bounds


_DAY = re.compile(r"\d{4}-\d\d?-\d\d?")
CURLY_QUOTES = ("curly quotation marks are no quotes here", "type straight ones: \" or '")


class _CarefulConstructor(RoundTripConstructor):
    """Reports the line of a value that cannot be constructed; ruamel's own class raises a plain Python error.

    Keys that stand twice and curly quotation marks are noted in `mistakes` instead of ending the reading.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mistakes: list[tuple[Mistake, str]] = []

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        if isinstance(node, ScalarNode) and not node.style and is_curly(node.value):
            self.mistakes.append((Mistake(node.start_mark.line + 1, *CURLY_QUOTES), ""))
        try:
            return super().construct_object(node, deep=deep)
        except Refused:
            raise
        except _UNREADABLE:
            is_day = isinstance(node, ScalarNode) and _DAY.match(node.value)
            what = "this is no day of the calendar" if is_day else "this value cannot be read"
            raise _refused(what, "correct it, or put it in quotes if it is a text", node.start_mark) from None

    def check_mapping_key(self, _node: Any, key_node: Any, mapping: Any, key: Any, _value: Any) -> bool:
        try:
            is_new = key not in mapping
        except TypeError:  # a list within a list
            raise _refused(*NO_WORD, key_node.start_mark) from None
        if is_new:
            return True
        first = mapping.lc.key(key)[0] + 1
        twice = Mistake(key_node.start_mark.line + 1, TWICE, f"keep one of them; the first is on line {first}")
        self.mistakes.append((twice, str(key)))
        return False


TWICE = "a key stands here twice"
NO_WORD = ("a key must be a word", "put a text that begins with [ or { in quotes")


@light
class Loaded:
    """A document, and the mistakes that did not end its reading, each with the key that it is about (or "")."""

    data: Any
    mistakes: list[tuple[Mistake, str]] = field(default_factory=list)


def load_with_lines(text: str) -> Loaded:
    """Return a document with the line of every key and item, as ruamel's round-trip loader returns it.

    Raises:
        Refused: it is no YAML, or beyond the limits.
    """
    yaml = YAML(typ="rt")
    yaml.Constructor = _CarefulConstructor
    try:
        node = plain_nodes(text, _LIMITS, yaml.resolver.resolve)
        data = yaml.constructor.construct_document(node) if node is not None else None
    except (NotPlain, YAMLError):
        return _load_carefully(text)
    return Loaded(data, yaml.constructor.mistakes)


def _load_carefully(text: str) -> Loaded:
    yaml = YAML(typ="rt")
    yaml.Parser = _BoundedRoundTripParser
    yaml.Constructor = _CarefulConstructor
    try:
        data = yaml.load(text)
    except Refused:
        raise
    except YAMLError as error:
        raise Refused(mistake_in(error, text)) from None
    return Loaded(data, yaml.constructor.mistakes)


def compose(text: str) -> Node | None:
    """Return a document's nodes without values made from them; None if it is empty. Raises like `load_with_lines`."""
    try:
        return plain_nodes(text, _LIMITS, _no_tag)
    except NotPlain:
        return _compose_carefully(text)


_TEXT = Tag(suffix="tag:yaml.org,2002:str")


def _no_tag(*_value: Any) -> Tag:
    """Nobody reads the tags of composed nodes."""
    return _TEXT


def _compose_carefully(text: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = _BoundedParser
    try:
        node: Node | None = yaml.compose(text)
    except Refused:
        raise
    except YAMLError as error:
        raise Refused(mistake_in(error, text)) from None
    return node
