"""What `status` says of the live verdict set, and of a changed set in the files that waits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capa_sync.cli.context import waiting_line
from capa_sync.errors import Problem, UserError
from capa_sync.settings import Settings
from capa_sync.store import Register


def live_set_of(config: Path, settings: Settings, register: Register) -> dict[str, Any] | None:
    """Return which set is live, how the files differ from it, and their mistakes; None without a live set.

    Files that do not differ are only compared, not loaded: `status` stays quick.
    """
    from capa_sync.live.compare import unactivated

    live = register.verdict_sets.live()
    if live is None:
        return None
    waiting = unactivated(settings, config.resolve().parent, register.verdict_sets.load(live.set_hash))
    return {
        "number": live.number,
        "set": live.set_hash,
        "since": live.at,
        "by": live.by,
        "waiting": waiting,
        "mistakes": [str(problem) for problem in _mistakes(config)] if waiting else [],
    }


def _mistakes(config: Path) -> list[Problem]:
    from capa_sync.settings import load_settings
    from capa_sync.wiring import configure

    try:
        configure(load_settings(config, os.environ), config, os.environ, with_secrets=False)
    except UserError as error:
        return error.problems
    return []


def live_set_lines(found: Mapping[str, Any] | None) -> list[str]:
    """Return the lines for a person: nothing while the files are what is live."""
    if found is None or not found["waiting"]:
        return []
    if found["mistakes"]:
        head = "a changed set cannot be used, and the live one stays:"
        return [head, *(f"  {mistake}" for mistake in found["mistakes"])]
    return [waiting_line(found["waiting"])]
