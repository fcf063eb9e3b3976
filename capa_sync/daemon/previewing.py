"""`preview`: judges and plans the whole mirror by a changed set, on a private copy of the register."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from capa_sync.daemon.rebuilding import judge_from_mirror
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.writing import plan_due_tickets


def judge_and_plan(runtime: Runtime, now: datetime, *, planned: Collection[str] = ()) -> None:
    """Judge every due ticket from the mirror, and plan its writes; no tracker is asked.

    Every ticket that may need a write is planned; of the sources in `planned` only due ones, because the daemon has
    stored what it planned by this set.

    The runtime is bound to the last stored site facts, and its mode of writing is `plan`.
    """
    for name in planned:
        runtime.contexts[name].planned_all = True
    for context in judge_from_mirror(runtime, now):
        plan_due_tickets(runtime, context, now)
