"""Annotated tags of a git repository, made by the program git without a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from capa_sync.errors import NotPublished

_PATIENCE = 60.0
"""Seconds after which git is given up; a push goes over a network."""


def without_credentials(text: str) -> str:
    """Return a text whose addresses have host and path alone: no user, no password, nothing that follows ? or #."""
    return " ".join(map(_without_credentials, text.split(" ")))


def _without_credentials(word: str) -> str:
    scheme, mark, rest = word.partition("://")
    place = rest.partition("?")[0].partition("#")[0]
    if "@" in rest and "@" not in place:  # a password that has ? or #, or a token with @: nothing of it is safe
        place = ""
    return f"{scheme}{mark}{place.rpartition('@')[2]}"


def tag_commit(folder: Path, name: str, message: str) -> bool:
    """Tag the commit that a folder's repository is at; return False where the same tag is there already.

    Raises NotPublished, also when a tag of this name says something else.
    """
    found = _git(folder, "for-each-ref", "--format=%(contents)", f"refs/tags/{name}")
    if not found:
        _git(folder, "tag", "--annotate", "--file=-", name, text=message)
        return True
    if found.split() != message.split():
        raise NotPublished(
            f"{folder}: the tag {name} is there and says '{found.splitlines()[0][:100]}': another register has this "
            "number, or the chain was written anew; `capa-sync verify --against` says more"
        )
    return False


def push_tag(folder: Path, name: str, remote: str) -> None:
    """Push a tag to a remote of the repository, by its name or address. Raises NotPublished."""
    _git(folder, "push", "--quiet", "--", remote, f"refs/tags/{name}")


def _git(folder: Path, *arguments: str, text: str = "") -> str:
    """Return what git prints in a folder; it asks no question. Raises NotPublished with git's own last line."""
    git = shutil.which("git")
    if git is None:
        raise NotPublished("this machine has no git")
    try:
        done = subprocess.run(
            [git, "-C", str(folder.absolute()), *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NotPublished(f"{folder}: git {arguments[0]} could not be run: {type(error).__name__}") from error
    if done.returncode:
        said = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), f"exit {done.returncode}")
        raise NotPublished(f"{folder}: git {arguments[0]} failed: {without_credentials(said)}")
    return done.stdout.strip()
