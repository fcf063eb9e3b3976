"""The names of all verbs of the command line, for tests that list every verb."""

from __future__ import annotations

from capa_sync.cli.app import cli
from capa_sync.cli.verbs import VerbGroup


def every_verb() -> set[str]:
    """Return the verbs with their groups: `plan`, `rules check`."""
    assert isinstance(cli, VerbGroup)
    return _verbs(cli)


def _verbs(group: VerbGroup, path: str = "") -> set[str]:
    found = set[str]()
    for name, verb in group.verbs.items():
        inner = verb.load()
        found |= _verbs(inner, f"{path}{name} ") if isinstance(inner, VerbGroup) else {f"{path}{name}"}
    return found


def is_of(line: str, verb: str) -> bool:
    """Tell whether a line of the command line calls this verb."""
    return f"{line} ".startswith(f"{verb} ")
