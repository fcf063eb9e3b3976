"""The register file, once it is open: its parts, and what concerns all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from capa_sync.model.chain import ChainHead, ChainReport, DerivedReport
from capa_sync.model.selection import ExportSelection
from capa_sync.model.ticket import Presence
from capa_sync.ports.reading import Parser
from capa_sync.store.accounts import TrackerAccounts
from capa_sync.store.ahead import drop_future_waits, take_back_future, was_ahead
from capa_sync.store.batch import TicketBatch
from capa_sync.store.chain import EXPORT, VISITS, Chain
from capa_sync.store.chain_reading import Advance
from capa_sync.store.chained import watch
from capa_sync.store.columns import json_text, json_value
from capa_sync.store.database import Database, Row
from capa_sync.store.derived_rows import compare_derived, keep_derived
from capa_sync.store.digests import digests_of
from capa_sync.store.drafts import Drafts
from capa_sync.store.erasures import Erasures
from capa_sync.store.facts import Facts
from capa_sync.store.findings import Findings
from capa_sync.store.halts import Halts
from capa_sync.store.legal_holds import LegalHolds
from capa_sync.store.migrations import CHAIN, CHECKS, DERIVED, KEPT_REVIEWS, LEDGER, MONTHS, PRIMARY
from capa_sync.store.monthly import Monthly
from capa_sync.store.outbox import SqlOutbox
from capa_sync.store.past import PastTickets, StoredReads
from capa_sync.store.past_instants import PastInstants
from capa_sync.store.queue import EvaluationQueue
from capa_sync.store.records import Records
from capa_sync.store.register_checks import RegisterChecks
from capa_sync.store.reports import Reports
from capa_sync.store.requests import Requests
from capa_sync.store.reviews import KeptReviews
from capa_sync.store.rewind import rewind, show_as_of
from capa_sync.store.roles import Roles
from capa_sync.store.runs import Runs
from capa_sync.store.sends import Sends
from capa_sync.store.similar import SimilarRecords
from capa_sync.store.snapshot import RegisterSnapshot
from capa_sync.store.standings import Standings
from capa_sync.store.tickets import Tickets
from capa_sync.store.verdict_sets import VerdictSets
from capa_sync.store.verifying import verify
from capa_sync.store.views import VIEWS
from capa_sync.store.waivers import Waivers


class Register:
    """One open register; safe for many threads, of which one writes at a time.

    It is the one typed surface of the store for the daemon and the verbs, and a class, not a protocol: mirror and
    register stay SQLite, and no other store is meant to answer in its place.

    Attributes:
        path: the file. id: random id given at creation, used in markers; a copy has the same id.
        tickets, runs, facts, accounts, findings, outbox, requests, halts, records, queue, reports, roles, waivers,
            checks, monthly, reviews, verdict_sets, drafts, standings, similar, sends, chain, erasures,
            legal_holds: its parts, each for a group of tables.
    """

    def __init__(self, db: Database, now: Callable[[], datetime]) -> None:
        self._db = db
        self.path = db.path
        self.chain = Chain(db, now)
        self.tickets = Tickets(db, self.chain)
        self.runs = Runs(db)
        self.facts = Facts(db)
        self.accounts = TrackerAccounts(db)
        self.findings = Findings(db, self.chain)
        self.outbox = SqlOutbox(db, self.chain)
        self.requests = Requests(db)
        self.halts = Halts(db)
        self.records = Records(db, self.chain)
        self.queue = EvaluationQueue(db)
        self.reports = Reports(db)
        self.roles = Roles(db)
        self.waivers = Waivers(db)
        self.checks = RegisterChecks(db)
        self.monthly = Monthly(db)
        self.reviews = KeptReviews(db)
        self.verdict_sets = VerdictSets(db)
        self.drafts = Drafts(db)
        self.standings = Standings(db)
        self.similar = SimilarRecords(db)
        self.erasures = Erasures(db, self.chain)
        self.legal_holds = LegalHolds(db)
        self.sends = Sends(db)
        if not db.read_only:
            db.belongs_to(self.id)
            watch(db, self.chain)

    @cached_property
    def id(self) -> str:
        """Return the random id given at creation, used in markers; `verify` does not need it."""
        return str(self._db.value("SELECT value FROM meta WHERE name = 'register_id'"))

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context whose changes are stored together or not at all; nested contexts join the outer one."""
        return self._db.transaction()

    def batch(self, source: str, ticket_ids: Sequence[str], parser: Parser) -> TicketBatch:
        """Read mirrored tickets of one source with their children in a few statements, as they are now."""
        return TicketBatch(self._db, self.tickets, source, ticket_ids, parser)

    def past(self, at: datetime, reads: StoredReads | None = None) -> PastTickets:
        """Return the mirror as it was at an instant; `reads` are shared by the looks at several instants."""
        return PastTickets(self._db, at, reads)

    def stored_reads(self) -> StoredReads:
        """Return the stored versions of tickets, for looking at several instants."""
        return StoredReads(self._db)

    def past_instants(self) -> PastInstants:
        """Return the instants at which what the register shows of a past ticket changes."""
        return PastInstants(self._db)

    def rewind(self, at: datetime) -> None:
        """Set this register, which is a private copy, back to a past instant (see `rewind`)."""
        with self._db.transaction():
            rewind(self._db, at)
            self.similar.distrust()  # what records match is found again, from what they were

    def show_as_of(
        self,
        at: datetime,
        presences: Mapping[tuple[str, str], Presence],
        reads: Mapping[str, tuple[datetime, Collection[str]]],
        hidden: Collection[tuple[str, str]],
    ) -> None:
        """Let the views of this copy, which was set back and judged again, show the instant (see `show_as_of`)."""
        show_as_of(self._db, at, presences, reads, hidden)

    def digests(self, source: str, ticket_ids: Sequence[str]) -> dict[str, bytes]:
        """Return a digest per mirrored ticket of the content that its record depends on."""
        return digests_of(self._db, source, ticket_ids)

    def check_place(self) -> None:
        """Raise RegisterUnavailable when a file was deleted, replaced, cut or overwritten while it is open."""
        self._db.check_place()

    @property
    def tables(self) -> list[str]:
        """Names of all tables, including those of the migration library."""
        return self._db.column("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")

    def check_damage(self, table: str = "") -> None:
        """Check the file's structure, or one table thoroughly, for damage. Raises RegisterUnavailable."""
        self._db.check_damage(table)

    def drop_future_waits(self, source: str, now: datetime) -> None:
        """Delete waits of a source that were noted after `now`."""
        drop_future_waits(self._db, source, now)

    def was_ahead(self, source: str, now: datetime, run: int) -> bool:
        """Return whether our clock was ahead in one of a source's runs before `run` (see `ahead`)."""
        return was_ahead(self._db, source, now, run)

    def take_back_future(self, source: str, now: datetime) -> None:
        """Correct a source's rows whose time is after `now` (see `ahead`)."""
        take_back_future(self._db, source, now)

    def copy_to(self, target: Path) -> None:
        """Write a consistent private copy (mode 0600), also while a daemon runs; an existing file is overwritten.

        Raises RegisterUnavailable, also when damage is found: a damaged backup must not replace a good one.
        """
        self._db.check_damage()
        self._db.copy_to(target)

    def drop_derived(self) -> None:
        """Empty every derived table, for `rebuild`.

        What evaluation made of a ticket stays while its present state is unknown: it is quarantined, or not visible
        to us. Evaluation keeps these rows too, and replaces them when the ticket can be evaluated again. By what
        records are compared, and their matches, stay until evaluation has made them again: without them its first
        verdicts would clear findings that rest on matches.
        """
        with self._db.transaction():
            for table in _JUDGED:
                self._db.execute(f"DELETE FROM {table} {_IS_KNOWN}")
            for table in (name for name in DERIVED if name not in (*_JUDGED, *_COMPARED)):
                self._db.execute(f"DELETE FROM {table} {_DROPPED.get(table, '')}")
            self.similar.distrust()

    def rows_by_table(self, *, derived: bool = True) -> dict[str, list[Row]]:
        """Return the sorted rows of tables that rest on nothing but the mirror and what people did.

        Left out are the run ledger and what is counted now and then: checks, months, reviews, chain. Without
        `derived`, only primary tables.
        """
        stored = dict.fromkeys(_VERDICTS, "verdict")  # how verdicts are stored depends on what other tickets have
        tables = dict.fromkeys((*PRIMARY, *(stored.get(table, table) for table in DERIVED if derived)))
        return {
            table: sorted(self._db.rows(f"SELECT * FROM {table}"), key=repr)
            for table in tables
            if table not in (LEDGER, CHECKS, CHAIN, *MONTHS, *KEPT_REVIEWS)
        }

    def view_columns(self, name: str) -> list[str]:
        """Return the columns of one public view in their order. Raises KeyError for another name."""
        VIEWS[name]
        return [row[1] for row in self._db.rows(f"PRAGMA table_info({name})")]

    def view(self, name: str) -> Iterator[dict[str, object]]:
        """Iterate over the rows of one public view as dicts in its column order. Raises KeyError for another name."""
        columns = self.view_columns(name)
        for row in self._db.rows(f"SELECT * FROM {name}"):
            yield dict(zip(columns, row, strict=True))

    @contextmanager
    def snapshot(self, selection: ExportSelection) -> Iterator[RegisterSnapshot]:
        """Open one moment of the register, for reading much of it while a daemon goes on writing."""
        with self._db.moment() as connection:
            yield RegisterSnapshot(connection, self.path, selection)

    def note_taken(self, what: Mapping[str, object]) -> None:
        """Append to the chain what a person took away; any process may do it."""
        self.chain.note(EXPORT, json_text(dict(what)))

    def note_visit(self, kind: str, what: Mapping[str, object]) -> None:
        """Append to the chain what a visitor of the page did. Raises ValueError for a kind that is no visit."""
        if kind not in VISITS:
            raise ValueError(f"{kind} is no kind of visit")
        self.chain.note(kind, json_text(dict(what)))

    def taken(self) -> list[dict[str, str]]:
        """Return what people took away so far, the oldest first: `at`, `verb`, `file`, `by` and the details."""
        rows = self._db.rows("SELECT at, text FROM event WHERE kind = ? ORDER BY number", (EXPORT,))
        return [{"at": f"{at[:19]}Z", **json_value(text)} for at, text in rows]

    def verify(self, heads: Sequence[ChainHead] = (), advance: Advance | None = None) -> ChainReport:
        """Verify the hash chain and the rows that it covers, at one moment; `heads` are events that it must have.

        `advance` hears how far a long one has come.
        """
        with self._db.words(), self._db.moment() as connection:
            return verify(connection, heads, advance)

    def keep_derived(self, now: datetime) -> None:
        """Keep the derived tables of this register, which is a private copy, to be compared (see `derived_rows`)."""
        keep_derived(self._db, now)

    def compare_derived(self, sources: Collection[str]) -> DerivedReport:
        """Compare the kept derived tables with those of now, of these sources."""
        return compare_derived(self._db, sources)

    @property
    def changed_rows(self) -> int:
        """Return how many rows this process has changed since it opened the register."""
        return self._db.changed_rows

    def close(self) -> None:
        """Close the file; the object is unusable afterwards."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_VERDICTS = ("verdict_own", "verdict_ticket", "verdict_shared")
_DROPPED = {
    "quarantine": "WHERE unread = 0",
    "verdict_shared": "WHERE digest NOT IN (SELECT digest FROM verdict_ticket)",
}
"""Condition: what `rebuild` drops of a table, where that is not all."""
_JUDGED = (
    "verdict_own",
    "verdict_ticket",
    "register_row",
    "action",
    "birth",
    "waiver_standing",
    "disagreement",
)
"""Derived tables that only evaluation fills."""
_COMPARED = ("similar_key", "earlier_match")
"""Derived tables that a rebuild makes again in place."""
_IS_KNOWN = """WHERE (source, ticket_id) NOT IN (SELECT source, ticket_id FROM quarantine
    UNION SELECT source, ticket_id FROM mirror WHERE presence IN ('unobserved', 'access_lost'))"""
"""Condition: the ticket can be evaluated, so that a rebuild makes its rows again."""
