"""The built-in scenario of the sandbox: the Clause 10 tickets of a small company, played into three trackers."""

from __future__ import annotations

from capa_sync.sandbox.stories.scenario import Highlight, play_stories

__all__ = ["Highlight", "play_stories"]
