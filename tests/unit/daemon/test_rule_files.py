"""The rules of a draft are written into their files together, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.daemon.rule_files import RuleFiles
from capa_sync.errors import UserError
from tests.small_disk import DISKS, small_disk

SIZE = 128 * 1024


def content(folder: Path) -> dict[str, str]:
    """Return every file with its text."""
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


@pytest.mark.parametrize("disk", DISKS)
def test_a_full_disk_leaves_every_file_as_it_was(tmp_path: Path, disk: str) -> None:
    """Also those for which there was room; nothing lies beside them, and one line names the file."""
    with small_disk(disk, tmp_path, SIZE):
        (tmp_path / "action-planned.yaml").write_text("earlier", encoding="utf-8")
        before, files = content(tmp_path), RuleFiles([tmp_path])
        texts = {"action-planned": "later", "backup-tested": "new", "owner-active": "x" * (SIZE + 1)}
        with pytest.raises(UserError) as refused:
            files.write(texts, files.differing(texts))
        (problem,) = refused.value.problems
        assert (problem.file, problem.hint) == (
            str(tmp_path / "owner-active.yaml"), "none of the files was changed",
        )  # fmt: skip
        assert problem.what.startswith("cannot be written: ")
        assert content(tmp_path) == before
        files.write(smaller := texts | {"owner-active": "small"}, files.differing(smaller))
        assert content(tmp_path) == {f"{rule}.yaml": text for rule, text in smaller.items()}


def test_a_name_that_cannot_be_taken_gives_the_others_back(tmp_path: Path) -> None:
    """A folder in the place of a rule's file is found when the others have their new text."""
    (tmp_path / "action-planned.yaml").write_text("earlier", encoding="utf-8")
    (tmp_path / "owner-active.yaml" / "kept").mkdir(parents=True)
    texts = {"action-planned": "later", "backup-tested": "new", "owner-active": "other"}
    files = RuleFiles([tmp_path])
    with pytest.raises(UserError, match=r"owner-active\.yaml: cannot be written: .*none of the files was changed"):
        files.write(texts, files.differing(texts))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["action-planned.yaml", "owner-active.yaml"]
    assert (tmp_path / "action-planned.yaml").read_text(encoding="utf-8") == "earlier"
