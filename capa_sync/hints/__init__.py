"""Hints: an optional listener for webhooks, so that a changed ticket is read sooner; only its id is used.

A hint that is lost, repeated, forged, stale or out of order changes only the latency: the poll reads all changes.
"""

from __future__ import annotations

from capa_sync.hints.box import HintBox
from capa_sync.hints.guard import HintGuard, HintSource
from capa_sync.hints.receiver import HintReceiver

__all__ = ["HintBox", "HintGuard", "HintReceiver", "HintSource"]
