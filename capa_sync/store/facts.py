"""What a tracker reports about itself, and the field ids that a mapping's names resolved to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from operator import attrgetter

from pydantic import TypeAdapter

from capa_sync.model.site import SiteFacts
from capa_sync.store.accounts import TrackerAccounts
from capa_sync.store.columns import instant_text, json_text, json_value
from capa_sync.store.database import Database
from capa_sync.store.past_sites import accounts_at, facts_at, keep_former_facts, names_seen
from capa_sync.store.unreadable import reading

_FACTS = TypeAdapter(SiteFacts)
_ID = attrgetter("id")


class Facts:
    """Declared sources, their site facts, and pinned field ids."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._accounts = TrackerAccounts(db)

    def declare(self, source: str, kind: str, url: str) -> None:
        """Record that the settings name this source; `kind` is the name of its kind, such as `jira`."""
        self._db.execute(
            """INSERT INTO source VALUES (?,?,?) ON CONFLICT (source) DO UPDATE
            SET kind = excluded.kind, url = excluded.url WHERE (kind, url) IS NOT (excluded.kind, excluded.url)""",
            (source, kind, url),
        )

    def sources(self) -> dict[str, str]:
        """Return name -> kind of every source ever declared."""
        return dict(self._db.rows("SELECT source, kind FROM source ORDER BY source"))

    def save(self, source: str, facts: SiteFacts, at: datetime) -> bool:
        """Store a tracker's facts; return whether they differ from the stored ones.

        Earlier accounts stay when `facts` does not repeat them. The tracker's clock time is not stored; names seen
        are worked out from what each change replaced.
        """
        is_news = self._accounts.show(source, facts.accounts, at)
        facts = replace(
            facts,
            fields=tuple(sorted(facts.fields, key=_ID)),
            statuses=tuple(sorted(facts.statuses, key=_ID)),
            accounts=(),
            server_time=None,
            names_seen=(),
        )
        before = self._stored(source)
        if facts == before:
            return is_news
        with self._db.transaction():
            keep_former_facts(self._db, source, before, facts, at)
            self._db.execute(
                """INSERT INTO site VALUES (?,?,?) ON CONFLICT (source) DO UPDATE
                SET facts = excluded.facts, changed_at = excluded.changed_at""",
                (source, json_text(asdict(facts)), instant_text(at)),
            )
        return True

    def load(self, source: str) -> SiteFacts | None:
        """Return the stored facts with all accounts and names seen, None before the first contact."""
        facts = self._stored(source)
        if facts is None:
            return None
        return replace(facts, accounts=self._accounts.all(source), names_seen=names_seen(self._db, source, facts))

    def _stored(self, source: str) -> SiteFacts | None:
        stored = self._db.value("SELECT facts FROM site WHERE source = ?", (source,))
        with reading("facts of a source that cannot be read"):
            return None if stored is None else _FACTS.validate_json(stored)

    def load_at(self, source: str, at: datetime, read_by: datetime) -> tuple[SiteFacts, bool] | None:
        """Return the facts that a read that ended at `read_by` rested on; None without facts.

        And whether any were known at `at`. Before the first contact they are the oldest that are known.
        """
        now = self._stored(source)
        if now is None:
            return None
        facts, is_known = facts_at(self._db, source, now, at, read_by)
        accounts = accounts_at(self._db, source, self._accounts.all(source), read_by)
        return replace(facts, accounts=accounts, names_seen=names_seen(self._db, source, now, read_by)), is_known

    def missing_rights(self, source: str) -> tuple[str, ...]:
        """Return the messages about rights that our account lacked at the last contact."""
        stored = self._db.value(
            "SELECT json_extract(facts, '$.missing_rights') FROM site WHERE source = ?", (source,)
        )
        return tuple(json_value(stored)) if stored else ()

    def know_persons(self, source: str, persons: Mapping[str, str]) -> None:
        """Store the canonical person behind accounts and delete earlier entries; all others are `SOURCE:ACCOUNT`."""
        if persons == dict(self._db.rows("SELECT account, person FROM account WHERE source = ?", (source,))):
            return
        with self._db.transaction():
            self._db.execute("DELETE FROM account WHERE source = ?", (source,))
            rows = [(source, account, person) for account, person in sorted(persons.items())]
            self._db.execute_many("INSERT INTO account VALUES (?,?,?)", rows)

    def pin(self, source: str, canonical: str, tracker_field: str) -> str | None:
        """Pin the field id found for a canonical field; return the earlier pinned id, None the first time.

        A different id is drift: the pin stays, so that the drift is reported until `repin`.
        """
        before: str | None = self._db.value(
            "SELECT tracker_field FROM pin WHERE source = ? AND field = ?", (source, canonical)
        )
        if before is None:
            self._db.execute("INSERT INTO pin VALUES (?,?,?)", (source, canonical, tracker_field))
        return before

    def repin(self, source: str, canonical: str, tracker_field: str) -> None:
        """Accept another field id for a canonical field."""
        self._db.execute(
            """INSERT INTO pin VALUES (?,?,?) ON CONFLICT (source, field) DO UPDATE
            SET tracker_field = excluded.tracker_field WHERE tracker_field <> excluded.tracker_field""",
            (source, canonical, tracker_field),
        )

    def pins(self, source: str) -> dict[str, str]:
        """Return canonical field -> pinned field id."""
        return dict(self._db.rows("SELECT field, tracker_field FROM pin WHERE source = ? ORDER BY field", (source,)))
