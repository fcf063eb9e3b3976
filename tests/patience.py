"""How long a test waits for what must happen."""

from __future__ import annotations

PATIENCE = 300
"""Seconds after which a test gives up waiting; only a hanging process takes so long, even on a busy machine."""
