"""Ends the reading of a list whose pages never end; every loop over the pages of a tracker notes each page here."""

from __future__ import annotations

from collections.abc import Iterable

from capa_sync.errors import BadAnswer
from capa_sync.model.amounts import count_of

MOST_ROWS = 10_000_000
"""Rows of one list; more than any register could hold, so that a larger count is none."""
MOST_OF_ONE = 1_000_000
"""Comments or history entries of one ticket, or projects of a site."""
_REPEATS = 5
"""Pages in a row without a new row: many edits at once can move a whole page, and Cloud may send an empty one."""
_LATER_ENDS = 100
"""How often a list may be longer than it said, each time when that was read: tickets are created meanwhile."""
_HIDDEN_PAGES = 300
"""Empty pages in a row where no count tells how many rows access rules hide."""


class Advance:
    """Follows the pages of one list, and refuses it once they lead to no end.

    Rows may come again, counts may grow and pages may be empty while people work; a tracker does no more of it than
    the numbers above. Whatever it answers, the reading ends.

    Args:
        source: name of the source. what: the list, for the message. most: rows that no real list exceeds.

    Attributes:
        rows: new rows so far.
    """

    def __init__(self, source: str, what: str, *, most: int = MOST_ROWS) -> None:
        self._source = source
        self._what = what
        self._most = most
        self.rows = 0
        self._seen: set[str] = set()
        self._tokens: set[str] = set()
        self._repeats = 0
        self._promised: int | None = None
        self._later_ends = 0
        self._hidden_pages = 0
        self._hidden: int | None = None

    def note(self, ids: Iterable[str], *, total: int | None = None, token: str = "") -> None:
        """Note a page: the ids of its rows, the number of rows of the whole list, and the token of the next page.

        Raises BadAnswer when the list has no end.
        """
        if token and token in self._tokens:
            raise self._refused("a page token comes for the second time")
        self._tokens.add(token)
        before = len(self._seen)
        self._seen.update(ids)
        new = len(self._seen) - before
        self._repeats = 0 if new else self._repeats + 1
        if self._repeats > _REPEATS:
            raise self._refused(f"{self._repeats} pages in a row bring nothing new")
        self.grow(new, total)

    def forget(self) -> None:
        """Forget the ids of all rows so far: the order of the list lets none of them come again."""
        self._seen.clear()

    def grow(self, new: int, total: int | None) -> None:
        """Note the number of new rows of a page alone, for a list whose order proves them new. Raises BadAnswer."""
        self.rows += new
        if max(self.rows, total or 0) > self._most:
            raise self._refused(f"it cannot have {count_of(max(self.rows, total or 0), 'row')}")
        if total is None:
            return
        if self._promised is None:
            self._promised = total
        elif self.rows >= self._promised < total:
            self._promised, self._later_ends = total, self._later_ends + 1
            if self._later_ends > _LATER_ENDS:
                raise self._refused("it grows with each page that is read")

    def skip(self, offset: int, limit: int, total: int | None) -> None:
        """Note an empty page of a list in which access rules may hide rows: its offset, and the count of all rows.

        Raises BadAnswer when it is far beyond the first count, or when too many such pages came without a count.
        """
        if (total or 0) > self._most:
            raise self._refused(f"it cannot have {count_of(total or 0, 'row')}")
        if offset == 0:
            self._hidden_pages, self._hidden = 0, None
        self._hidden_pages += 1
        self._hidden = total if self._hidden is None else self._hidden
        if self._hidden is None and self._hidden_pages > _HIDDEN_PAGES:
            raise self._refused(f"{count_of(self._hidden_pages, 'empty page')} in a row promise more without a count")
        if self._hidden is not None and offset > 2 * self._hidden + 20 * limit:
            raise self._refused(f"empty pages go on far beyond the count of {self._hidden}")

    def _refused(self, why: str) -> BadAnswer:
        return BadAnswer(self._source, f"{self._what}: {why}; pages without end are not read")
