"""Reads the issues of a folder; see `capa_sync.ports.reading.Source`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta

from capa_sync.errors import Authentication, Skippable
from capa_sync.model.inspection import Check, CheckState, Inspection
from capa_sync.model.site import Account, Census, FieldDef, Located, SiteFacts, StatusDef
from capa_sync.model.ticket import Cursor, Page, Reading, Skip
from capa_sync.ports.reading import Parser
from capa_sync.sources.bodies import TooMuch
from capa_sync.sources.fence import fenced
from folder_source.parser import CONTAINER, FolderParser, parts_of
from folder_source.site import Folder


class FolderSource:
    """Reads one folder. That is cheap, so a poll looks at every issue and reads those that changed."""

    def __init__(self, folder: Folder) -> None:
        self.name = folder.name
        self._folder = folder
        self._parser = FolderParser(folder.name)

    @property
    def clock_offset(self) -> timedelta | None:
        """A folder uses our own clock."""
        return timedelta(0)

    @property
    def clock_offset_at(self) -> datetime | None:
        """No answer has another clock."""
        return None

    def take_furthest_offset(self) -> timedelta | None:
        """No answer has another clock."""
        return None

    @fenced
    def identify(self) -> SiteFacts:
        """Read our own account, and the fields, statuses and people."""
        site = self._folder.site()
        if site.get("me") not in site["accounts"]:
            raise Authentication(self.name, "site.json does not say which account is ours: `me`")
        accounts = tuple(Account(id_, name, active=True) for id_, name in site["accounts"].items())
        return SiteFacts(
            fields=tuple(FieldDef(name, name, type_) for name, type_ in site["fields"].items()),
            statuses=tuple(StatusDef(name, name) for name in site["statuses"]),
            me=Account(site["me"], site["accounts"][site["me"]], active=True),
            accounts=accounts,
            server_time=self._folder.clock.now(),
        )

    accounts_at_once = 1000

    def new_accounts(self) -> Sequence[Account]:
        """The sign-in shows every account."""
        return ()

    @fenced
    def read_accounts(self, ids: Sequence[str]) -> Sequence[Account]:
        """Return those of the accounts that the site's file lists."""
        named = self._folder.site()["accounts"]
        return [Account(id_, named[id_], active=True) for id_ in ids if id_ in named]

    @fenced
    def read_changes(self, cursor: Cursor, *, full: bool = False) -> Iterator[Page]:
        """Yield one page: the issues whose `updated` differs from the one in the cursor."""
        versions = {ticket_id: str(self._folder.issue(ticket_id)["updated"]) for ticket_id in self._folder.ids()}
        known = {} if full else cursor.state
        ids = [ticket_id for ticket_id, version in versions.items() if known.get(ticket_id) != version]
        newest = max(map(datetime.fromisoformat, versions.values()), default=None)
        yield self._page(ids, Cursor(versions, newest))

    @fenced
    def read_tickets(self, ids: Sequence[str]) -> Iterator[Reading]:
        """Yield these issues. Raises Skippable at the end for one that makes no ticket: it is not gone."""
        page = self._page(ids, Cursor())
        yield from page.readings
        for skip in page.skipped:
            raise Skippable(self.name, skip.key, skip.reason, skip.version)

    @fenced
    def read_hinted(self, ids: Sequence[str], cursor: Cursor) -> Page:
        """Read these issues now; the cursor stays."""
        return self._page(ids, cursor)

    def _page(self, ids: Sequence[str], cursor: Cursor) -> Page:
        readings, skipped = list[Reading](), list[Skip]()
        there = set(self._folder.ids())
        for ticket_id in (ticket_id for ticket_id in ids if ticket_id in there):
            issue = self._folder.issue(ticket_id)
            key = str(issue.get("key", ticket_id))
            try:
                parts = parts_of(issue, self._folder.comments(ticket_id))
                readings.append(Reading(self._parser.parse(parts), parts, in_query=True))
            except Skippable as error:
                skipped.append(Skip(ticket_id, key, error.message.removeprefix(f"{error.ticket_key}: ")))
            except TooMuch as error:
                skipped.append(Skip(ticket_id, key, str(error)))
        return Page(tuple(readings), cursor, complete=True, total=len(ids), skipped=tuple(skipped))

    @fenced
    def take_census(self) -> Census:
        """Return all ids."""
        ids = frozenset(self._folder.ids())
        return Census(ids, self.read_roster(), len(ids), len(ids), max(ids, default=""), ids)

    @fenced
    def locate(self, ids: Mapping[str, str], actions: Set[str], census: Census) -> Located:
        """Return which of the ids exist now."""
        return Located(frozenset(ids) & frozenset(self._folder.ids()), frozenset())

    def deletions(self, ids: Sequence[str]) -> Mapping[str, str]:
        """A folder keeps no record of what was deleted."""
        return {}

    @fenced
    def prove_gone(self, ids: Mapping[str, str]) -> frozenset[str]:
        """Return the ids that have no file."""
        return frozenset(ids) - frozenset(self._folder.ids())

    @fenced
    def read_roster(self) -> Mapping[str, str]:
        """Return the one container, if the folder is there."""
        self._folder.site()
        return {CONTAINER: "live"}

    @fenced
    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the ids of issues by their keys."""
        ids = {str(self._folder.issue(ticket_id)["key"]): ticket_id for ticket_id in self._folder.ids()}
        return {key: ids[key] for key in keys if key in ids}

    @fenced
    def inspect(self, *, writes: bool) -> Inspection:
        """Look at the fields, statuses and values of all issues, and at whether the folder lets us write."""
        site, issues = self._folder.site(), [self._folder.issue(ticket_id) for ticket_id in self._folder.ids()]
        samples: dict[str, dict[str, None]] = {}
        for issue in issues:
            for name, value in issue["fields"].items():
                samples.setdefault(name, {})[value] = None
        why = "a warning is one file beside the issue"
        right = Check("right_to_write", CheckState.OK, "the folder of comments can be written", why)
        if not self._folder.is_writable():
            right = Check("right_to_write", CheckState.PROBLEM, "the folder is read-only for us", why, "chmod it")
        return Inspection(
            tickets=len(issues),
            keys=tuple(str(issue["key"]) for issue in issues),
            fields=tuple(FieldDef(name, name, type_) for name, type_ in site["fields"].items()),
            statuses=tuple(StatusDef(name, name) for name in site["statuses"]),
            samples={name: tuple(values) for name, values in samples.items()},
            checks=(right,) if writes else (),
        )

    def parser(self) -> Parser:
        """Return the pure parser."""
        return self._parser
