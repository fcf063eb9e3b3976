"""Limits and priorities that a process sets for itself."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

_LOWEST = 19


def forbid_core_dumps() -> None:
    """Forbid core dumps of this process and of those that it starts, because their memory contains secrets."""
    with suppress(OSError, ValueError):  # a service may be forbidden to set limits; its unit file sets this one
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def give_way() -> None:
    """Let other processes go first: the calling thread, and the processes that it starts.

    A niceness counts only beside processes of the same session or service, where Linux groups these; the idle policy
    also gives way to a daemon of another one, and at once when it wakes.
    """
    with suppress(OSError):  # a service may be forbidden to
        os.nice(_LOWEST)
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def load_no_plugins() -> None:
    """Let pydantic load no plugins of other distributions, also in the processes that this one starts.

    Our settings depend on no plugin. The search reads the metadata of every installed distribution, 25 ms at each
    start (measured), and one broken plugin would end every verb.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
