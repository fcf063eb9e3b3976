"""The port through which an export reads one moment of the register; `store.RegisterSnapshot` answers to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class Extract(Protocol):
    """One moment of the register, narrowed to what somebody asked for."""

    def rows(self, view: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a public view in a stable order, one after the other.

        Any view may be asked for `register_no` and `ticket_url`, and `v_actions` for `action_url`; "" where unknown.
        """
        ...

    def records(self) -> int:
        """Count the chosen records."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return what the register says about itself."""
        ...

    def sources(self) -> list[dict[str, Any]]:
        """Return for each source how fresh it is, and how far the checks covered its records."""
        ...
