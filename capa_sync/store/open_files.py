"""The files of an open register: noticed when they are deleted, replaced, cut or overwritten under this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from capa_sync.errors import RegisterUnavailable
from capa_sync.store.lock import check_lock
from capa_sync.store.place import COMPANIONS, WAY_BACK


class RegisterFiles:
    """The files of an open register, known by device and inode.

    Args:
        is_whole: return whether SQLite finds the register undamaged. It is asked where the file is shorter than
            before: an erasure, of this process or another one, writes it anew without free space.
    """

    def __init__(self, path: Path, is_whole: Callable[[], bool]) -> None:
        self._path = path
        self._is_whole = is_whole
        self._known: dict[str, tuple[int, int]] = {}
        self._size = 0
        self.check()

    def check(self) -> None:
        """Raise RegisterUnavailable when a file of the register was deleted or replaced while it is open.

        Where this process holds the register's lock, that counts, too.
        """
        check_lock(self._path)
        for ending in COMPANIONS:
            self._check(ending)

    def shortened(self) -> None:
        """Note that this process may have written the register anew, and shorter."""
        self._size = 0

    def _is_complete(self, size: int) -> bool:
        """Return whether the register is at least as long as before, or whole all the same."""
        was, self._size = self._size, size
        return size >= was or self._is_whole()

    def _check(self, ending: str) -> None:
        name = self._path.with_name(f"{self._path.name}{ending}")
        known = self._known.get(ending)
        try:
            found = name.lstat()
        except FileNotFoundError:
            if known is None:
                return
            what = "deleted"
        except OSError as error:
            raise RegisterUnavailable(f"{name}: cannot be looked at: {error.strerror}") from error
        else:
            here = (found.st_dev, found.st_ino)
            if self._known.setdefault(ending, here) == here and (ending or self._is_complete(found.st_size)):
                return
            what = "replaced by another file" if self._known[ending] != here else "cut short"
        raise RegisterUnavailable(
            f"{name}: {what} while capa-sync had it open; nothing more is read or written. Bring the file back, or "
            f"{WAY_BACK}"
        )
