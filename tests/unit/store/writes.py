"""Intended writes for the tests of the outbox."""

from __future__ import annotations

from capa_sync.model.write import Paragraph, Span, WarningText, Write, WriteKind
from tests.unit.store.fake_parser import T0

TEXT = WarningText(
    (Paragraph((Span("Root cause", bold=True), Span(" is missing", href="https://x")), numbered=True),)
)


def write(
    name: str, ticket: str = "1", kind: WriteKind = WriteKind.COMMENT, *, source: str = "jira", notifies: bool = True
) -> Write:
    """Return an intended write."""
    return Write(
        id=name,
        source=source,
        ticket_id=ticket,
        ticket_key=f"CAPA-{ticket}",
        kind=kind,
        hash=f"hash-{name}",
        created_at=T0,
        text=TEXT,
        labels_add=("capa-warning",),
        fields={"u_state": "warning"},
        points={"root-cause-before-action": "high"},
        notifies=notifies,
        marker="register:1",
    )
