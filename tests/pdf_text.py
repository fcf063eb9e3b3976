"""The text of a PDF as our printer writes it: enough of the format to find in a file what a person reads in it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"^(<<.*?>>)\nstream\n(.*)\nendstream$", re.DOTALL)
_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
_FONTS = re.compile(rb"/Font\s*<<(.*?)>>", re.DOTALL)
_REFERENCE = re.compile(rb"/(\w+)\s+(\d+) 0 R")
_LITERAL = rb"(?:\\.|[^\\()])"
for _depth in range(4):  # parentheses in a text stand as they are where they are balanced
    _LITERAL = rb"(?:\\.|[^\\()]|\(" + _LITERAL + rb"*\))"
_SHOWN = re.compile(
    rb"/(?P<tag>\w+)(?:<<[^\n]*?>>)?\s*B[DM]C\b|\b(?P<end>EMC)\b|/(?P<font>\w+)\s+[\d.]+\s+Tf\b"
    rb"|<(?P<hex>[0-9A-Fa-f\s]*)>|\((?P<text>" + _LITERAL + rb"*)\)",
    re.DOTALL,
)
_MARGIN = b"Artifact"
"""What belongs to the page and not to the text, such as its number."""
_SINGLE = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
_RANGE = re.compile(rb"beginbfrange(.*?)endbfrange", re.DOTALL)
_CODES = re.compile(rb"<([0-9A-Fa-f]+)>")
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pdf_text(body: bytes) -> str:
    """Return all letters of all pages in the order in which they are drawn, without white space.

    Without it, because a line that ends within a text is no blank. What stands in the margins is left out.
    """
    objects = {int(number): content for number, content in _OBJECT.findall(body)}
    pages = [content for content in objects.values() if _PAGE.search(content)]
    return "".join("".join(piece.split()) for page in pages for piece in _of_page(page, objects))


def _of_page(page: bytes, objects: dict[int, bytes]) -> Iterator[str]:
    references = {name: int(number) for name, number in _REFERENCE.findall(page)}
    resources = objects.get(references.get(b"Resources", 0), page)
    found = _FONTS.search(resources)
    named = _REFERENCE.findall(found[1]) if found else []
    fonts = {name: _letters_of(objects[int(number)], objects) for name, number in named}
    letters: dict[int, str] = {}
    inside: list[bytes] = []
    for shown in _SHOWN.finditer(_content(objects[references[b"Contents"]])):
        if shown["tag"] is not None:
            inside.append(shown["tag"])
        elif shown["end"] is not None:
            inside.pop()
        elif shown["font"] is not None:
            letters = fonts[shown["font"]]
        elif _MARGIN not in inside:
            codes = bytes.fromhex(shown["hex"].decode()) if shown["hex"] is not None else _unescaped(shown["text"])
            yield "".join(letters.get(codes[at] << 8 | codes[at + 1], "") for at in range(0, len(codes) - 1, 2))


def _letters_of(font: bytes, objects: dict[int, bytes]) -> dict[int, str]:
    """Return code -> letters of a font, by its table for those who copy text."""
    table = dict(_REFERENCE.findall(font)).get(b"ToUnicode")
    if table is None:
        return {}
    content, found = _content(objects[int(table)]), dict[int, str]()
    for block in _SINGLE.findall(content):
        codes = _CODES.findall(block)
        found |= {int(code, 16): _utf16(text) for code, text in zip(codes[::2], codes[1::2], strict=True)}
    for block in _RANGE.findall(content):
        codes = _CODES.findall(block)
        for first, last, text in zip(codes[::3], codes[1::3], codes[2::3], strict=True):
            begins = int(text, 16)
            found |= {code: chr(begins + code - int(first, 16)) for code in range(int(first, 16), int(last, 16) + 1)}
    return found


def _utf16(digits: bytes) -> str:
    return bytes.fromhex(digits.decode()).decode("utf-16-be")


def _content(of: bytes) -> bytes:
    found = _STREAM.match(of)
    assert found is not None, of[:200]
    return zlib.decompress(found[2]) if b"FlateDecode" in found[1] else found[2]


def _unescaped(text: bytes) -> bytes:
    def letter(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes([int(code, 8) & 0xFF]) if code.isdigit() else _LETTERS.get(code, code)

    return _ESCAPED.sub(letter, text)
