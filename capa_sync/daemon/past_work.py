"""Works on a private copy of a register as it was at a past instant: `plan` and `preview` with `--as-of`."""

from __future__ import annotations

from datetime import datetime

from capa_sync.daemon.explaining_past import bind_as_known_at
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.runtime import Runtime


def look_from(runtime: Runtime, at: datetime) -> list[str]:
    """Let the runtime judge the mirror as it was at an instant; its register is a copy that was set back to it.

    Returns the sources of which nothing is known then; these are left out.
    """
    bind_as_known_at(runtime, at)
    sources = {name: context.inputs() for name, context in runtime.contexts.items()}
    runtime.past = PastMirror(runtime.register, sources, at)
    unknown = [name for name in runtime.contexts if runtime.past.read_by(name) is None]
    for name in unknown:
        runtime.contexts[name].bound = None
    return unknown
