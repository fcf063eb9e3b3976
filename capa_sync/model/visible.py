"""Makes text of others safe before it is shown: on a terminal, in a log, a cell, a page, or a ticket.

Control and escape characters, line separators and lone surrogates become spaces. Invisible characters and those that
change the direction of writing are removed. Joiners that scripts need stay.
"""

from __future__ import annotations

from capa_sync.model.patterns import LONGEST_BODY, Pattern

_SPACES = "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_UNSEEN = "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
UNSAFE = Pattern("UNSAFE", f"[{_SPACES}{_UNSEEN}]", reach=LONGEST_BODY)
UNSAFE_IN_LINES = Pattern(
    "UNSAFE_IN_LINES", f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_UNSEEN}]", reach=LONGEST_BODY
)
"""The same, without line ends and tabs."""
UNSAFE_IN_MARKUP = Pattern(
    "UNSAFE_IN_MARKUP", f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_UNSEEN}]", reach=LONGEST_BODY
)
UNSEEN = Pattern("UNSEEN", f"[{_UNSEEN}]", reach=LONGEST_BODY)


def one_line(text: str) -> str:
    """Return the text on one line, without characters that control a terminal or a browser."""
    if text.isascii() and text.isprintable():
        return text
    return UNSAFE.sub(" ", UNSEEN.sub("", text))


def seen(text: str) -> str:
    """Return what a person sees of a text on one line, with single blanks."""
    return " ".join(one_line(text).split())


def lines(text: str) -> str:
    """The same for text that keeps its line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return UNSAFE_IN_LINES.sub(" ", UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def inert_markup(text: str) -> str:
    """Return our markup, which may contain text of others, without unsafe characters; all line ends stay."""
    return UNSAFE_IN_MARKUP.sub("", text)


def escaped(json: str) -> str:
    """Return JSON in which unsafe characters are replaced by JSON escapes, so that none is lost."""
    return UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _escape(found[0]), json)


def _escape(letter: str) -> str:
    """Return the JSON escape of a character; two surrogates above U+FFFF."""
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
