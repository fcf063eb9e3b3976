"""Real processes, as for the daemon's own tests."""

from __future__ import annotations

from tests.daemon.conftest import fork_server, make_harness

__all__ = ["fork_server", "make_harness"]
