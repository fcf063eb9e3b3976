"""Hides what a recipient's role may not see, by the declarations of `v_today` that the page follows too."""

from __future__ import annotations

from dataclasses import replace

from capa_sync.model.columns import RESTRICTED
from capa_sync.model.digest import DigestItem
from capa_sync.model.page_columns import TODAY

_SHOWN_BY_ITEM = frozenset(DigestItem.__dataclass_fields__)
MASKED = tuple(column.name for column in TODAY if column.masked and column.name in _SHOWN_BY_ITEM)
"""Texts of a ticket in an item."""


def masked(item: DigestItem) -> DigestItem:
    """Return an item without texts of a confidential ticket."""
    if not item.is_confidential:
        return item
    hidden = {name: RESTRICTED for name in MASKED if getattr(item, name)}
    return replace(item, **hidden)  # type: ignore[arg-type]  # all of them are texts
