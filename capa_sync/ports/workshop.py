"""What the page needs to edit rules, beyond the public views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from capa_sync.errors import Problem
from capa_sync.model.workshop import (
    Completion,
    DraftSummary,
    ExplainedTicket,
    RulePreview,
    RuleText,
    TestedRule,
    TextOrigin,
    WorkshopView,
)


class Workshop(Protocol):
    """What the page needs beyond the public views: texts of rules, and requests that change the register.

    It changes neither the register nor a file by itself. `draft` is the number of the draft that a text belongs to,
    0 for none: the other rules of that draft count beside the live ones. Every method may raise RegisterUnavailable,
    and UserError while no rules are live.
    """

    def view(self) -> WorkshopView:
        """Return the rules of the live set and of the files, and the newest drafts."""
        ...

    def draft(self, number: int) -> DraftSummary:
        """Return a draft, compared with what is live. Raises UserError when there is none of this number."""
        ...

    def explain(self, source: str, ticket_id: str) -> Sequence[ExplainedTicket]:
        """Explain a mirrored ticket by the live set: every verdict with the facts that it rests on."""
        ...

    def rule_text(self, rule: str, origin: TextOrigin = ..., draft: int = ...) -> RuleText:
        """Return the text of a rule to edit, from where it is asked for if it is there.

        A rule that is neither live nor in a file begins as a skeleton. Raises UserError for what cannot be the id of
        a rule, and when there is no such draft.
        """
        ...

    def vocabulary(self) -> Mapping[str, Any]:
        """Return the phrases, fields and placeholders of rules with their meanings, as `rules phrases` has them."""
        ...

    def check(self, rule: str, text: str, draft: int = ...) -> Sequence[Problem]:
        """Return every mistake of a text."""
        ...

    def complete(self, text: str, at: int) -> Sequence[Completion]:
        """Return what may follow at a cursor, which stands before the character `at` of a text."""
        ...

    def test(self, rule: str, text: str, draft: int = ...) -> TestedRule:
        """Run the tests inside a text. Raises UserError with its mistakes."""
        ...

    def difference(self, rule: str, text: str) -> Sequence[str]:
        """Return the lines of a difference from the live text of a rule to this one, which `patch -p0` takes."""
        ...

    def preview(self, rule: str, text: str, draft: int, by: str) -> int:
        """Begin a preview on the mirrored tickets; return its number.

        Raises UserError while another one runs, and with the mistakes of the text.
        """
        ...

    def previewed(self, number: int) -> RulePreview | None:
        """Return a preview, whether it has ended or not; None when this page knows none of that number."""
        ...

    def stop_preview(self, number: int) -> None:
        """End a preview that still runs."""
        ...

    def save(self, rule: str, text: str, draft: int, by: str) -> int:
        """Ask that a text is kept as a new draft; return the number of the request. Raises UserError.

        The answer to the request is the number of the draft.
        """
        ...

    def write_files(self, draft: int, seen: str, by: str) -> int:
        """Ask that the rules of a draft are written into their files; return the number of the request.

        `seen`: as in the summary of the draft that was looked at. The answer says in words what was written, or why
        nothing was. Raises UserError where that is not allowed, after a later edit, and for a draft with mistakes.
        """
        ...

    def discard(self, draft: int, by: str) -> int:
        """Ask that a draft is discarded; return the number of the request, whose answer says in words what was done.

        Raises UserError when there is no such draft, or it was discarded before.
        """
        ...

    def answer(self, request: int) -> str | None:
        """Return the answer to a request, None while it waits for the daemon."""
        ...
