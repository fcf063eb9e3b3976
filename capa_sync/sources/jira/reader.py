"""The Jira source: implements the port `Source` for Cloud (REST v3) and Data Center (REST v2)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta

from capa_sync.errors import Skippable
from capa_sync.model.attachment import Attachment
from capa_sync.model.clock import Clock
from capa_sync.model.inspection import Inspection
from capa_sync.model.light import light
from capa_sync.model.site import Account, Census, Located, SiteFacts
from capa_sync.model.ticket import Cursor, Page, Reading
from capa_sync.ports.mirror import EndpointHolds, MirrorLookup
from capa_sync.sources.budget import Budget
from capa_sync.sources.downloads import AttachmentDownloads
from capa_sync.sources.fence import fenced
from capa_sync.sources.jira.attached import content_path
from capa_sync.sources.jira.census import read_roster, take_census
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.facts import find_product, prove_identity, read_facts, read_me, try_query
from capa_sync.sources.jira.gate import EndpointGate
from capa_sync.sources.jira.hinted import Hinted
from capa_sync.sources.jira.history import chunks
from capa_sync.sources.jira.inspection import inspect
from capa_sync.sources.jira.missing import locate, prove_gone
from capa_sync.sources.jira.options import JiraOptions
from capa_sync.sources.jira.out_of_scope import OutOfScope
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.jira.people import (
    MOST_IN_BULK,
    MOST_ONE_BY_ONE,
    JiraAccounts,
    read_account,
    read_users,
)
from capa_sync.sources.jira.poll import Poll
from capa_sync.sources.jira.query import ScopeQuery
from capa_sync.sources.jira.related_reader import RelatedTicketReader, unknown
from capa_sync.sources.jira.shapes import is_key, one_issue
from capa_sync.sources.jira.site import SiteReader
from capa_sync.sources.jira.sweeping import Sweeping
from capa_sync.sources.retry import RetryPolicy


@light
class _Signed:
    """The objects that exist once the sign-in has succeeded."""

    site: SiteReader
    out_of_scope: OutOfScope
    related_reader: RelatedTicketReader
    sweeping: Sweeping
    poll: Poll


class JiraSource:
    """Reads one Jira; see `ports.Source`. One instance for each thread.

    Args:
        options: address, sign-in and query.
        clock: our own clock; the watermark never comes from it.
        stop: set at shutdown; waits then end and reads are abandoned with Retryable.
        lookup: shows what the mirror holds. holds: waits that the tracker asked for before a restart.
    """

    def __init__(
        self,
        options: JiraOptions,
        clock: Clock,
        stop: threading.Event,
        lookup: MirrorLookup,
        holds: EndpointHolds | None = None,
    ) -> None:
        self.name = options.name
        self._options = options
        self._clock = clock
        self._lookup = lookup
        self._people = JiraAccounts()
        self._parser = JiraParser(options.name, options.browse_url or options.base)
        self.retry = RetryPolicy(options.name, clock, stop, is_instant=options.is_instant)
        self.budget = Budget(options.name, options.budget, stop, is_instant=options.is_instant)
        self.gate = EndpointGate(options.name, clock, holds)
        self._client = JiraClient(options, clock, self.retry, self.budget, self.gate)
        self._signed: _Signed | None = None
        self._downloads: AttachmentDownloads | None = None

    def parser(self) -> JiraParser:
        """Return the pure parser for this source's raw parts."""
        return self._parser

    @property
    def clock_offset(self) -> timedelta | None:
        """The tracker's clock minus ours; see `ports.Source`."""
        return self._client.offsets.newest

    @property
    def clock_offset_at(self) -> datetime | None:
        """Our clock when the answer of `clock_offset` came."""
        return self._client.offsets.newest_at

    def take_furthest_offset(self) -> timedelta | None:
        """Return the offset furthest from zero since the last call; see `ports.Source`."""
        return self._client.offsets.take_furthest()

    def list_attachments(self, ticket_id: str, known: Sequence[Attachment] | None) -> Sequence[Attachment]:  # noqa: ARG002 - the mirror has them
        """Return a ticket's attachments; see `ports.AttachmentReader`."""
        return known or ()

    @fenced
    def fetch_attachment(self, attachment: Attachment, most: int) -> Attachment:
        """Return an attachment with its digest; see `ports.AttachmentReader`."""
        if self._downloads is None:
            if self._signed is None:
                find_product(self._client, self._options.api)
            self._downloads = self._client.downloads()
        path = content_path(attachment, is_cloud=self._client.is_cloud)
        return self._downloads.fetched(attachment, f"{self._options.base}/{path}", most)

    @fenced
    def identify(self) -> SiteFacts:
        """Sign in, prove who we are, and read the tracker's facts about itself.

        Raises:
            Authentication: the tracker knows us as another account, or not. Fatal: it does not accept the query.
        """
        facts = read_facts(self._client, self._options.api, self._people)
        query = ScopeQuery(self._options.query)
        try_query(self._client, query)
        site = SiteReader(
            self._client, self._options, query, facts, self._lookup, self._parser, self._people, self._clock
        )
        out_of_scope = OutOfScope(site)
        related_reader = RelatedTicketReader(site, out_of_scope)
        sweeping = Sweeping(site, out_of_scope, related_reader)
        self._signed = _Signed(
            site, out_of_scope, related_reader, sweeping, Poll(site, out_of_scope, related_reader, sweeping)
        )
        return facts

    @property
    def accounts_at_once(self) -> int:
        """How many accounts one cycle may ask about; see `ports.Source`."""
        return MOST_IN_BULK if self._client.is_cloud else MOST_ONE_BY_ONE

    def new_accounts(self) -> Sequence[Account]:
        """Return the accounts that answers showed since the last call; see `ports.Source`."""
        return self._people.take_new()

    @fenced
    def read_accounts(self, ids: Sequence[str]) -> Sequence[Account]:
        """Ask about these accounts; see `ports.Source`."""
        self._ready()
        users = read_users(self._client, ids)
        for user in users:
            self._people.meet(user)
        return [read_account(user) for user in users]

    @fenced
    def read_changes(self, cursor: Cursor, *, full: bool = False) -> Iterator[Page]:
        """Yield what changed since the cursor, or everything in scope; see `ports.Source`.

        A backfill, a sweep after many changes and a full read continue after their last committed page.
        """
        signed, state = self._ready(), cursor.state
        signed.site.absent.begin_cycle(full=full)
        if "mark" not in state or "sweep" in state:
            return signed.sweeping.run(state, "sweep")
        return signed.sweeping.run(state, "full") if full else signed.poll.read(state)

    @fenced
    def read_tickets(self, ids: Sequence[str]) -> Iterator[Reading]:
        """Read these tickets whole. Gone or hidden ones are not yielded. Raises Skippable for an unreadable one."""
        signed = self._ready()
        for some in chunks(list(ids), self._options.page_size):
            readings, skipped = signed.related_reader.read(signed.site.fetch(some), unknown)
            yield from readings
            if skipped:
                raise Skippable(self.name, skipped[0].key, skipped[0].reason, skipped[0].version)

    @fenced
    def read_hinted(self, ids: Sequence[str], cursor: Cursor) -> Page:
        """Read those of these tickets that a poll would return, with their related tickets; see `ports.Source`."""
        signed = self._ready()
        return Hinted(signed.site, signed.out_of_scope, signed.related_reader).read(ids, cursor)

    @fenced
    def take_census(self) -> Census:
        """Read all ids in scope and the list of projects; see `ports.Source`."""
        signed = self._ready()
        return take_census(signed.site, signed.out_of_scope)

    @fenced
    def locate(self, ids: Mapping[str, str], actions: Set[str], census: Census) -> Located:
        """Search in bulk for tickets that a census missed; see `ports.Source`."""
        return locate(self._ready().site, ids, actions, census)

    @fenced
    def deletions(self, _ids: Sequence[str]) -> Mapping[str, str]:
        """Return no proof: Jira keeps no record of deletions."""
        return {}

    @fenced
    def prove_gone(self, ids: Mapping[str, str]) -> frozenset[str]:
        """Send a request of its own for each ticket; see `ports.Source`."""
        return prove_gone(self._ready().site, ids)

    @fenced
    def read_roster(self) -> Mapping[str, str]:
        """List the projects that our account sees; see `ports.Source`."""
        if self._signed is None:
            read_me(self._client)
            return read_roster(self._client, self._lookup.containers(self.name))
        prove_identity(self._client, self._signed.site.facts.me)
        found = read_roster(self._client, self._lookup.containers(self.name))
        prove_identity(self._client, self._signed.site.facts.me)
        return found

    @fenced
    def inspect(self, *, writes: bool) -> Inspection:
        """Look at rights, lists and the newest tickets; see `ports.Source`."""
        return inspect(self._ready().site, writes=writes)

    @fenced
    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the ids of tickets by their keys; see `ports.Source`."""
        site = self._ready().site
        asked = {key: key.upper() for key in keys if is_key(key.upper())}
        found = {key: site.client.find_shown(f"issue/{name}", {"fields": "updated"}) for key, name in asked.items()}
        return {key: str(one_issue(self.name, issue, asked[key])["id"]) for key, issue in found.items() if issue}

    def _ready(self) -> _Signed:
        if self._signed is None:
            self.identify()
        assert self._signed is not None  # noqa: S101 - identify has just set it
        return self._signed
