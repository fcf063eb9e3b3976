"""What a statement over the public views answered, for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from capa_sync.model.light import light


@light
class AnsweredRows:
    """Rows with the names of their columns; `is_cut`: there are more rows than these."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    is_cut: bool

    def dicts(self) -> Iterator[dict[str, Any]]:
        """Yield each row as column -> value."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)
