"""Stores every verdict set that was ever live, as full text, and when and by whom each was made live."""

from __future__ import annotations

import hashlib
from datetime import datetime

from capa_sync.model.verdict_set import Activation, How, PartKind, SetPart, VerdictSet
from capa_sync.store.columns import instant, instant_text, member
from capa_sync.store.database import Database


class VerdictSets:
    """The tables `set_text` (each text once), `set_part` (which texts a set has) and `activation`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def keep(self, verdict_set: VerdictSet) -> None:
        """Store a set without making it live; any process may do it."""
        digests = {part.text: hashlib.sha256(part.text.encode()).hexdigest() for part in verdict_set.parts}
        with self._db.transaction():
            self._db.execute_many(
                "INSERT INTO set_text VALUES (?,?) ON CONFLICT DO NOTHING",
                [(digest, text) for text, digest in digests.items()],
            )
            self._db.execute_many(
                "INSERT INTO set_part VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
                [
                    (verdict_set.hash, part.kind.value, part.key, part.name, digests[part.text])
                    for part in verdict_set.parts
                ],
            )

    def load(self, set_hash: str) -> VerdictSet:
        """Return a stored set; one without parts for a hash that is not stored."""
        rows = self._db.rows(
            """SELECT p.role, p.key, p.name, t.body FROM set_part p JOIN set_text t ON t.digest = p.digest
            WHERE p.hash = ? ORDER BY p.role, p.key""",
            (set_hash,),
        )
        return VerdictSet(tuple(SetPart(member(PartKind, role), key, name, body) for role, key, name, body in rows))

    def activate(
        self,
        set_hash: str,
        *,
        rule_set: str,
        at: datetime,
        by: str,
        how: How,
        rules_alone: bool = False,
        revision: str = "",
    ) -> None:
        """Make a stored set live; needs the register's lock."""
        self._db.execute(
            """INSERT INTO activation (hash, rule_set, activated_at, activated_by, how, rules_alone, revision)
            VALUES (?,?,?,?,?,?,?)""",
            (set_hash, rule_set, instant_text(at), by, how.value, int(rules_alone), revision),
        )

    def live(self) -> Activation | None:
        """Return the activation of the live set; None while the register has none."""
        rows = self._db.rows(f"{_SELECT} ORDER BY id DESC LIMIT 1")
        return _activation(rows[0]) if rows else None

    def activations(self) -> list[Activation]:
        """Return all activations, the oldest first."""
        return [_activation(row) for row in self._db.rows(f"{_SELECT} ORDER BY id")]


_SELECT = "SELECT id, hash, rule_set, activated_at, activated_by, how, rules_alone, revision FROM activation"


def _activation(row: tuple[int, str, str, str, str, str, int, str]) -> Activation:
    number, set_hash, rule_set, at, by, how, rules_alone, revision = row
    return Activation(number, set_hash, rule_set, instant(at), by, member(How, how), bool(rules_alone), revision)
