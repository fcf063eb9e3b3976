"""The sandbox's built-in scenario: a small company's Clause 10 tickets, told into all three trackers."""

from __future__ import annotations

from capa_sync.sandbox.stories.telling import Highlight, tell_stories

__all__ = ["Highlight", "tell_stories"]
