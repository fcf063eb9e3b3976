"""The git revision of files that people keep under review: a remark for the auditor, and nothing waits for it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_PATIENCE = 5.0
"""Seconds after which git is given up."""
CHANGED = "+changed"
"""Ends the revision of files that differ from it."""


def file_revision(file: Path) -> str:
    """Return the commit that last changed a file, ending in `+changed` where the file differs from it.

    "" where it is in no git repository, was never committed, or this machine has no git.
    """
    commit = _git(file.parent, "log", "-1", "--format=%H", "--", file.name)
    return _with_changes(file.parent, commit, file.name) if commit else ""


def folder_revision(folder: Path, files: Iterable[Path]) -> str:
    """Return the commit that a folder is at, ending in `+changed` where one of these files differs from it.

    "" where the folder is in no git repository, or this machine has no git.
    """
    place, _, commit = (_git(folder, "rev-parse", "--show-toplevel", "HEAD") or "").partition("\n")
    if not commit:
        return ""
    inside = [str(file) for file in files if file.resolve().is_relative_to(place)]
    return _with_changes(folder, commit, *inside)


def _with_changes(folder: Path, commit: str, *files: str) -> str:
    # fsmonitor is off: a repository's own configuration must not start a program of its choice here
    changes = _git(folder, "-c", "core.fsmonitor=false", "status", "--porcelain", "--", *files)
    return commit if changes == "" else commit + CHANGED


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints in a folder; None when it fails."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
