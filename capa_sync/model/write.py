"""Our intended writes to a tracker, and the text of a warning without any vendor's markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import IntEnum, StrEnum

from capa_sync.model.light import light
from capa_sync.model.patterns import WRITTEN_AT
from capa_sync.redaction import redacted


class WriteKind(StrEnum):
    """What is written. Nothing else is ever written."""

    COMMENT = "comment"  # Jira: one comment, created or edited in place
    LABELS = "labels"  # Jira: own labels added and removed one by one
    PROPERTY = "property"  # Jira: issue property `capa-sync`
    FIELDS = "fields"  # ServiceNow: text_field and state_field
    WORK_NOTE = "work_note"  # ServiceNow: appended once


class WriteState(StrEnum):
    """States of a write (docs/contract.md 5)."""

    PENDING = "pending"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"
    FAILED = "failed"
    WITHHELD = "withheld"


class Wording(IntEnum):
    """Whether a text on a ticket has the words that it would get now for the same facts."""

    CURRENT = 0
    OLDER = 1
    REFRESH = 2  # older, and a person asked for the present wording


@light
class Span:
    """A piece of text, plain or bold. The text is untrusted: the vendor's writer escapes it. `href` makes a link."""

    text: str
    bold: bool = False
    small: bool = False
    href: str = ""


@light
class Paragraph:
    """A paragraph of spans; `numbered` makes it an item of the list of points."""

    spans: tuple[Span, ...]
    numbered: bool = False


@light
class WarningText:
    """The text on a ticket in neutral form; at most 8,000 characters, five points (docs/contract.md 8)."""

    paragraphs: tuple[Paragraph, ...]

    def plain(self) -> str:
        """Return the text without any markup, points numbered."""
        lines, number = [], 0
        for paragraph in self.paragraphs:
            number = number + 1 if paragraph.numbered else number
            prefix = f"{number}. " if paragraph.numbered else ""
            lines.append(prefix + "".join(span.text for span in paragraph.spans))
        return "\n".join(lines)

    def without_secrets(self) -> WarningText:
        """Return the text without our secrets: a quoted ticket text may contain one."""
        return WarningText(
            tuple(
                Paragraph(
                    tuple(Span(redacted(span.text), span.bold, span.small, span.href) for span in paragraph.spans),
                    paragraph.numbered,
                )
                for paragraph in self.paragraphs
            )
        )


def says_the_same(text: str, other: str) -> bool:
    """Return whether two of our texts differ only in blanks and in the instant of the write.

    A new instant is no reason to write (docs/contract.md 8): a text that another register wrote is not written again.
    """
    return _timeless(text) == _timeless(other)


def finds_the_day(heading: str, day: str) -> bool:
    """Return whether the instant of a write is found again in a heading, as `says_the_same` has to."""
    found = WRITTEN_AT.search(heading)
    return found is not None and day in found[0]


def _timeless(text: str) -> list[str]:
    return WRITTEN_AT.sub("()", text, count=1).split()


@light
class Write:
    """One intended write, as kept in the outbox.

    Attributes:
        id: idempotency key, hex; the same intention has the same id. seq: order of creation in the outbox.
        source, ticket_id, ticket_key: the target. kind: see WriteKind.
        hash: identifies the content among writes of its kind, independent of its wording.
        facts: the facts in the content, by name: rules, severities, stable arguments; None in a write of an older
            version. Two contents are the same when no fact that both contain differs.
        wording: wording of the text on the ticket, see `Wording`.
        text: for comment, fields and work_note. labels_add / labels_remove: for labels.
        fields: for FIELDS: column -> value (the writer renders the text field's value from `text`);
            for PROPERTY: the content of the issue property without the marker.
            A COMMENT without text and a PROPERTY without fields are removals (`is_removal`).
        points: rule -> severity, or `fixed`, as the ticket shows them after this write; from these the planner knows
            what the ticket has reported. The store keeps them; they are never sent.
        notifies: it will mail people (a new comment, a work note): the brakes count it; at most one a ticket and day.
        marker: identity that is written with it: register id and ticket (property value), or the marker line of
            a work note (`NoteMark`).
        state, attempts, error, remote_id, not_before, delivered_at, created_at: state of the delivery.
    """

    id: str
    source: str
    ticket_id: str
    ticket_key: str
    kind: WriteKind
    hash: str
    created_at: datetime
    text: WarningText | None = None
    labels_add: tuple[str, ...] = ()
    labels_remove: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[str, str] = field(default_factory=dict)
    notifies: bool = False
    marker: str = ""
    state: WriteState = WriteState.PENDING
    attempts: int = 0
    error: str = ""
    remote_id: str = ""
    not_before: datetime | None = None
    delivered_at: datetime | None = None
    facts: Mapping[str, str] | None = None
    wording: Wording = Wording.CURRENT
    seq: int = 0

    @property
    def is_removal(self) -> bool:
        """Return whether this write removes a comment, a property or the text of a field instead of setting it."""
        return self.text is None and self.kind in _REMOVABLE and not any(self.fields.values())


@light
class Delivered:
    """A write was applied; `remote_id`: id of the comment or journal entry; `stamp`: the ticket's new update time.

    `deleted_by_person` is set when a person had deleted our comment. If `remote_id` is empty too, no new comment
    was created and the caller decides: after a second deletion nothing more is written.

    `is_other_text` answers a look-up alone: the ticket has a text in the place of this write, `remote_id`, which is
    not the text of this write. It may have arrived and been changed since.
    """

    remote_id: str = ""
    stamp: str = ""
    deleted_by_person: bool = False
    is_other_text: bool = False


_REMOVABLE = frozenset({WriteKind.COMMENT, WriteKind.PROPERTY, WriteKind.FIELDS})
OWN_LABELS: frozenset[str] = frozenset({"capa-warning", "capa-overdue", "capa-waived"})
PROPERTY_KEY = "capa-sync"
TICKET_GONE = "is gone or hidden from us"
"""End of the error text of a write that was refused because its ticket was not there for us."""
TOO_MANY = "too many requests (429)"
ASKED_TO_WAIT = "the tracker asked us not to send this before"
"""Parts of the error text of a write that waits for a rate limit alone."""
