"""The desk of the daemon's tests, for verbs."""

from __future__ import annotations

from tests.daemon.conftest import make_desk, nursery, shared_desk

__all__ = ["make_desk", "nursery", "shared_desk"]
