"""Atlassian Document Format as the text that a person reads; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

_MEDIA = frozenset({"media", "mediaSingle", "mediaGroup", "mediaInline"})
_BLOCKS = frozenset(
    {
        "paragraph",
        "heading",
        "codeBlock",
        "blockquote",
        "panel",
        "bulletList",
        "orderedList",
        "taskList",
        "decisionList",
        "table",
        "rule",
        "expand",
        "nestedExpand",
        "layoutSection",
        "layoutColumn",
        "blockCard",
        "embedCard",
        "caption",
    }
)
_ITEMS = frozenset({"listItem", "taskItem", "decisionItem"})
_CARDS = frozenset({"inlineCard", "blockCard", "embedCard"})
_TITLED = frozenset({"expand", "nestedExpand"})
"""Their title is read as a heading, which it looks like."""
_DEPTH = 60
"""Deeper nesting, which no editor makes, is cut, so that a hostile document cannot exhaust the stack."""


def is_document(value: Mapping[str, Any]) -> bool:
    """Tell whether a field's value is an ADF document."""
    return value.get("type") == "doc" and "content" in value


def adf_text(document: Mapping[str, Any], in_cell: str = " ") -> tuple[str, bool]:
    """Return the plain text, and whether the document contains media.

    Paragraphs and list items end in a newline, table cells are separated by tabs, mentions are their own text.
    A document of empty paragraphs is an empty text. `in_cell` joins the lines of one cell.
    """
    line = _only_line(document)
    if line is not None:
        return line.strip(), False
    found = _AdfText(in_cell)
    found.visit(document, 0)
    lines = (line.rstrip() for line in "".join(found.pieces).split("\n"))
    return "\n".join(lines).strip(), found.has_media


def _only_line(document: Mapping[str, Any]) -> str | None:
    """Return the text of a document with one paragraph of plain text, as most are; None for any other."""
    blocks = document.get("content")
    if not (isinstance(blocks, list) and len(blocks) == 1 and isinstance(blocks[0], dict)):
        return None
    nodes = blocks[0].get("content")
    if blocks[0].get("type") != "paragraph" or not isinstance(nodes, list):
        return None
    line = ""
    for node in nodes:
        if not isinstance(node, dict) or node.get("type") != "text" or node.get("content"):
            return None
        line += str(node.get("text") or "")
    return None if "\n" in line else line


class _AdfText:
    def __init__(self, in_cell: str) -> None:
        self._in_cell = in_cell
        self.pieces: list[str] = []
        self.has_media = False

    def visit(self, node: Mapping[str, Any], depth: int) -> None:
        found = node.get("type")
        kind = found if isinstance(found, str) else ""  # other types may not be hashable
        if depth > _DEPTH:
            return
        if kind in _MEDIA:
            self.has_media = True
            self._children(node, depth)
        elif kind == "tableRow":
            self._row(node, depth)
        elif kind in _ITEMS:
            self._item(node, depth)
        elif kind in _BLOCKS:
            self._line_break()
            self._add(_inline(kind, node))
            if kind in _TITLED:
                self._line_break()
            self._children(node, depth)
            self._line_break()
        else:
            self._add(_inline(kind, node))
            self._children(node, depth)

    def _add(self, text: str) -> None:
        if text:
            self.pieces.append(text)

    def _children(self, node: Mapping[str, Any], depth: int) -> None:
        for child in _nodes(node.get("content")):
            self.visit(child, depth + 1)

    def _line_break(self) -> None:
        """Begin a new line unless one has just begun, also after the bullet of a list item."""
        if self.pieces and not self.pieces[-1].endswith(("\n", "- ")):
            self.pieces.append("\n")

    def _item(self, node: Mapping[str, Any], depth: int) -> None:
        """Add an item after its bullet; a bullet without text is removed."""
        start = len(self.pieces)
        self._line_break()
        self._add("- ")
        begun = len(self.pieces)
        self._children(node, depth)
        if not any(piece.strip() for piece in self.pieces[begun:]):
            del self.pieces[start:]

    def _row(self, node: Mapping[str, Any], depth: int) -> None:
        cells = []
        for cell in _nodes(node.get("content")):
            inner = _AdfText(self._in_cell)
            inner.visit(cell, depth + 1)
            self.has_media = self.has_media or inner.has_media
            lines = (" ".join(line.split()) for line in "".join(inner.pieces).replace("\t", "\n").splitlines())
            cells.append(self._in_cell.join(filter(None, lines)))
        self._line_break()
        self._add("\t".join(cells) + "\n")


def _nodes(content: Any) -> Iterable[Mapping[str, Any]]:
    return [node for node in content if isinstance(node, dict)] if isinstance(content, list) else []


def _inline(kind: Any, node: Mapping[str, Any]) -> str:
    if kind == "text":
        return str(node.get("text") or "")
    if kind == "hardBreak":
        return "\n"
    found = node.get("attrs")
    attrs: Mapping[str, Any] = found if isinstance(found, dict) else {}
    if kind == "mention":
        name = str(attrs.get("text") or attrs.get("id") or "")
        return name if name.startswith("@") else f"@{name}"
    if kind == "emoji":
        return str(attrs.get("text") or attrs.get("shortName") or "")
    if kind == "status":
        return str(attrs.get("text") or "")
    if kind == "date":
        return _date(attrs.get("timestamp"))
    if kind in _TITLED:
        return str(attrs.get("title") or "")
    return str(attrs.get("url") or "") if kind in _CARDS else ""


def _date(timestamp: Any) -> str:
    """Return an ADF date (midnight UTC in epoch milliseconds, as text) in ISO form."""
    try:
        return datetime.fromtimestamp(int(timestamp) / 1000, UTC).date().isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
