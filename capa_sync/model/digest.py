"""The digest: what is sent to whom, and how a send ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime, time
from enum import StrEnum

from capa_sync.model.light import light


class DigestKind(StrEnum):
    """For whom a digest is."""

    LEAD = "lead"  # the ISMS lead, once a week
    OWNER = "owner"  # the owner of tickets and who asked for a waiver, on a business day with something new
    MANAGER = "manager"  # the line manager of an owner, on a business day with something new


class SendState(StrEnum):
    """How far a send is."""

    PENDING = "pending"  # nothing was sent; it is tried, or tried again
    UNKNOWN = "unknown"  # it was handed over and no answer proves that it arrived, or that it did not
    DELIVERED = "delivered"  # the other side took it
    DROPPED = "dropped"  # it is not sent any more: nothing to say, or a newer digest takes its place


@light
class Send:
    """One digest to one recipient in one period; there is at most one row for the three.

    Attributes:
        period: local day of the scheduled instant. recipient: `target:NAME` or `person:ID`.
        items: keys of the matters that the last attempt contained. attempts: how often it was handed over.
        error: why it is not delivered, without secrets. marked_at: when its state last changed.
    """

    id: int
    kind: DigestKind
    period: date
    recipient: str
    state: SendState
    attempts: int
    error: str
    items: tuple[str, ...]
    marked_at: datetime
    not_before: datetime | None = None


@light
class SendResult:
    """How a send ended: DELIVERED, UNKNOWN or PENDING (certainly not handed over), and why, without secrets."""

    state: SendState
    error: str = ""


@light
class DigestOptions:
    """The settings of the digest, without any secret.

    Attributes:
        day: weekday of the lead's digest, 0 for Monday. at: local time of all digests.
        quiet: local times from and until which nothing is sent; None for no quiet hours.
        weekends: whether digests are sent on days that are no business days.
        leads: person ids who get the lead's digest by mail. targets: name -> role of its further recipients.
        has_mail: whether persons can be reached. timezone, holidays: of the organisation.
        public_url: address of the register's page; "" for none.
    """

    day: int = 0
    at: time = time(8)
    quiet: tuple[time, time] | None = None
    weekends: bool = False
    leads: tuple[str, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict)
    has_mail: bool = False
    timezone: str = "UTC"
    holidays: frozenset[date] = frozenset()
    public_url: str = ""


@light
class DigestPerson:
    """A person as the digest knows one; `email` is "" for one that it does not reach."""

    id: str
    name: str
    email: str = ""
    manager: str = ""


@light
class DigestItem:
    """A matter about one ticket.

    Attributes:
        matter: `overdue, due, review_due, waiver_ends, stuck_write, quarantined` as in `v_today`, or `warning` for an
            open finding that is written on its ticket.
        ticket_key, register_no, title, owner, rule, severity, reason, fix, since, due_at: as in `v_today`.
        owner_id: person id of the owner. asked_by: person id of who asked for the waiver that ends.
        url: where a person opens the ticket. grade: of the record. cb_deadline: of the certification body.
        is_confidential: texts of the ticket are for those alone whose role may see them.
        has_secret_action: so are texts that may quote its actions, of which one is a confidential ticket.
    """

    matter: str
    source: str
    ticket_id: str
    ticket_key: str
    register_no: str = ""
    title: str = ""
    owner: str = ""
    owner_id: str = ""
    asked_by: str = ""
    since: datetime | None = None
    due_at: date | datetime | None = None
    rule: str = ""
    severity: str = ""
    reason: str = ""
    fix: str = ""
    url: str = ""
    grade: str = ""
    cb_deadline: date | datetime | None = None
    is_confidential: bool = False
    has_secret_action: bool = False

    @property
    def key(self) -> str:
        """Tells this matter from others, also from the same one that ended and began again; has no ticket text."""
        when = self.due_at if self.matter in {"due", "review_due", "waiver_ends"} else self.since
        return f"{self.matter} {self.source}:{self.ticket_id} {self.rule} {when.isoformat() if when else ''}".strip()


@light
class DigestSource:
    """How fresh a source is; `problem` is "" where it could be read."""

    name: str
    as_of: datetime | None
    problem: str


@light
class DigestFacts:
    """What the register says that a digest may contain; `head` is that of its hash chain, "" without one."""

    items: tuple[DigestItem, ...]
    sources: tuple[DigestSource, ...]
    head: str = ""


@light
class DigestLine:
    """One line of a message; `url` is where it leads."""

    text: str
    url: str = ""


@light
class DigestSection:
    """A titled list; `more`: how many lines were left out."""

    title: str
    lines: tuple[DigestLine, ...]
    more: int = 0


@light
class DigestMessage:
    """A digest in words.

    Attributes:
        recipient: `target:NAME` or `person:ID`. to: the same for people. email: of a person; "" for a target.
        subject: one line without ticket text. items: keys of the matters that it contains.
    """

    kind: DigestKind
    recipient: str
    to: str
    email: str
    subject: str
    sections: tuple[DigestSection, ...]
    closing: tuple[str, ...]
    items: tuple[str, ...]
