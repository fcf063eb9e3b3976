"""What reading a tracker needs: a source, the parser of its raw parts, and a reader of attached files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from capa_sync.model.attachment import Attachment
from capa_sync.model.inspection import Inspection
from capa_sync.model.site import Account, Census, Located, SiteFacts
from capa_sync.model.ticket import Cursor, Page, Part, Reading, SourceTicket


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

    @property
    def clock_offset_at(self) -> datetime | None:
        """Our clock when the answer of `clock_offset` came; None where no answer showed another clock than ours."""
        ...

    def take_furthest_offset(self) -> timedelta | None:
        """Return the `clock_offset` furthest from zero of the answers since the last call; None without a Date."""
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
