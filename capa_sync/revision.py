"""The git revision of a file that people keep under review: a remark for the auditor."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_PATIENCE = 5.0
"""Seconds after which git is given up."""
CHANGED = "+changed"
"""Ends the revision of a file that differs from it."""


def revision_of(file: Path) -> str:
    """Return the commit that last changed a file, ending in `+changed` where the file differs from it.

    "" where it is in no git repository, was never committed, or this machine has no git.
    """
    commit = _git(file, "log", "-1", "--format=%H")
    if not commit:
        return ""
    # no program of the repository's own choice is started here
    changes = _git(file, "-c", "core.fsmonitor=false", "status", "--porcelain")
    return commit if changes == "" else commit + CHANGED


def _git(file: Path, *arguments: str) -> str | None:
    """Return what git prints about a file; None when it fails."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, *arguments, "--", file.name],
            cwd=file.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
