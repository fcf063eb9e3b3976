"""Items of a check list that stands in a text field, as people tick it off and as check list add-ons write it.

    - [x] Name a deputy          done
    * [ ] Test the reminder      open
    ☑ Tell the team             done
    + Name a deputy              done, as one add-on writes it
    ~ Test the reminder          begun
    x Ask the supplier           skipped

A line that begins with `#` is a heading of the list and one that begins with `>` a remark on the item above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from capa_sync.mapping.placeholders import is_placeholder
from capa_sync.mapping.texts import normalise
from capa_sync.model.light import light

_BOXES = {"[x]": True, "[v]": True, "[✓]": True, "[✔]": True, "[ ]": False, "[]": False, "[_]": False, "[-]": False}
_DRAWN = {"☑": True, "☒": True, "✅": True, "✓": True, "✔": True, "☐": False, "⬜": False, "□": False}
_BULLETS = ("-", "*", "•", "–", "+", "~", "x", "X")
_DONE, _BEGUN, _SKIPPED = frozenset({"+"}), frozenset({"~"}), frozenset({"x", "X"})
_ASIDE = ("#", ">")
MOST_ITEMS = 200


class CheckItem(NamedTuple):
    """One item: its words, and whether it is done, begun or skipped."""

    words: str
    is_done: bool = False
    is_begun: bool = False
    is_skipped: bool = False

    @property
    def key(self) -> str:
        """Return what identifies an item while people tick it off and move it."""
        return self.words.casefold()


@light
class CheckLife:
    """An item over time: how it is now (None where it was taken out), and when it came, was begun and was done."""

    item: CheckItem | None
    words: str
    first_at: datetime
    first_group: int
    started_at: datetime | None
    started_group: int | None
    done_at: datetime | None


def check_items(text: str) -> list[CheckItem]:
    """Return the items of a check list, each text once, in their order; at most MOST_ITEMS."""
    found: dict[str, CheckItem] = {}
    for line in text.splitlines():
        item = _item(line.strip())
        if item is not None and item.words and not is_placeholder(item.words):
            found.setdefault(item.key, item)
        if len(found) == MOST_ITEMS:
            break
    return list(found.values())


def _item(line: str) -> CheckItem | None:
    """Return the item that a line holds; None for a blank line, a heading or a remark."""
    if not line or line.startswith(_ASIDE):
        return None
    sign, rest = "", line
    if line[:2].strip() in _BULLETS and line[1:2].isspace():
        sign, rest = line[0], line[2:].strip()
    for box, is_done in (*_BOXES.items(), *_DRAWN.items()):
        if rest[: len(box)].casefold() == box:
            return CheckItem(normalise(rest[len(box) :]), is_done)
    return CheckItem(normalise(rest), sign in _DONE, sign in _BEGUN, sign in _SKIPPED)


def lives_of(states: Sequence[tuple[datetime, int, str]]) -> Iterator[CheckLife]:
    """Yield each item that a check list ever had; `states`: instant, group and text, from the creation on."""
    lists = [(at, group, {item.key: item for item in check_items(text)}) for at, group, text in states]
    for key in dict.fromkeys(key for _, _, items in lists for key in items):
        yield _life([(at, group, items.get(key)) for at, group, items in lists])


def _life(moments: Sequence[tuple[datetime, int, CheckItem | None]]) -> CheckLife:
    present = [(at, group, item) for at, group, item in moments if item is not None]
    first_at, first_group, first = present[0]
    begun = next(((at, group) for at, group, item in present if item.is_begun or item.is_done), None)
    started_at, started_group = begun or (None, None)
    now = moments[-1][2]
    done_at: datetime | None = None
    for at, _, item in moments:
        done_at = None if item is None or not item.is_done else done_at or at
    words = now.words if now is not None else first.words
    return CheckLife(now, words, first_at, first_group, started_at, started_group, done_at)
