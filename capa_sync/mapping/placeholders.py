"""Texts that stand for "nothing yet": TBD, n/a, see above, […], -, ? (docs/clause10.md 2.1; English only)."""

from __future__ import annotations

from capa_sync.mapping.texts import has_word, normalise
from capa_sync.model.patterns import BRACKETED, ICONS_BEFORE, ICONS_BEHIND, LATER, LIST_SIGN, ROW_NUMBER, RULER
from capa_sync.model.values import FILLED, ValueState

_WORDS = frozenset(
    """
    tbd|tba|tbc|tbs|t.b.d|t.b.a|t.b.c|to do|todo|to-do|fixme|wip|work in progress|in progress|in work|ongoing
    n/a|n / a|n.a|na|n-a|not applicable|not relevant|irrelevant|none|none yet|nil|null|nan|nothing|nothing yet
    undefined|blank|empty|missing|void|no|unknown|unclear|no idea|don't know|dont know|i don't know|not sure
    idem|ditto|same|same as above|same as before|the same|as above|as below|above|below|as described|as discussed
    as described above|described above|as mentioned|as mentioned above|as stated above|as per description
    pending|open|later|soon|asap|on hold|follows|to follow|will follow|under investigation|under review
    under analysis|under discussion|pending review|pending analysis|pending investigation|awaiting input
    awaiting analysis|awaiting review|awaiting feedback|awaiting information|x|xx|xxx|xxxx
    test|testing|test text|dummy|dummy text|sample|example|foo|bar|foobar|asdf|asdfasdf|qwerty|qwert|abc|abcd
    placeholder|some text|text|text here|your text here|value|default|template|standard text
    """.replace("\n", "|").split("|")
)
_BARE = frozenset(word.strip() for word in _WORDS if word.strip())

_EDGES = " \t.,;:!?*_~\"'`…-–—()#|^+"
_LONGEST = 90
"""A text with more characters is no placeholder."""
_LONGEST_OF_PIECES, _MOST_PIECES, _MOST_LOOKED_AT = 2_000, 40, 2_000
"""Limits for a text of several lines or cells: characters, lines and cells with words, and with anything at all."""


def is_placeholder(text: str) -> bool:
    """Return whether a normalised, non-empty text stands for "nothing yet".

    A text without any letter or digit does, and so does a text that is only a bracketed note. Icons around a text
    change nothing: emoji, their names, and wiki markup's such as (!) and (i).
    """
    if len(text) > _LONGEST:
        return False
    if not has_word(text):
        return True
    folded = text.casefold().replace("’", "'")
    inner = folded.strip(_EDGES)
    if inner in _BARE or BRACKETED.fullmatch(text) or LATER.fullmatch(inner):
        return True
    if folded.isascii() and ":" not in folded and "(" not in folded:
        return False
    core = _without_icons(folded)
    return not core or core in _BARE or bool(BRACKETED.fullmatch(core) or LATER.fullmatch(core))


def _without_icons(text: str) -> str:
    """Return a casefolded text without the icons and signs at its beginning and end."""
    for pattern in (ICONS_BEFORE, ICONS_BEHIND):
        found = pattern.match(text)
        text = text[found.end() if found else 0 :][::-1]
    return text


def state_of(text: str, shown: str) -> ValueState:
    """Return the state of a text: filled, empty or placeholder.

    A text of several lines or cells is a placeholder when each of them is a placeholder. Bullets, item numbers,
    the number of a row, signs of quotation, rulers and hard spaces are ignored, because another form of the same
    content may draw them.

    Args:
        text: normalised.
        shown: the same with its lines, and tabs between cells.
    """
    if len(text) > _LONGEST_OF_PIECES:
        return FILLED
    pieces = [piece for line in shown.splitlines() if line and not line.isspace() for piece in cells(line)]
    if len(pieces) > _MOST_LOOKED_AT:
        return FILLED
    left = list(filter(None, map(bare, pieces)))
    if not left:
        return ValueState.EMPTY
    return ValueState.PLACEHOLDER if len(left) <= _MOST_PIECES and all(map(is_placeholder, left)) else FILLED


def cells(line: str) -> list[str]:
    """Return the cells of a row, in plain text also of one between bars, without the number that begins it."""
    if "\t" not in line:
        if "|" not in line:
            return [line]
        line = _between_bars(line.strip())
    first, *others = line.split("\t")
    return others if others and ROW_NUMBER.fullmatch(first) else [first, *others]


def _between_bars(line: str) -> str:
    is_row = len(line) > 1 and line.startswith("|") and line.endswith("|")
    return line[1:-1].replace("|", "\t") if is_row else line


def bare(piece: str) -> str:
    """Return a line or cell without its leading list signs; "" for a ruler."""
    text = normalise(piece.replace("&nbsp;", " "))
    if len(text) > 1 and text[:2].isalpha() and text[:2] not in _ROMAN:  # a word: no sign and no ruler
        return text
    if RULER.fullmatch(text):
        return ""
    # people write a dash alone for "nothing"; that differs from a bullet that has lost its text
    while text not in _DASHES and (sign := LIST_SIGN.match(text)) is not None:
        text = text[sign.end() :]
    return text


_ROMAN = frozenset({"ii", "iv", "vi", "ix", "xi", "xv", "II", "IV", "VI", "IX", "XI", "XV"})
"""How a number of several letters begins."""
_DASHES = frozenset({"-", "--", "---", "–", "—"})
"""Also as wiki markup writes the last two."""
