"""The fixtures of the daemon's tests, for rate limits with real processes."""

from __future__ import annotations

from tests.daemon.conftest import make_harness

__all__ = ["make_harness"]
