"""Jira's wiki markup as the text that a person reads; pure.

Only what is markup beyond doubt is taken away: a lone star or dash is somebody's own.
"""

from __future__ import annotations

import re

_MARKS = (*"{[!*_+^~-", "||", "bq.", *(f"h{level}." for level in range(1, 7)))
_MACRO = re.compile(
    r"(?<!\\)\{(?:color|panel|quote|noformat|code|section|column|anchor|info|note|tip|warning|expand)(?::[^}\n]{0,300})?\}"
)
_IMAGE = re.compile(
    r"(?<![\w!\\])!(?=\S)([^!\n|]{1,250}\.\w{2,5}|https?://[^!\n|]{1,500})(?:\|[^!\n]{0,200})?!(?![\w!])"
)
_MENTION = re.compile(r"(?<!\\)\[~(?:accountid:)?([^\]\n]{1,120})\]")
_LINK = re.compile(r"(?<!\\)\[([^\[\]|\n]{1,500})\|([^\[\]\n|]{1,2000})(?:\|[^\[\]\n]{0,200})?\]")
_BARE_LINK = re.compile(r"(?<!\\)\[((?:https?|mailto|ftp):[^\[\]|\n]{1,2000})\]")
_ATTACHMENT = re.compile(r"(?<!\\)\[\^([^\]\n]{1,250})\]")
_HEAD = re.compile(r"^[ \t]*(?:h[1-6]|bq)\.[ \t]+", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*(?:[*#]{1,6}|-)[ \t]+", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*-{4,5}[ \t]*$", re.MULTILINE)
_TABLE_HEAD = re.compile(r"^[ \t]*\|\|(.*)\|\|[ \t]*$", re.MULTILINE)
_MONOSPACED = re.compile(r"(?<!\\)\{\{([^\n]{1,2000}?)\}\}")
_TABLE_ROW = re.compile(r"^[ \t]*\|(.*)\|[ \t]*$", re.MULTILINE)
_EMPHASIS = re.compile(
    r"(?<![\w\\*_+{}])(?:\{([*_+])\}|([*_+]))(?=\S)([^\n]{1,2000}?)(?<=\S)(?:\{\1\}|\2)(?![\w*_+{}])"
)
_ESCAPED = re.compile(r"\\([\\\[\]{}!|*_~^+?#-])")


def wiki_text(source: str) -> tuple[str, bool]:
    """Return the plain text, and whether the markup embeds an image or names an attachment."""
    if not _may_be_marked(source):
        return source.replace("\r\n", "\n").strip(), False
    text = source.replace("\r\n", "\n")
    text, images = _IMAGE.subn("", text)
    text, files = _ATTACHMENT.subn("", text)
    text = _MENTION.sub(r"@\1", text)
    text = _LINK.sub(r"\1 (\2)", text)
    text = _BARE_LINK.sub(r"\1", text)
    text = _MONOSPACED.sub(r"\1", text)
    text = _MACRO.sub("", text)
    text = _RULE.sub("", text)
    text = _HEAD.sub("", text)
    text = _BULLET.sub("- ", text)
    text = _cells(text)
    text = _EMPHASIS.sub(r"\3", text)
    return _ESCAPED.sub(r"\1", text).strip(), bool(images or files)


def _may_be_marked(source: str) -> bool:
    """Tell whether any sign of markup is in a text; ten times as fast as one expression for all."""
    for mark in _MARKS:  # noqa: SIM110 - a generator costs more than what it asks
        if mark in source:
            return True
    return False


def _cells(text: str) -> str:
    text = _TABLE_HEAD.sub(lambda row: "\t".join(cell.strip() for cell in row[1].split("||")), text)
    return _TABLE_ROW.sub(lambda row: "\t".join(cell.strip() for cell in row[1].split("|")), text)
