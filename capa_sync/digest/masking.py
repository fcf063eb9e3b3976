"""Hides what a recipient's role may not see, by the declarations of `v_today` that the page follows too."""

from __future__ import annotations

from dataclasses import replace

from capa_sync.model.columns import RESTRICTED
from capa_sync.model.digest import DigestItem
from capa_sync.model.page_columns import TODAY

_SHOWN_BY_ITEM = frozenset(DigestItem.__dataclass_fields__)
MASKED = tuple(column.name for column in TODAY if column.masked and column.name in _SHOWN_BY_ITEM)
"""Texts of a ticket in an item."""
_QUOTING = tuple(column.name for column in TODAY if column.quotes_actions and column.name in _SHOWN_BY_ITEM)


def masked(item: DigestItem) -> DigestItem:
    """Return an item without texts of a confidential ticket, and of a confidential action."""
    names = MASKED if item.is_confidential else _QUOTING if item.has_secret_action else ()
    hidden = {name: RESTRICTED for name in names if getattr(item, name)}
    if not hidden:
        return item
    return replace(item, **hidden)  # type: ignore[arg-type]  # all of them are texts
