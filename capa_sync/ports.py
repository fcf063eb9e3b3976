"""The ports between stages: what each stage needs from outside itself, as protocols.

A protocol stands here because stages do not import each other, or because two classes answer to it. The daemon needs
none for the store: `store.Register` is its one typed surface, and the mirror and the register stay SQLite.

Terms. SOURCE: a tracker named in the settings. READING: one ticket as just read, raw and parsed. PAGE: readings that
are committed together with their CURSOR. CENSUS: a sweep that reads ids only. PART: a raw piece of a ticket, stored
for ever. WRITE: an intended change of ours on a tracker. DELIVERY: an attempt at a write. EPISODE: the time of a
finding from opened to cleared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from capa_sync.errors import Problem
from capa_sync.model.attachment import Attachment
from capa_sync.model.inspection import Inspection
from capa_sync.model.settings import ChildSpec
from capa_sync.model.site import Account, Census, Located, SiteFacts
from capa_sync.model.ticket import Cursor, Page, Part, Presence, Reading, SourceTicket
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
from capa_sync.model.write import Delivered, Write, WriteState


class Parser(Protocol):
    """Turns a ticket's raw parts into a SourceTicket; pure, so that `rebuild` needs no tracker."""

    @property
    def computed_fields(self) -> Set[str]:
        """Fields that the tracker computes from other data or updates at every edit.

        Their changes are recorded elsewhere (comments, links, history of the fields they depend on) or mean nothing.
        """
        ...

    @property
    def updated_by_field(self) -> str:
        """The field with the account that updated the ticket last, "" none."""
        ...

    def parse(self, parts: Sequence[Part]) -> SourceTicket:
        """Parse the newest parts of one ticket. Raises Skippable when they make no ticket."""
        ...


class Source(Protocol):
    """Reads one tracker. One thread at a time uses an instance; every method may raise SourceError.

    Wiring constructs it with name, url, query (and table), auth, ChildSpecs, overlap, request budget, page sizes, a
    Clock, the stop event, and the look-ups below.
    """

    name: str

    @property
    def clock_offset(self) -> timedelta | None:
        """The tracker's clock minus ours, by the Date of its newest answer; None while no answer had a Date."""
        ...

    def identify(self) -> SiteFacts:
        """Sign in, check that the account is ours, and read the site facts. Raises Authentication."""
        ...

    @property
    def accounts_at_once(self) -> int:
        """How many accounts one cycle may ask about (`read_accounts`)."""
        ...

    def new_accounts(self) -> Sequence[Account]:
        """Return the accounts that answers since the last call showed for the first time or in another state."""
        ...

    def read_accounts(self, ids: Sequence[str]) -> Sequence[Account]:
        """Ask about these accounts, many at once where the tracker allows it; return those that it shows.

        Raises AccessDenied where our account may not read accounts.
        """
        ...

    def read_changes(self, cursor: Cursor, *, full: bool = False) -> Iterator[Page]:
        """Yield what changed since the cursor, or everything in scope for an empty cursor or `full`.

        The last page has `complete` True. A page is yielded only when it is whole and consistent; a caller
        that stops after a page can continue later from that page's cursor. Children are read with their
        parents (role ACTION), and polled for changes of their own.
        """
        ...

    def read_tickets(self, ids: Sequence[str]) -> Iterator[Reading]:
        """Read these tickets whole, by immutable id; gone or hidden tickets are not yielded.

        Raises Skippable, after the others were yielded, where an answer makes no ticket. A ticket that is neither
        yielded nor named so counts as gone, unless the census contains it.
        """
        ...

    def read_hinted(self, ids: Sequence[str], cursor: Cursor) -> Page:
        """Read those of these tickets that a poll would read: in scope, or mirrored actions.

        The page also has the related tickets that the poll would read, without tickets that the mirror already
        holds in this version. Ids that are unknown, hidden or out of scope are ignored. The page's cursor is
        `cursor`, unchanged.
        """
        ...

    def take_census(self) -> Census:
        """Read all ids in scope. Raises SourceError instead of returning a part of them."""
        ...

    def locate(self, ids: Mapping[str, str], actions: Set[str], census: Census) -> Located:
        """Ask for many tickets at once that a census did not contain; no ticket is read.

        Args:
            ids: ticket id -> its container.
            actions: those of the ids that are actions, which are in scope in any container.
            census: the census; tickets that it contains must be found again, or no answer is believed.

        Raises BadAnswer when answers contradict each other.
        """
        ...

    def deletions(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return id -> proof, for tickets whose deletion the tracker has on record."""
        ...

    def prove_gone(self, ids: Mapping[str, str]) -> frozenset[str]:
        """Send one request for each ticket (id -> container); return those answered with "not found"."""
        ...

    def read_roster(self) -> Mapping[str, str]:
        """Return the containers visible to us now, as in `Census.containers`; works while the query is refused.

        Raises Authentication when the tracker does not answer us as our own account.
        """
        ...

    def inspect(self, *, writes: bool) -> Inspection:
        """Look at rights, lists and the newest tickets in scope, for `doctor` and `mapping`; nothing is written.

        With `writes` the rights to write are checked as well, as far as reading can show them. What is not readable
        is a check with that result, and no error. Raises SourceError when the tracker cannot be read at all.
        """
        ...

    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return key as asked for -> immutable id, of tickets with these keys or numbers; unknown ones are absent."""
        ...

    def parser(self) -> Parser:
        """Return the pure parser for this tracker's raw parts."""
        ...


@runtime_checkable
class AttachmentReader(Protocol):
    """A source that can fetch attached files, to hash them; a kind may have none."""

    def list_attachments(self, ticket_id: str, known: Sequence[Attachment] | None) -> Sequence[Attachment]:
        """Return a ticket's attachments: `known` are those of the mirror, None where the mirror holds none of them.

        Raises SourceError.
        """
        ...

    def fetch_attachment(self, attachment: Attachment, most: int) -> Attachment:
        """Return an attachment with its digest and size, or its `problem`; at most so many bytes are read.

        Raises SourceError: no attachment can be fetched now.
        """
        ...


class MirrorLookup(Protocol):
    """What a source may read from the mirror while it reads the tracker."""

    def action_ids(self, source: str) -> Sequence[str]:
        """Return ids of present mirrored action tickets of this source."""
        ...

    def is_present(self, source: str, ticket_id: str) -> bool:
        """Tell whether a ticket is mirrored and present."""
        ...

    def known_digest(self, source: str, ticket_id: str) -> str | None:
        """Return the digest of the newest record part of a ticket, None when it is not mirrored."""
        ...

    def record(self, source: str, ticket_id: str) -> Mapping[str, Any] | None:
        """Return the content of the newest record part of a ticket, None when it is not mirrored."""
        ...

    def part(self, source: str, ticket_id: str, kind: str) -> Any | None:
        """Return the content of the newest part of a kind of a ticket, None when the mirror has none."""
        ...

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return the ticket's presence; `unobserved` for a ticket that was never mirrored."""
        ...

    def containers(self, source: str) -> Sequence[str]:
        """Return the containers of mirrored tickets."""
        ...

    def refused(self, source: str) -> Mapping[str, tuple[str, str]]:
        """Return id -> (digest of the record part, reason) of the versions that made no ticket."""
        ...

    def undelivered(self, source: str) -> Mapping[str, int]:
        """Return kind (`SourceTicket.unknown`) -> present tickets with which the tracker did not deliver it."""
        ...

    def unasked(self, source: str) -> Sequence[str]:
        """Return ids of present tickets whose undelivered kinds are still to be requested on their own."""
        ...

    def newest_change(self, source: str, ticket_id: str) -> datetime | None:
        """Return the instant of the newest mirrored change in a ticket's history, None when there is none."""
        ...


class EndpointHolds(Protocol):
    """How long a tracker asked us not to send one kind of request; stored, so that it survives a restart."""

    def endpoint_holds(self, source: str) -> Mapping[str, datetime]:
        """Return endpoint -> the instant before which no request may be sent to it."""
        ...

    def hold_endpoint(self, source: str, endpoint: str, until: datetime, now: datetime) -> None:
        """Store an instant for an endpoint, and delete those of this source that have passed."""
        ...


class TicketWriter(Protocol):
    """Writes on one tracker; nothing else changes anything there.

    Raises Retryable (not applied), WriteRefused (not applied, permanent or not), DeliveryUnknown (answer lost).
    """

    def deliver(self, write: Write, remote_id: str) -> Delivered:
        """Apply one write; `remote_id` is the stored id of our comment on that ticket, "" when none is known.

        Before it creates a comment or note it looks for our own marker, so that none is doubled; and it writes no
        text that is already there, whichever register wrote it. For a work note `remote_id` is the newest note that
        this register knows of: a later note of another register with the same text is enough. When `remote_id`
        names a comment that is gone and there is no other comment of ours, nothing is created: the answer is
        `Delivered(deleted_by_person=True)`, and the caller may deliver again with `remote_id` "".
        """
        ...

    def look_up(self, write: Write, remote_id: str) -> Delivered | None:
        """Look on the tracker for a write whose answer was lost; None when it is not there.

        `Delivered(is_other_text=True)` when another text stands in its place and `remote_id` does not explain it.
        """
        ...


class Mirror(Protocol):
    """What mapping reads from the mirror: the whole of it, or a batch of its tickets that were read together."""

    def ticket(self, source: str, ticket_id: str, parser: Parser) -> SourceTicket | None:
        """Return the mirrored ticket, parsed, with observed changes merged in; None when it is not mirrored."""
        ...

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return the ticket's presence; `unobserved` for a ticket that was never mirrored."""
        ...

    def children_of(self, source: str, ticket_id: str) -> list[str]:
        """Return ids of mirrored tickets that this ticket names as children, or that name it as their parent."""
        ...

    def unread(self, source: str) -> Mapping[str, str]:
        """Return id -> reason of the tickets whose answer could not be parsed when they were last read."""
        ...

    def key(self, source: str, ticket_id: str) -> str:
        """Return a ticket's present key, its id when it is not mirrored."""
        ...


class Outbox(Protocol):
    """What delivery needs of the outbox: intended writes, in order, until they are delivered."""

    def due(
        self, source: str, now: datetime, states: Sequence[WriteState] = (WriteState.PENDING, WriteState.UNKNOWN)
    ) -> list[Write]:
        """Return writes of these states that are due, oldest first, at most one per ticket."""
        ...

    def mark(
        self,
        write_id: str,
        state: WriteState,
        *,
        at: datetime,
        error: str = "",
        remote_id: str = "",
        not_before: datetime | None = None,
        deleted_by_person: bool = False,
    ) -> None:
        """Record a step of a delivery; a write that is already in that state is no error.

        UNKNOWN is recorded before each request and counts one attempt. DELIVERED of a COMMENT stores `remote_id` as
        our comment's id. `deleted_by_person` counts one deletion of our comment and forgets its stored id.
        """
        ...

    def deletions(self, source: str, ticket_id: str) -> int:
        """Return how often a person deleted our comment on this ticket."""
        ...

    def last_delivered(self, source: str, ticket_id: str) -> Mapping[str, Write]:
        """Return kind -> the newest delivered write of this ticket."""
        ...

    def remote_comment(self, source: str, ticket_id: str) -> str:
        """Return the stored id of our comment on this ticket, "" when there is none."""
        ...


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

    def write_files(self, draft: int, by: str) -> int:
        """Ask that the rules of a draft are written into their files; return the number of the request.

        The answer says in words what was written, or why nothing was. Raises UserError where that is not allowed.
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


__all__ = [
    "ChildSpec",
    "EndpointHolds",
    "Mirror",
    "MirrorLookup",
    "Outbox",
    "Parser",
    "Source",
    "TicketWriter",
    "Workshop",
]
