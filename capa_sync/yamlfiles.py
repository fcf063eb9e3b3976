"""Reads users' YAML within limits: no aliases, merge keys or tags; limited depth, counts, lengths and numbers.

The limits are checked at every event while the parser reads. Without that, 528 bytes of nested aliases take minutes,
and 8 kB of `[` more than 8 s (measured).
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import Node
from ruamel.yaml.parser import Parser, RoundTripParser

LARGEST = 384 * 1_024
"""Bytes of a file; a people file of 3,000 persons has 250,000."""
MOST_ENTRIES = 40_000
DEEPEST = 20
LONGEST_TEXT = 20_000
LONGEST_NUMBER = 40
_OPENING = (MappingStartEvent, SequenceStartEvent)
_CLOSING = (MappingEndEvent, SequenceEndEvent)
_UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""Errors that ruamel's constructors raise for a date of month 13, a number of 5,000 digits, a list as a key."""


class Refused(MarkedYAMLError):
    """YAML that capa-sync does not accept, although it may be valid YAML."""

    def __init__(self, what: str, hint: str, mark: StringMark | None) -> None:
        super().__init__(None, None, what, mark)
        self.what = what
        self.hint = hint


class _Bounds:
    """Counts the events of one file, and refuses a file beyond the limits."""

    def __init__(self) -> None:
        self._depth = 0
        self._entries = 0

    def check(self, event: Any) -> None:
        mark = getattr(event, "start_mark", None)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise Refused("anchors and aliases (& and *) are not read here", "write the lines out", mark)
        if isinstance(event, NodeEvent):
            self._entries += 1
            if self._entries > MOST_ENTRIES:
                raise Refused(f"the file has more than {MOST_ENTRIES:,} entries", "split it", mark)
            tag = getattr(event, "ctag", None)
            if tag is not None and str(tag) not in {"", "!"}:
                raise Refused("tags (!…) are not read here", "leave the tag out", mark)
        if isinstance(event, ScalarEvent):
            _check_text(event, mark)
        elif isinstance(event, _OPENING):
            self._depth += 1
            if self._depth > DEEPEST:
                raise Refused(f"this is nested deeper than {DEEPEST} levels", "", mark)
        elif isinstance(event, _CLOSING):
            self._depth -= 1


def _check_text(event: ScalarEvent, mark: StringMark | None) -> None:
    text, is_plain = event.value, not event.style
    if len(text) > LONGEST_TEXT:
        raise Refused(f"this text is longer than {LONGEST_TEXT:,} characters", "", mark)
    if is_plain and text == "<<":
        raise Refused("merge keys (<<) are not read here", "write the lines out", mark)
    if is_plain and len(text) > LONGEST_NUMBER and text.lstrip("+-")[:1].isdigit() and " " not in text:
        raise Refused(f"this is longer than {LONGEST_NUMBER} digits", "put it in quotes if it is a text", mark)


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


class _CarefulConstructor(RoundTripConstructor):
    """Reports the line of a value that cannot be constructed; ruamel's own class raises a plain Python error."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except _UNREADABLE:
            raise Refused("this value cannot be read", "put it in quotes if it is a text", node.start_mark) from None


def load_with_lines(text: str) -> Any:
    """Return a document with the line of every key and item, as ruamel's round-trip loader returns it.

    Raises:
        YAMLError: it is no YAML, or beyond the limits (Refused); most errors have a mark.
    """
    yaml = YAML(typ="rt")
    yaml.Parser = _BoundedRoundTripParser
    yaml.Constructor = _CarefulConstructor
    return yaml.load(text)


def compose(text: str) -> Node | None:
    """Return a document's nodes without values made from them; None if it is empty. Raises like `load_with_lines`."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = _BoundedParser
    node: Node | None = yaml.compose(text)
    return node
