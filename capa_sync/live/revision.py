"""The git revision of the folder that a verdict set was read from."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_PATIENCE = 5.0
"""Seconds after which git is given up; the revision is a remark, and nothing waits for it."""


def revision_of(folder: Path, files: Iterable[Path]) -> str:
    """Return the commit that a folder is at, with `+changed` where one of these files differs from it.

    "" where the folder is in no git repository, or this machine has no git.
    """
    place, _, commit = (_git(folder, "rev-parse", "--show-toplevel", "HEAD") or "").partition("\n")
    if not commit:
        return ""
    inside = [str(file) for file in files if file.resolve().is_relative_to(place)]
    # fsmonitor is off: a repository's own configuration must not start a program of its choice here
    changed = _git(folder, "-c", "core.fsmonitor=false", "status", "--porcelain", "--", *inside)
    return f"{commit}+changed" if changed is None or changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints; None when it fails."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
