"""Writes for tickets of a Jira harness, and what of ours the tracker has."""

from __future__ import annotations

from typing import Any

from capa_sync.model.write import Paragraph, Span, WarningText, Write, WriteKind
from tests.contract.jira_source_harness import Harness
from tests.contract.jira_world import START

HOSTILE = "[~admin] {html}<b>x</b>{html} !http://evil.example/x.png! |a| *b* h1. \\ #1\x07"


def words(text: str = "Root cause is missing") -> WarningText:
    """A warning with a heading, two points, hostile text and a link."""
    return WarningText(
        (
            Paragraph((Span("Clause 10 check", bold=True), Span(f": {text}"))),
            Paragraph((Span("First ", bold=True), Span(HOSTILE)), numbered=True),
            Paragraph((Span("Second"),), numbered=True),
            Paragraph((Span("Read more", href="https://example.com/x-y?a=1"), Span("rules: a, b", small=True))),
        )
    )


def write(it: Harness, key: str, kind: WriteKind = WriteKind.COMMENT, **given: Any) -> Write:
    """A write for a ticket of the harness."""
    id_ = str(it.tracker.state.find(key).id)
    given = {"text": words(), "marker": f"register-1/{id_}", **given}
    return Write("w1", "jira", id_, key, kind, "hash", START, **given)


def ours(it: Harness, key: str) -> list[Any]:
    """Our comments on a ticket, as the tracker has them."""
    return [comment for comment in it.tracker.state.find(key).comments if "capa-sync" in comment.properties]
