"""The sandbox's built-in scenario: a small company's Clause 10 tickets, told into all three trackers."""

from __future__ import annotations

from capa_sync.sandbox.stories.scenario import Highlight, play_stories

__all__ = ["Highlight", "play_stories"]
