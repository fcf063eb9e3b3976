"""The attachments of an issue, as Jira's own answers name them."""

from __future__ import annotations

from typing import Any

import pytest

from capa_sync.model.attachment import Attachment
from capa_sync.sources.jira.attached import attachments_of

_FILE = {
    "filename": "review.pdf",
    "size": 4711,
    "created": "2026-03-02T09:15:00.000+0000",
    "mimeType": "application/pdf",
    "author": {"displayName": "Anna Lee"},
}


@pytest.mark.parametrize(
    ("attachment", "found"),
    [
        ([_FILE], [Attachment("review.pdf", 4711, "2026-03-02T09:15:00.000+0000", "Anna Lee", "application/pdf")]),
        ([{"filename": "a", "size": "4 kB", "author": None, "created": 5}], [Attachment("a")]),
        ([{"size": 1}, None, "x"], []),
        (None, []),
        ({"filename": "a"}, []),
    ],
)
def test_each_attachment_has_what_the_answer_says_of_it(attachment: Any, found: list[Attachment]) -> None:
    """What is missing or of another type stays unknown, and nothing is made up."""
    assert list(attachments_of({"fields": {"attachment": attachment}})) == found
    assert list(attachments_of({"fields": None})) == []
