"""Opens a register file: makes it, or brings it up to this version, step by step."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from capa_sync.errors import RegisterUnavailable
from capa_sync.store.chain_start import begin
from capa_sync.store.columns import instant_text
from capa_sync.store.database import Copied, Database
from capa_sync.store.identity import applied_steps, origin
from capa_sync.store.lock import RegisterLock, is_held_here
from capa_sync.store.migrations import CHAIN_STEP, STEPS
from capa_sync.store.place import ensure_file, mark
from capa_sync.store.register import Register
from capa_sync.store.sqlite_errors import in_words
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
    needs_id: bool = True,
) -> Register:
    """Open a register file; create or migrate it where needed. `check` looks for damage first.

    Without `needs_id` one that lacks its id is opened too: for who verifies it, and says what is gone.

    With `durable` False nothing is flushed to the disk: for a copy that ends with this process, so that its commits
    do not hold up those of a daemon.

    `now` gives the instants of the events of the hash chain; without it they all have `clock_now`.

    Raises RegisterUnavailable with a one-line message: the file is missing or empty (without `create`, or where one
    existed before), irregular, of another program, another register than the one that was made here, damaged,
    read-only, made by a newer capa-sync, outdated while read-only, or the disk is full.
    """
    create = create and not read_only
    ensure_file(path, create=create)
    if not read_only:
        _look_first(path, create=create)
    db = Database(path, read_only=read_only, durable=durable)
    try:
        if check:
            db.check_damage()
        _bring_up_to_date(db, clock_now, create=create, needs_id=needs_id)
        if not read_only:
            mark(path, *origin(db))
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
        applied_steps(db, create=False)
        db.copy_to(target, shown=shown, copied=copied)
        db.check_place()  # what was copied is the file that was looked at
    finally:
        db.close()


def check_register(path: Path) -> None:
    """Raise RegisterUnavailable, as `open_register` does, unless a file is a register; it may be an outdated one."""
    ensure_file(path, create=False)
    _look(path, create=False)


def _look_first(path: Path, *, create: bool) -> None:
    """Refuse what is no register before it is opened to be written: that alone would change another program's file.

    A file without content has nothing to lose. One with a rollback journal beside it (a kill while it was made) can
    be read only once that was played back, as its own program would do.
    """
    if not path.stat().st_size:
        return
    if path.with_name(f"{path.name}-journal").exists():
        with in_words(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as file:
            file.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    _look(path, create=create)


def _look(path: Path, *, create: bool) -> None:
    db = Database(path, read_only=True)
    try:
        applied_steps(db, create=create)
    finally:
        db.close()


def _bring_up_to_date(db: Database, now: datetime, *, create: bool, needs_id: bool) -> None:
    applied = applied_steps(db, create=create, needs_id=needs_id)
    with db.words():
        pending = STEPS.pending(db.writer)
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
