"""Reads plain YAML with libyaml, in a twentieth of the time; whatever is not plain is left to the careful parser.

libyaml reads YAML 1.1 and names mistakes in its own words. So this reader returns nodes only for a text in which the
two parsers do not differ, and that lies within the limits; of any other text it says nothing. Then the other parser
reads it, and finds what it finds: no mistake is worded here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.tag import Tag
from yaml import YAMLError
from yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from capa_sync.model.light import light

try:
    from yaml.cyaml import CParser
except ImportError:  # this PyYAML was built without libyaml
    CParser = None

_PLAIN = re.compile(r"[\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*+")
"""Characters that both parsers read alike; a tab, a lone \\r and Unicode's line separators are not among them."""
_ODD = re.compile(r"""^(?:%|---|\.\.\.)|[|>][-+0-9]*#|["']:\S""", re.MULTILINE)
"""Where they differ: several documents and directives, `|#`, and a value that follows `"key":` without a space."""
_ODD_IN_FLOW = re.compile(r"\?|^:|:(?![0-9A-Za-z])")


@light
class YamlLimits:
    """YamlLimits of a file: depth, entries, characters of a text, and of a word that begins with a digit."""

    depth: int
    entries: int
    text: int
    number: int


class NotPlain(Exception):
    """The text is left to the careful parser."""


Resolve = Callable[[type[Node], str | None, tuple[bool, bool]], Tag]
"""Returns the tag of a value, as the resolvers of ruamel do."""


def plain_nodes(text: str, limits: YamlLimits, resolve: Resolve) -> Node | None:
    """Return the nodes of a plain YAML text; None if it is empty.

    Raises:
        NotPlain: the careful parser must read the text.
    """
    text = text.replace("\r\n", "\n")
    if CParser is None or not _PLAIN.fullmatch(text) or _ODD.search(text):
        raise NotPlain
    try:
        return _Composer(CParser(text), limits, resolve).document()
    except YAMLError:
        raise NotPlain from None


class _Composer:
    """Makes nodes of the parser's events."""

    def __init__(self, parser: Any, limits: YamlLimits, resolve: Resolve) -> None:
        self._next = parser.get_event
        self._limits = limits
        self._resolve = resolve
        self._entries = 0

    def document(self) -> Node | None:
        self._next()  # the start of the stream
        if not isinstance(self._next(), DocumentStartEvent):
            return None
        root = self._node(self._next(), 1, in_flow=False)
        self._next()  # the end of the document
        if not isinstance(self._next(), StreamEndEvent):
            raise NotPlain
        return root

    def _node(self, event: Any, depth: int, *, in_flow: bool) -> Node:
        """Return the node that begins with this event."""
        self._entries += 1
        if self._entries > self._limits.entries or event.anchor or event.tag:
            raise NotPlain
        if isinstance(event, ScalarEvent):
            return self._scalar(event, in_flow=in_flow)
        if depth > self._limits.depth:
            raise NotPlain
        in_flow = event.flow_style
        if isinstance(event, SequenceStartEvent):
            members = self._members(SequenceEndEvent, depth + 1, in_flow=in_flow)
            tag = self._resolve(SequenceNode, None, event.implicit)
            return SequenceNode(tag, members, event.start_mark, None, in_flow)
        members = self._members(MappingEndEvent, depth + 1, in_flow=in_flow)
        pairs = list(zip(members[::2], members[1::2], strict=True))
        return MappingNode(self._resolve(MappingNode, None, event.implicit), pairs, event.start_mark, None, in_flow)

    def _members(self, end: type, depth: int, *, in_flow: bool) -> list[Node]:
        """Return the nodes up to the event that ends a list or a mapping."""
        members: list[Node] = []
        while not isinstance(event := self._next(), end):
            members.append(self._node(event, depth, in_flow=in_flow))
        return members

    def _scalar(self, event: Any, *, in_flow: bool) -> ScalarNode:
        text, is_quoted = event.value, bool(event.style)
        if len(text) > self._limits.text:
            raise NotPlain
        if event.style in {"|", ">"} and (text[:1] in {"", "\n"} or event.start_mark.column == 0):
            raise NotPlain
        if not is_quoted:
            is_long_number = len(text) > self._limits.number and text.lstrip("+-")[:1].isdigit()
            if text in {"", "<<"} or is_long_number or (in_flow and _ODD_IN_FLOW.search(text)):
                raise NotPlain
        tag = self._resolve(ScalarNode, text, (not is_quoted, is_quoted))
        return ScalarNode(tag, text, event.start_mark, event.end_mark, event.style or None)
