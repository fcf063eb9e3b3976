"""Requests that other verbs store in the register while `run` holds its lock; the daemon carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from capa_sync.model.light import light
from capa_sync.store.columns import instant, instant_text, json_text, json_value
from capa_sync.store.database import Database

RELEASE, REFRESH, RETRY, PAUSE, RESUME, WITHDRAW = "release", "refresh", "retry", "pause", "resume", "withdraw"
"""Verbs of requests: release the brakes, update wording, resend stuck writes, stop writing, continue, withdraw."""
WAIVE = "waive"
"""The verb of a request to record a waiver."""
APPROVE = "approve"
"""The verb of a request to record the second person of a waiver."""
DIFFERENT = "different"
"""The verb of a request to mark two records as different."""
ERASE = "erase"
"""The verb of a request to erase a record."""
DIGEST_AGAIN = "digest_again"
"""The verb of a request to repeat digests whose answer was lost."""
ACTIVATE = "activate"
"""The verb of a request to make another verdict set live."""
NOTE = "note"
"""The verb of a request to append to the chain what a visitor of the page did: `kind` and `what`."""
SAVE_DRAFT = "save_draft"
"""The verb of a request to keep changed rules as a draft."""
DISCARD_DRAFT = "discard_draft"
"""The verb of a request to discard a draft."""
WRITE_RULES = "write_rules"
"""The verb of a request to write the rules of a draft into their files."""


@light
class VerbRequest:
    """One request: `verb` is one of the verbs above; `args` are the arguments of that verb."""

    id: int
    verb: str
    args: Mapping[str, Any]
    at: datetime


class Requests:
    """Requests in the order in which they were stored."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def leave(self, verb: str, args: Mapping[str, Any], at: datetime) -> int:
        """Store a request and return its number; needs the file, but not the register's lock."""
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO request (verb, args, asked_at) VALUES (?,?,?)",
                (verb, json_text(dict(args)), instant_text(at)),
            )
            return int(self._db.value("SELECT MAX(id) FROM request"))

    def waiting(self) -> list[VerbRequest]:
        """Return requests not yet carried out, the oldest first."""
        rows = self._db.rows("SELECT id, verb, args, asked_at FROM request WHERE done_at IS NULL ORDER BY id")
        return [VerbRequest(row[0], row[1], json_value(row[2]), instant(row[3])) for row in rows]

    def done(self, request: int, at: datetime, answer: str = "") -> None:
        """Record that a request was carried out or refused, with the answer; best inside the same transaction."""
        self._db.execute(
            "UPDATE request SET done_at = ?, answer = ? WHERE id = ?", (instant_text(at), answer, request)
        )

    def answer(self, request: int) -> str | None:
        """Return the answer to a request, None while it waits."""
        row = self._db.row("SELECT answer FROM request WHERE id = ? AND done_at IS NOT NULL", (request,))
        return None if row is None else str(row[0])
