"""A draft: rules that a person changed on the page, kept in the register until somebody makes them live."""

from __future__ import annotations

from datetime import datetime

from capa_sync.model.light import light


@light
class RuleDraft:
    """One saved draft; it never changes, a later save makes another one.

    Attributes:
        number: 1 for the first of a register. set_hash: the set of its rules alone.
        base_hash: the set that was live when it was saved. saved_at, saved_by: when, and the signed-in person.
        discarded_at, discarded_by: None and "" unless somebody discarded it.
    """

    number: int
    set_hash: str
    base_hash: str
    saved_at: datetime
    saved_by: str
    discarded_at: datetime | None = None
    discarded_by: str = ""
