"""The accounts of each tracker, as it showed them, with the instant at which it was last asked about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from capa_sync.model.site import Account
from capa_sync.store.columns import instant, instant_text, json_text, json_value
from capa_sync.store.database import Database, Row
from capa_sync.store.past_sites import keep_former_accounts

_FRESH = timedelta(hours=12)
"""How long an account that is shown again unchanged leaves its row as it is."""


class TrackerAccounts:
    """Accounts by source, each in the newest form that the tracker showed."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self, source: str) -> tuple[Account, ...]:
        """Return every account that the tracker ever showed us, by id."""
        rows = self._db.rows(
            "SELECT account, name, active, aliases FROM tracker_account WHERE source = ? ORDER BY account", (source,)
        )
        return tuple(
            Account(id_, name, None if active is None else bool(active), tuple(json_value(aliases)))
            for id_, name, active, aliases in rows
        )

    def mark(self, source: str) -> tuple[int, int]:
        """Return two numbers, of which one grows with every new account and every change of one."""
        row = self._db.row("SELECT count(*), total(changes) FROM tracker_account WHERE source = ?", (source,))
        return (int(row[0]), int(row[1])) if row is not None else (0, 0)

    def version(self, source: str, own: str) -> str:
        """Return a text that changes with the accounts on which verdicts of unchanged tickets may rest.

        A new account is named by tickets read with it alone, unless it has other names: an older history may hold
        one of these. Our `own` account decides nothing: the tracker shows it as soon as we write.
        """
        row = self._db.row(
            """SELECT total(aliases <> '[]'), total(changes) FROM tracker_account
            WHERE source = ? AND account <> ?""",
            (source, own),
        )
        return f"{row[0]:.0f}.{row[1]:.0f}" if row is not None else ""

    def show(self, source: str, accounts: Iterable[Account], at: datetime) -> bool:
        """Store accounts as the tracker shows them; return whether one is new or has changed.

        A state that the tracker leaves out does not replace a known one.
        """
        shown = {account.id: account for account in accounts}
        known = {
            row[0]: row
            for row in self._db.rows_in(
                """SELECT account, name, active, aliases, asked_at FROM tracker_account
                WHERE source = ? AND account IN (?)""",
                (source,),
                list(shown),
            )
        }
        rows = [(account, known.get(account.id)) for account in shown.values()]
        news = [_row(source, account, before, at) for account, before in rows if _is_news(account, before)]
        with self._db.transaction():
            keep_former_accounts(self._db, source, [(row[1], known.get(str(row[1]))) for row in news], at)
            self._db.execute_many(
                """INSERT INTO tracker_account VALUES (?,?,?,?,?,?,0) ON CONFLICT (source, account) DO UPDATE
                SET name = excluded.name, active = excluded.active, aliases = excluded.aliases,
                    asked_at = excluded.asked_at, changes = changes + 1""",
                news,
            )
            self.asked(source, [account.id for account, before in rows if _is_stale(account, before, at)], at)
        return bool(news)

    def asked(self, source: str, ids: Sequence[str], at: datetime) -> None:
        """Store that the tracker was asked about these accounts, also where it did not answer for all."""
        self._db.execute_many(
            "UPDATE tracker_account SET asked_at = ? WHERE source = ? AND account = ?",
            [(instant_text(at), source, id_) for id_ in ids],
        )

    def unknown(self, source: str, most: int) -> list[str]:
        """Return ids of accounts of which nobody knows whether they are active, and about which nobody asked yet."""
        return self._db.column(
            """SELECT account FROM tracker_account WHERE source = ? AND active IS NULL AND asked_at IS NULL
            ORDER BY account LIMIT ?""",
            (source, most),
        )

    def asked_before(self, source: str, at: datetime, now: datetime, most: int) -> list[str]:
        """Return ids of accounts about which the tracker was last asked before an instant, the longest ago first.

        One that was asked about in the future comes last: our clock was ahead, and nobody knows when that was.
        """
        return self._db.column(
            """SELECT account FROM tracker_account WHERE source = ? AND (asked_at < ? OR asked_at > ?)
            ORDER BY asked_at, account LIMIT ?""",
            (source, instant_text(at), instant_text(now), most),
        )


def _state(account: Account, before: Row | None) -> int | None:
    if account.active is None:
        return before[2] if before is not None else None
    return int(account.active)


def _is_news(account: Account, before: Row | None) -> bool:
    now = (account.name, _state(account, before), json_text(account.aliases))
    return before is None or now != tuple(before[1:4])


def _row(source: str, account: Account, before: Row | None, at: datetime) -> tuple[object, ...]:
    asked = instant_text(at) if account.active is not None else (before[4] if before is not None else None)
    return source, account.id, account.name, _state(account, before), json_text(account.aliases), asked


def _is_stale(account: Account, before: Row | None, at: datetime) -> bool:
    """Return whether the row says for too long that the tracker last showed this; unchanged accounts alone."""
    if before is None or account.active is None or _is_news(account, before):
        return False
    return before[4] is None or abs(at - instant(before[4])) > _FRESH  # in the future: our clock was ahead
