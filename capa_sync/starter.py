"""Finds the shipped mappings and rules: inside the wheel, or in the repository of an editable install."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path


def rule_paths(named: Iterable[str], folder: Path) -> list[Path]:
    """Return the rule files and folders that settings in a folder name; the shipped rules when they name none."""
    return [folder / path for path in named] or [starter_path("rules")]


def starter_path(name: str) -> Path:
    """Return the folder of shipped files `name` (`mappings` or `rules`). Raises FileNotFoundError if it is missing.

    A wheel contains them as `capa_sync/_starter/`; an editable install has only the repository's own folders
    (measured with hatchling's force-include, docs/architecture.md).
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_starter" / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the shipped {name} are missing from this installation")


def joined_mappings(folder: Path) -> Path:
    """Copy the shipped mappings into a new folder, with the `same_as` of Jira Cloud in force; return the folder.

    In the shipped file that key is a comment: it names a source that a company may not have.
    """
    shutil.copytree(starter_path("mappings"), folder)
    file = folder / "jira-cloud.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("\n# same_as: ", "\nsame_as: "), encoding="utf-8")
    return folder
