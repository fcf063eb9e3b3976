"""What the process itself is held to, before anything else is done."""

from __future__ import annotations

import resource
from contextlib import suppress


def forbid_core_dumps() -> None:
    """Let no crash of this process, or of those that it starts, write its memory to a file: secrets are in it."""
    with suppress(OSError, ValueError):  # a service may be forbidden to set limits; its unit has set this one
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
