"""Hints: an optional listener that shortens the wait until a changed ticket is read; only its id is believed.

A hint that is lost, doubled, forged, stale or out of order changes nothing but latency, for the poll stays the truth.
"""

from __future__ import annotations

from capa_sync.hints.box import HintBox
from capa_sync.hints.door import HintDoor, HintSource
from capa_sync.hints.receiver import HintReceiver

__all__ = ["HintBox", "HintDoor", "HintReceiver", "HintSource"]
