"""Finds the shipped mappings and rules: inside the wheel, or in the repository of an editable install."""

from __future__ import annotations

from pathlib import Path


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
