"""Reads all comments of a ticket: from its row, or page by page where the row has only some of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from capa_sync.errors import AnswerTooLarge, BadAnswer, Retryable, Skippable
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.parts import KNOWN, UNDELIVERED, undecorate
from capa_sync.sources.jira.people import JiraAccounts
from capa_sync.sources.jira.shapes import counted_rows, entry_ids, items_and_total
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

        Where the answer left them out, they are read now or stay unread: then the mirror keeps its own.
        """
        if _COMMENT in draft.absent:
            return self._left_out(draft)
        listed, total = items_and_total(draft.comments, "comments")
        found: list[Any] | None = listed if len(listed) >= total else self._paged(draft)
        for comment in found or ():
            self._people.meet(comment.get("author"))
        undecorate(found or ())
        return found

    def _left_out(self, draft: Draft) -> list[Any] | None:
        if _COMMENT in draft.settled or not self._may_ask():
            draft.has_unread_comments = True
            return []
        found = self._paged(draft)
        if found is not None:
            draft.issue["fields"][_COMMENT] = {"total": len(found)}
            draft.settle({_COMMENT: KNOWN})
            undecorate(found)
        elif self._client.find(f"issue/{draft.id}", {"fields": "updated"}) is not None:
            draft.settle({_COMMENT: UNDELIVERED})  # the ticket is there, and its comments are not for us
            draft.has_unread_comments = True
            return []
        return found

    def _paged(self, draft: Draft) -> list[Any] | None:
        expected = None if _COMMENT in draft.absent else items_and_total(draft.comments, "comments")[1]
        for _attempt in range(_ATTEMPTS):
            found: dict[str, Any] = {}
            start, totals = 0, set()
            while True:
                answer = self._page(draft, start)
                if answer is None:
                    return None
                what = f"the comments of {draft.id}"
                listed, total = counted_rows(self._client.source, answer, "comments", what)
                totals.add(total)
                found.update(zip(entry_ids(self._client.source, listed, what), listed, strict=True))
                start += len(listed)
                if start >= total:
                    break
                if not listed:
                    message = f"the comments of {draft.id} promise {total} and end after {start}; the page is refused"
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
                return self._client.find(f"issue/{draft.id}/comment", params)
            except AnswerTooLarge:
                if size == 1:
                    why = f"a comment of it: {too_large(self._client.most)}"
                    raise Skippable(self._client.source, draft.key, why) from None
                size //= 2
