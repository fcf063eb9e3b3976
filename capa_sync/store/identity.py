"""Which register a file is: one of capa-sync, and the one that was made at its place.

Any other file is refused before anything is written into it or taken from it: a start would migrate the file of
another program, and a backup would replace the last good copy by a file without records.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress

from capa_sync.errors import RegisterUnavailable, UnreadableContent
from capa_sync.store.database import Database
from capa_sync.store.migrations import STEPS
from capa_sync.store.place import marked_id, marker_of, refuse_empty, refuse_foreign, was_here
from capa_sync.store.unreadable import unreadable


def applied_steps(db: Database, *, create: bool, needs_id: bool = True) -> set[str]:
    """Return the names of the steps that a register has; none for a file without content where `create` allows it.

    `needs_id`: whether one that lacks its id is refused; who verifies it says what else is gone.

    Raises RegisterUnavailable: no content, content of another program or of a later version, or another register
    than the one that was made here.
    """
    gone = was_here(db.path)  # first: another process may make the register meanwhile
    if not db.value("SELECT COUNT(*) FROM sqlite_master"):
        refuse_empty(db.path, gone, create=create)
        return set()
    applied = refuse_newer(db)
    if not applied:
        refuse_foreign(db.path)
    if needs_id and applied == set(step_names()):  # opening gives an older file what it lacks
        _refuse_another(db, origin(db)[0])
    else:
        with nullcontext() if needs_id else suppress(UnreadableContent):
            _refuse_another(db, _meta(db).get("register_id", ""))
    return applied


def refuse_newer(db: Database) -> set[str]:
    """Return the names of the steps that a file has. Raises RegisterUnavailable for a step of a later version."""
    with db.words():
        applied = {step.name for step in STEPS.applied(db.writer)}
    newer = applied - set(step_names())
    if newer:
        raise RegisterUnavailable(
            f"{db.path}: made by a newer capa-sync (it has {max(newer)}); install that version or restore a backup"
        )
    return applied


def origin(db: Database) -> tuple[str, str]:
    """Return a register's id and its creation instant. Raises RegisterUnavailable where it has no id."""
    meta = _meta(db)
    if not meta.get("register_id"):
        raise unreadable("no id", path=db.path)
    return meta["register_id"], meta.get("created_at", "")


def step_names() -> list[str]:
    """Return the names of all steps of this version."""
    return [step.name for step in STEPS._migrations]  # noqa: SLF001 - the library has no public list of all steps


def _meta(db: Database) -> dict[str, str]:
    return dict(db.rows("SELECT name, value FROM meta WHERE name IN ('register_id', 'created_at')"))


def _refuse_another(db: Database, found: str) -> None:
    here = marked_id(db.path)
    if here and found and here != found:
        raise RegisterUnavailable(
            f"{db.path}: another register ({found[:8]}) than the one that was made here ({here[:8]}): put that one, "
            "or its last backup, back in its place (docs/operating.md, Restore); to use this one from now on, remove "
            f"{marker_of(db.path)}"
        )
