"""Folders that a person named: whole, or not there, and no hidden name is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.errors import UserError
from capa_sync.output_files import whole_file, whole_folder
from tests.small_disk import DISKS, small_disk

SIZE = 128 * 1024


def write(place: Path, sizes: dict[str, int]) -> None:
    """Write files of these sizes into a folder."""
    with whole_folder(place) as folder:
        for name, size in sizes.items():
            with whole_file(folder / name) as file:
                file.write_bytes(b"x" * size)


@pytest.mark.parametrize("disk", DISKS)
def test_a_full_disk_in_a_folder_is_told_by_the_name_that_the_file_would_have(tmp_path: Path, disk: str) -> None:
    """One line, and nothing is left of the folder."""
    with small_disk(disk, tmp_path, SIZE):
        with pytest.raises(UserError) as refused:
            write(tmp_path / "sample", {"one.zip": 1, "two.zip": SIZE + 1})
        (problem,) = refused.value.problems
        assert (problem.file, list(tmp_path.iterdir())) == (str(tmp_path / "sample" / "two.zip"), [])
        assert problem.what.startswith("cannot be written: ")
