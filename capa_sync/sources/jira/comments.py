"""Reads all comments of a ticket: from its row, or page by page where the row has only some of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from capa_sync.errors import AccessDenied, AnswerTooLarge, BadAnswer, Retryable, Skippable
from capa_sync.sources.advance import MOST_OF_ONE, Advance
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.parts import UNDELIVERED, undecorate
from capa_sync.sources.jira.people import JiraAccounts
from capa_sync.sources.jira.shapes import counted_rows, entry_ids, items_and_total, one_issue
from capa_sync.sources.sizes import too_large

_COMMENT = "comment"
_COMMENTS = 100
_ATTEMPTS = 3


class CommentReader:
    """Reads the comments of drafts.

    Args:
        client: the session.
        people: notes every account seen.
        may_ask: takes one of the cycle's remaining requests for what answers left out.
    """

    def __init__(self, client: JiraClient, people: JiraAccounts, may_ask: Callable[[], bool]) -> None:
        self._client = client
        self._people = people
        self._may_ask = may_ask

    def read(self, draft: Draft) -> list[Any] | None:
        """Return all comments in the order of their creation; None when the ticket is gone.

        Where the answer left them out, they are read now or stay unread; where Jira refuses to list them, they are
        marked as not delivered. In both cases the mirror keeps its own.
        """
        is_left_out = _COMMENT in draft.absent
        if is_left_out and (_COMMENT in draft.settled or not self._may_ask()):
            draft.has_unread_comments = True
            return []
        listed, total = ([], 1) if is_left_out else _inside(draft)
        found: list[Any] | None = listed if len(listed) >= total else self._paged(draft)
        if found is None:
            return self._refused(draft)
        if is_left_out:
            draft.issue["fields"][_COMMENT] = {"total": len(found)}
        draft.settle_shown(_COMMENT)
        for comment in found:
            self._people.meet(comment.get("author"))
        undecorate(found)
        return found

    def _refused(self, draft: Draft) -> list[Any] | None:
        """Leave comments unread that are not for us, though the ticket is there; return None when it is gone."""
        try:
            found = self._client.find(f"issue/{draft.id}", {"fields": "updated"})
            if found is None:
                return None
            one_issue(self._client.source, found, draft.id)
        except AccessDenied:
            pass  # the ticket is there: a list has just named it
        draft.settle({_COMMENT: UNDELIVERED})
        draft.has_unread_comments = True
        return []

    def _paged(self, draft: Draft) -> list[Any] | None:
        expected = None if _COMMENT in draft.absent else _inside(draft)[1]
        what = f"the comments of {draft.id}"
        for _attempt in range(_ATTEMPTS):
            found: dict[str, Any] = {}
            start, totals, advance = 0, set(), Advance(self._client.source, what, most=MOST_OF_ONE)
            while True:
                answer = self._page(draft, start)
                if answer is None:
                    return None
                listed, total = counted_rows(self._client.source, answer, "comments", what)
                totals.add(total)
                ids = entry_ids(self._client.source, listed, what)
                advance.note(ids, total=total)
                found.update(zip(ids, listed, strict=True))
                start += len(listed)
                if start >= total:
                    break
                if not listed:
                    message = f"{what} promise {total} and end after {start}; the page is refused"
                    raise BadAnswer(self._client.source, message)
            is_one_answer = expected is None and len(found) == total <= _COMMENTS
            if is_one_answer or totals == {expected}:  # no comment was added or deleted meanwhile
                return list(found.values())
            expected = total
        raise Retryable(self._client.source, "comments come and go faster than they can be read")

    def _page(self, draft: Draft, start: int) -> Any:
        """Read one page of comments; halve its size as long as the answer is too large."""
        size = _COMMENTS
        while True:
            params = {"startAt": start, "maxResults": size, "orderBy": "created"}
            try:
                return self._client.find_shown(f"issue/{draft.id}/comment", params)
            except AnswerTooLarge:
                if size == 1:
                    why = f"a comment of it: {too_large(self._client.most)}"
                    raise Skippable(self._client.source, draft.key, why) from None
                size //= 2


def _inside(draft: Draft) -> tuple[list[Any], int]:
    """Return the comments inside an issue and their number; an issue without fields has none, and makes no ticket."""
    return items_and_total(draft.comments, "comments") or ([], 0)
