"""Backup and restore of the register file: whole copies, checked for damage, never half in place."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from capa_sync.errors import RegisterUnavailable
from capa_sync.model.erasure import ErasedBy, Tombstone
from capa_sync.model.light import light
from capa_sync.output_files import whole_file
from capa_sync.store.columns import instant_text
from capa_sync.store.database import Copied, Database
from capa_sync.store.identity import origin, refuse_newer
from capa_sync.store.lock import RegisterLock
from capa_sync.store.opening import copy_register, open_register
from capa_sync.store.place import COMPANIONS, marked_id, marker_of
from capa_sync.store.sends import RESTORED

_MEGABYTE = 1_000_000


def back_up(path: Path, target: Path, copied: Copied | None = None) -> None:
    """Write a consistent copy of a register as `target`, mode 0600, also while a daemon runs.

    An earlier file of that name is replaced when the copy is complete. Raises RegisterUnavailable, also for damage
    and for a file that is not the register that was made there, and UserError when the target cannot be written.
    """
    if is_own_file(path, target):
        raise RegisterUnavailable(f"{target}: a file of the register itself; name another file for the backup")
    with whole_file(target) as fresh:
        copy_register(path, fresh, shown=target, copied=copied)


@light
class Restored:
    """What a restore did.

    Attributes:
        former: where the former register is now, None where there was none.
        erased: what the former register had erased since the backup, and was erased from the copy again.
        doubt: why the former register's erasures could not be read, "" where they could.
    """

    former: Path | None
    erased: tuple[Tombstone, ...] = ()
    doubt: str = ""


def restore(path: Path, backup: Path, now: datetime, copied: Copied | None = None) -> Restored:
    """Put a backup in the place of a register.

    The backup stays, and so does the former register with its log, as `<register>.before-restore-<instant>`. What
    the former register had erased is erased from the copy too, and its legal holds hold there. `copied` is called
    with the megabytes copied so far, and all of them.

    Raises RegisterUnavailable: a daemon holds the register, or the backup is damaged, of a newer capa-sync, no
    register, or a copy of another register than the one that was made here.
    """
    if not backup.is_file():
        raise RegisterUnavailable(f"{backup}: there is no such file; name a file that `register backup` wrote")
    if is_own_file(path, backup):
        raise RegisterUnavailable(f"{backup}: a file of the register itself; name the backup to restore")
    with RegisterLock(path), whole_file(path) as fresh:
        _fetch(backup, fresh, copied)
        _check(path, backup, fresh, now)
        erased, doubt = _erase_again(path, fresh, now)
        return Restored(_put_aside(path, now), tuple(erased), doubt)


def _erase_again(path: Path, fresh: Path, now: datetime) -> tuple[list[Tombstone], str]:
    """Erase from a copy what the register had erased; return what that was, and why it is not known."""
    if not path.exists():
        return [], ""
    try:
        with open_register(path, clock_now=now, create=False, read_only=True) as former:
            stones, holds = former.erasures.tombstones(), former.legal_holds.in_force()
    except RegisterUnavailable as error:
        return [], str(error)
    if not stones and not holds:
        return [], ""
    with open_register(fresh, clock_now=now) as copy:
        known = {replace(hold, id=0) for hold in copy.legal_holds.in_force()}
        for hold in holds:
            if replace(hold, id=0) not in known:
                copy.legal_holds.add(hold)
        again = [stone for stone in stones if not copy.erasures.among(stone.source, [stone.ticket_id])]
        for stone in again:
            wish = replace(stone.erasure, way=ErasedBy.RESTORE)
            copy.erasures.erase([(stone.source, stone.ticket_id)], wish, now, key=stone.ticket_key)
        copy.erasures.clean()
    return again, ""


def is_own_file(path: Path, target: Path) -> bool:
    """Return whether a file is one of a register's own, however its name is spelt: nothing is written there.

    The folders decide, by `..` and links in them; what a link of the last name leads to counts, too.
    """
    register = _place(path)
    names = {f"{register.name}{ending}" for ending in (*COMPANIONS, ".lock")} | {marker_of(register).name}
    places = (_place(target), Path(os.path.realpath(target)))
    return any(place.parent == register.parent and place.name in names for place in places)


def _place(path: Path) -> Path:
    """Return a path whose folder is named without `..` and links; of a loop of links what can be followed."""
    return Path(os.path.realpath(path.parent)) / path.name


def _fetch(backup: Path, fresh: Path, copied: Copied | None) -> None:
    """Copy a backup; where a log stands beside it, with the commits of that log."""
    if backup.with_name(f"{backup.name}-wal").exists():
        copy_register(backup, fresh)
    else:
        _copy_bytes(backup, fresh, copied)


def _copy_bytes(backup: Path, fresh: Path, copied: Copied | None) -> None:
    total = backup.stat().st_size // _MEGABYTE
    with backup.open("rb") as source, fresh.open("wb") as target:
        for done, block in enumerate(iter(partial(source.read, _MEGABYTE), b""), 1):
            target.write(block)
            if copied is not None and done < total:
                copied(done, total)


def _check(path: Path, backup: Path, fresh: Path, now: datetime) -> None:
    """Check the copy of a backup, and mark that it was restored: digests since then may have been sent.

    Raises RegisterUnavailable, in words about the backup itself.
    """
    try:
        db = Database(fresh)
        try:
            db.check_damage()
            found = origin(db)[0] if refuse_newer(db) else ""
            if found:
                db.execute("INSERT OR REPLACE INTO milestone VALUES ('', ?, ?)", (RESTORED, instant_text(now)))
        finally:
            db.close()
    except RegisterUnavailable as error:
        raise RegisterUnavailable(str(error).replace(str(fresh), str(backup))) from error
    if not found:
        raise RegisterUnavailable(f"{backup}: not a register; name a file that `register backup` wrote")
    if (here := marked_id(path)) not in ("", found):
        raise RegisterUnavailable(
            f"{backup}: a copy of another register ({found[:8]}, here is {here[:8]}); to put it here on purpose, "
            f"remove {marker_of(path)} first"
        )


def _put_aside(path: Path, now: datetime) -> Path | None:
    """Rename a register and then its log: a log that is left alone does no harm, a register without its log would."""
    aside = path.with_name(f"{path.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
    was_there = path.exists()
    for ending in COMPANIONS:
        file = path.with_name(f"{path.name}{ending}")
        if file.exists():
            file.rename(aside.with_name(f"{aside.name}{ending}"))
    return aside if was_there else None
