"""A zip whose bytes depend on nothing but its files, with a manifest that `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

SUMS = "SHA256SUMS"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_UNIX, _PRIVATE_FILE = 3, 0o100600 << 16


class Archive:
    """A zip that is being written, file after file."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._sums: dict[str, str] = {}

    def add(self, files: Mapping[str, bytes]) -> None:
        """Write files, by their names in the zip."""
        for name, content in sorted(files.items()):
            self._sums[name] = hashlib.sha256(content).hexdigest()
            self._write(name, content)

    def write_sums(self) -> None:
        """Write SHA256SUMS over all files, as the last one."""
        sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._sums.items()))
        self._write(SUMS, sums.encode())

    def __len__(self) -> int:
        return len(self._archive.filelist)

    def _write(self, name: str, content: bytes) -> None:
        member = ZipInfo(name, _FIRST_DAY)
        member.compress_type, member.create_system = ZIP_DEFLATED, _UNIX
        member.external_attr = _PRIVATE_FILE
        self._archive.writestr(member, content)


@contextmanager
def new_archive(path: Path) -> Iterator[Archive]:
    """Yield a zip to add files to; it ends with SHA256SUMS. Raises OSError of the file system."""
    with ZipFile(path, "w") as file:
        archive = Archive(file)
        yield archive
        archive.write_sums()
