"""A warning's text as ADF (Cloud) and as escaped wiki markup (Data Center); pure.

Ticket text is hostile. In ADF it is a text node and inert; in wiki markup every character that could begin a
mention, link, image or macro is escaped (docs/jira.md 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from capa_sync.model.patterns import HEAD_TO_ESCAPE, SAFE_LINK, SPECIAL
from capa_sync.model.write import Paragraph, Span, WarningText, says_the_same
from capa_sync.sources.jira.adf import adf_text
from capa_sync.sources.jira.values import clean

_AS_ENTITIES = {ord("\\"): "&#92;", ord("#"): "&#35;"}
"""A doubled backslash is a line break in wiki markup, and a backslash does not escape a number sign."""
LONGEST = 8_000
"""Maximum characters of a text on a ticket (docs/contract.md 8), as sent: a Data Center counts the markup as well."""
_SHORTER = (320, 240, 160, 120, 80, 40)
"""Lengths to which runs of text are cut, tried one after the other until the whole fits."""
_SMALL = {"type": "subsup", "attrs": {"type": "sub"}}
Node = dict[str, Any]


def to_adf(text: WarningText) -> Node:
    """Render as an ADF document; points become one numbered list."""
    content: list[Node] = []
    for is_numbered, paragraphs in groupby(text.paragraphs, key=lambda paragraph: paragraph.numbered):
        nodes = [_paragraph(paragraph) for paragraph in paragraphs]
        if is_numbered:
            items = [{"type": "listItem", "content": [node]} for node in nodes]
            content.append({"type": "orderedList", "content": items})
        else:
            content += nodes
    return {"type": "doc", "version": 1, "content": content}


def _paragraph(paragraph: Paragraph) -> Node:
    nodes = [node for span in paragraph.spans for node in _adf_span(span)]
    return {"type": "paragraph", "content": nodes}


def _adf_span(span: Span) -> Iterator[Node]:
    marks: list[Node] = []
    if span.bold:
        marks.append({"type": "strong"})
    if span.small:
        marks.append(_SMALL)
    if SAFE_LINK.fullmatch(span.href):
        marks.append({"type": "link", "attrs": {"href": span.href}})
    for number, line in enumerate(_fit(span.text).split("\n")):
        if number:
            yield {"type": "hardBreak"}
        if line:  # Jira refuses an empty text node
            yield {"type": "text", "text": line, "marks": marks} if marks else {"type": "text", "text": line}


def _fit(text: str) -> str:
    """Return text without control characters; blanks at both ends are kept."""
    head = text[: len(text) - len(text.lstrip(" "))]
    tail = text[len(text.rstrip(" ")) :] if text.strip(" ") else ""
    return head + clean(text) + tail


def to_wiki(text: WarningText) -> str:
    """Render as wiki markup of at most LONGEST characters; nothing in the text can act as markup.

    Escaping can make a hostile text five times as long; then its longest runs are cut.
    """
    written = _wiki(text)
    for length in _SHORTER:
        if len(written) <= LONGEST:
            break
        written = _wiki(_shortened(text, length))
    return written


def _shortened(text: WarningText, length: int) -> WarningText:
    def cut(span: Span) -> Span:
        is_long = len(span.text) > length and not span.href
        return replace(span, text=span.text[: length - 1] + "…") if is_long else span

    return WarningText(
        tuple(replace(paragraph, spans=tuple(map(cut, paragraph.spans))) for paragraph in text.paragraphs)
    )


def _wiki(text: WarningText) -> str:
    blocks: list[str] = []
    for is_numbered, paragraphs in groupby(text.paragraphs, key=lambda paragraph: paragraph.numbered):
        lines = ["".join(map(_wiki_span, paragraph.spans)) for paragraph in paragraphs]
        if is_numbered:
            blocks.append("\n".join("# " + line.replace("\n", "\\\\ ") for line in lines))
        else:
            blocks += lines
    return "\n\n".join(blocks)


def escape_wiki(text: str) -> str:
    """Escape every character with a meaning in wiki markup; a web address stays a link."""
    escaped = SPECIAL.sub(r"\\\g<0>", text.translate(_AS_ENTITIES))
    # a line that begins with h1. or bq. is a heading or a quotation
    return HEAD_TO_ESCAPE.sub(r"\1\2&#46;", escaped)


def _wiki_span(span: Span) -> str:
    text = escape_wiki(_fit(span.text))
    if SAFE_LINK.fullmatch(span.href):
        return f"[{span.href}]" if span.text == span.href else f"[{text}|{span.href}]"
    inner = text.strip()
    if not span.bold or not inner or "\n" in inner:
        return text
    head, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{head}{{*}}{inner}{{*}}{tail}"


def same_text(sent: Any, found: Any) -> bool:
    """Tell whether a comment on the tracker reads as the text we send: Jira adds its own attributes to ADF."""
    if isinstance(sent, dict) and isinstance(found, dict):
        return says_the_same(adf_text(sent)[0], adf_text(found)[0])
    return isinstance(sent, str) and isinstance(found, str) and says_the_same(sent, found)
