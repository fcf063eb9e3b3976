"""A zip whose bytes depend on nothing but its files, with a manifest that `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

SUMS = "SHA256SUMS"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_UNIX, _PRIVATE_FILE = 3, 0o100600 << 16


def write_archive(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files, by their names in the zip, and SHA256SUMS over all of them. Raises OSError of the file system."""
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    with ZipFile(path, "w") as archive:
        for name, content in [*sorted(files.items()), (SUMS, sums.encode())]:
            member = ZipInfo(name, _FIRST_DAY)
            member.compress_type, member.create_system = ZIP_DEFLATED, _UNIX
            member.external_attr = _PRIVATE_FILE
            archive.writestr(member, content)
