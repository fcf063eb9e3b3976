"""Limits that the process sets for itself before it does anything else."""

from __future__ import annotations

import resource
from contextlib import suppress


def forbid_core_dumps() -> None:
    """Forbid core dumps of this process and of those that it starts, because their memory contains secrets."""
    with suppress(OSError, ValueError):  # a service may be forbidden to set limits; its unit file sets this one
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
