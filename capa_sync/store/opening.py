"""Opens a register file: makes it, or brings it up to this version, step by step."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from capa_sync.errors import RegisterUnavailable
from capa_sync.store.chain_start import begin
from capa_sync.store.columns import instant_text
from capa_sync.store.database import Copied, Database
from capa_sync.store.lock import RegisterLock, is_held_here
from capa_sync.store.migrations import CHAIN_STEP, STEPS
from capa_sync.store.place import ensure_file, mark, refuse_new
from capa_sync.store.register import Register
from capa_sync.store.views import VIEWS


def open_register(
    path: Path,
    *,
    clock_now: datetime,
    now: Callable[[], datetime] | None = None,
    create: bool = True,
    read_only: bool = False,
    check: bool = False,
    durable: bool = True,
) -> Register:
    """Open a register file; create or migrate it where needed. `check` looks for damage first.

    With `durable` False nothing is flushed to the disk: for a copy that ends with this process, so that its commits
    do not hold up those of a daemon.

    `now` gives the instants of the events of the hash chain; without it they all have `clock_now`.

    Raises RegisterUnavailable with a one-line message: the file is missing (without `create`, or where one existed
    before), irregular, damaged, read-only, made by a newer capa-sync, outdated while read-only, or the disk is full.
    """
    ensure_file(path, create=create and not read_only)
    db = Database(path, read_only=read_only, durable=durable)
    try:
        if check:
            db.check_damage()
        _bring_up_to_date(db, clock_now)
        if not read_only:
            mark(path, *_origin(db))
        return Register(db, now or (lambda: clock_now))
    except BaseException:
        db.close()
        raise


def open_copy(path: Path, target: Path, *, clock_now: datetime, now: Callable[[], datetime]) -> Register:
    """Copy a register and open the copy, for work that ends with this process: nothing is flushed to the disk.

    Raises RegisterUnavailable as `copy_register` does.
    """
    copy_register(path, target)
    return open_register(target, clock_now=clock_now, now=now, durable=False)


def copy_register(path: Path, target: Path, *, shown: Path | None = None, copied: Copied | None = None) -> None:
    """Write a consistent private copy (mode 0600) of a register of this or an earlier version, which stays as it is.

    `shown` is the target's name in messages; `copied` is called with the pages copied so far, and all of them.
    Raises RegisterUnavailable as `open_register` does, but not for an outdated file: opening the copy migrates it.
    """
    ensure_file(path, create=False)
    db = Database(path, read_only=True)
    try:
        db.check_damage()
        refuse_newer(db)
        db.copy_to(target, shown=shown, copied=copied)
    finally:
        db.close()


def refuse_newer(db: Database) -> set[str]:
    """Return the names of the steps that a file has. Raises RegisterUnavailable for a step of a later version."""
    with db.words():
        applied = {step.name for step in STEPS.applied(db.writer)}
    newer = applied - set(_step_names())
    if newer:
        raise RegisterUnavailable(
            f"{db.path}: made by a newer capa-sync (it has {max(newer)}); install that version or restore a backup"
        )
    return applied


def _bring_up_to_date(db: Database, now: datetime) -> None:
    applied = refuse_newer(db)
    with db.words():
        pending = STEPS.pending(db.writer)
    if not applied:
        refuse_new(db.path)  # an empty file where a register existed
    if not pending and _views(db) == _wanted_views():
        return
    if db.read_only:
        raise RegisterUnavailable(f"{db.path}: made by an older capa-sync; start `capa-sync run` or `sync` once")
    with _no_other_version(db.path, needed=bool(applied)), db.transaction():
        STEPS.apply(db.writer)
        db.execute("INSERT INTO meta VALUES ('register_id', ?) ON CONFLICT DO NOTHING", (uuid.uuid4().hex,))
        db.execute("INSERT INTO meta VALUES ('created_at', ?) ON CONFLICT DO NOTHING", (instant_text(now),))
        if CHAIN_STEP in {step.name for step in pending}:
            begin(db, now)
        _renew_views(db)


def _origin(db: Database) -> tuple[str, str]:
    """Return the register's id and its creation instant."""
    meta: dict[str, str] = dict(db.rows("SELECT name, value FROM meta WHERE name IN ('register_id', 'created_at')"))
    return meta["register_id"], meta.get("created_at", "")


def _step_names() -> list[str]:
    return [step.name for step in STEPS._migrations]  # noqa: SLF001 - the library has no public list of all steps


def _wanted_views() -> dict[str, str]:
    return {name: f'CREATE VIEW "{name}" AS {sql}' for name, sql in VIEWS.items()}


def _views(db: Database) -> dict[str, str]:
    return dict(db.rows("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))


def _renew_views(db: Database) -> None:
    for name in _views(db):
        db.execute(f'DROP VIEW "{name}"')
    for name, sql in VIEWS.items():
        db.writer.create_view(name, sql)


@contextmanager
def _no_other_version(path: Path, *, needed: bool) -> Iterator[None]:
    """Hold the register's lock while an existing file is migrated, so that no older daemon uses it."""
    if needed and not is_held_here(path):
        with RegisterLock(path):
            yield
    else:
        yield
