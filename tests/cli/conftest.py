"""The fixtures of the daemon's tests, for the tests of verbs."""

from __future__ import annotations

from tests.daemon.conftest import make_harness, shared_harness

__all__ = ["make_harness", "shared_harness"]
