"""The one way in which text that others wrote leaves us: to a terminal, a log, a cell, a page, or a ticket.

Control and escape characters, line separators and halves of characters become spaces; what turns the direction of
writing, or is not seen, is left out. Joiners that scripts need stay.
"""

from __future__ import annotations

from capa_sync.model.patterns import LONGEST_BODY, Pattern

_SPACES = "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_UNSEEN = "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
UNSAFE = Pattern("UNSAFE", f"[{_SPACES}{_UNSEEN}]", reach=LONGEST_BODY)
UNSAFE_IN_LINES = Pattern(
    "UNSAFE_IN_LINES", f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_UNSEEN}]", reach=LONGEST_BODY
)
"""The same but for line ends and tabs."""
UNSAFE_IN_MARKUP = Pattern(
    "UNSAFE_IN_MARKUP", f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_UNSEEN}]", reach=LONGEST_BODY
)
UNSEEN = Pattern("UNSEEN", f"[{_UNSEEN}]", reach=LONGEST_BODY)


def one_line(text: str) -> str:
    """Return the text on one line, with nothing in it that a terminal or a browser obeys."""
    if text.isascii() and text.isprintable():
        return text
    return UNSAFE.sub(" ", UNSEEN.sub("", text))


def lines(text: str) -> str:
    """The same for text that keeps its line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return UNSAFE_IN_LINES.sub(" ", UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def inert_markup(text: str) -> str:
    """Return markup of ours with words of others in it; its line ends stay, whatever their form."""
    return UNSAFE_IN_MARKUP.sub("", text)


def escaped(json: str) -> str:
    """Return JSON in which JSON's own escapes stand for the same characters, so that none is lost."""
    return UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _escape(found[0]), json)


def _escape(letter: str) -> str:
    """Return a character in the form that JSON has for it: above U+FFFF two halves."""
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
