"""What a generated tracker answers to the server: below both, so that the server may import the trackers."""

from __future__ import annotations

from typing import Protocol

Answer = tuple[int, bytes, bytes]
"""Status, body, and extra header lines (each ends with CRLF)."""


class ServedSite(Protocol):
    """A generated tracker."""

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Answer one request."""
        ...
