"""HTML as the text that a person reads; pure.

The parser of the standard library is not used: it needs 10 s for 32 kB of `<a ` (quadratic, Python 3.11) and
raises on some declarations and on long character references.
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from capa_sync.model.patterns import ENTITY, TAG
from capa_sync.model.values import BLANK, Raw

_BLOCKS = frozenset(
    """
    address article aside blockquote br caption center dd details dir div dl dt fieldset figcaption figure footer form
    h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol option p pre search section summary table tbody
    textarea tfoot thead tr ul
    """.replace("\n", " ").split()
)
_CELLS = frozenset({"td", "th"})
_MEDIA = frozenset({"img", "video", "object", "iframe", "embed", "audio", "svg"})
_HIDDEN = frozenset({"script", "style", "template", "title"})
_KEEPS_LINES = frozenset({"pre", "textarea"})
_MOST_PIECES = 50_000
"""Maximum number of tags; what follows them is not read as markup."""


def markup_value(value: str) -> Raw:
    """Read a column of HTML: text in lines, cells of a row separated by tabs; blank where nothing is visible."""
    reader = _HtmlText(joins_lines="\n" in value and "<" in value and "white-space" not in value)
    for piece in _tokens(value):
        reader.take(piece)
    text = reader.text()
    if not text and not reader.has_media:
        return BLANK
    return Raw(ids=(text,) if text else (), text=text, media_only=not text)


class _Tag(str):
    """The name of a tag, with a leading slash for a closing tag."""

    __slots__ = ()


class _HtmlText:
    """Collects the text of tokens.

    Args:
        joins_lines: a line feed is a blank outside of `pre`, as HTML has it. A column without tags was written as
            plain text, and a style may keep lines anywhere (`white-space: pre-wrap`).
    """

    def __init__(self, *, joins_lines: bool) -> None:
        self.pieces: list[str] = []
        self.has_media = False
        self._joins_lines = joins_lines
        self._kept = 0
        self._hidden = ""

    def take(self, piece: str) -> None:
        if not isinstance(piece, _Tag):
            if not self._hidden:
                self.pieces.append(piece.replace("\n", " ") if self._joins_lines and not self._kept else piece)
            return
        name, closes = piece.removeprefix("/"), piece.startswith("/")
        if self._hidden:  # up to its own closing tag, everything is text
            self._hidden = "" if closes and name == self._hidden else self._hidden
            return
        if name in _HIDDEN:
            self._hidden = "" if closes else name
        elif name in _BLOCKS:
            self.pieces.append("\n")
            if name in _KEEPS_LINES:
                self._kept = max(0, self._kept + (-1 if closes else 1))
        elif name in _CELLS and not closes:
            self.pieces.append("\t")
        self.has_media = self.has_media or name in _MEDIA

    def text(self) -> str:
        lines = "".join(self.pieces).split("\n")
        joined = ("\t".join(" ".join(cell.split()) for cell in line.split("\t")).strip() for line in lines)
        return "\n".join(line for line in joined if line)


def _tokens(value: str) -> Iterator[str]:
    """Split markup into texts and tags, in one pass; comments and declarations are dropped."""
    at, has_comment_end = 0, True
    for _ in range(_MOST_PIECES):
        start = value.find("<", at)
        if start < 0:
            break
        if start > at:
            yield _words(value[at:start])
        tag = TAG.compiled.match(value, start)
        if tag is not None:
            yield _Tag(tag[1] + tag[2].lower())
            at = tag.end()
            continue
        end = -1
        if has_comment_end and value.startswith("<!--", start):
            end = value.find("-->", start + 4) + 2
            has_comment_end = end > 1
        elif value.startswith(("<!", "<?"), start):
            end = value.find(">", start)
            if end < 0:  # no further tag can follow
                at = start
                break
        at = end + 1 if end > start else start + 1
        if end <= start:
            yield "<"
    yield _words(value[at:])


def _words(text: str) -> str:
    """Return text between tags with its character references decoded; a tab in it becomes a space, no cell end."""
    text = text.replace("\t", " ")
    return ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text
