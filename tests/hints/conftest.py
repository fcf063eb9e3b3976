"""The fixtures of the daemon's tests, for hints to real processes."""

from __future__ import annotations

from tests.daemon.conftest import make_harness

__all__ = ["make_harness"]
