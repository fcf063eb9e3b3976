"""Real processes, as for the daemon's own tests."""

from __future__ import annotations

from tests.daemon.conftest import make_desk, nursery

__all__ = ["make_desk", "nursery"]
