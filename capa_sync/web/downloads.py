"""Files that signed-in visitors take from the page: each is an event for the hash chain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from capa_sync.model.page import PageOptions
from capa_sync.model.page_access import VisitKind
from capa_sync.web.masking import REGISTER
from capa_sync.web.visitors import visitor_of

ONCE = timedelta(hours=1)
"""The same file taken again by the same visitor within this time is no further event."""
_FILE = re.compile(rf"/{REGISTER}/(\w+)\.(csv|json)")
_LONGEST = 500
"""Characters of a query that an event repeats."""


class Downloads:
    """Records what is taken, before it is sent; a page without sign-in records nothing, having no name to record."""

    def __init__(self, options: PageOptions) -> None:
        self._access, self._clock = options.access, options.clock
        self._taken: dict[tuple[str, ...], datetime] = {}

    def is_one(self, scope: Mapping[str, Any]) -> bool:
        """Return whether a request takes a file that has to be recorded."""
        is_file = scope["method"] == "GET" and _FILE.fullmatch(scope["path"]) is not None
        return self._access.is_on and is_file

    def record(self, scope: Mapping[str, Any]) -> None:
        """Record that a file is taken. Raises CapaSyncError when that cannot be recorded."""
        match, visitor, now = _FILE.fullmatch(scope["path"]), visitor_of(scope), self._clock.now()
        view, form = match.groups() if match else ("", "")
        query = scope["query_string"].decode("latin-1")[:_LONGEST]
        key = (visitor.name, visitor.role, view, form, query)
        self._taken = {taken: at for taken, at in self._taken.items() if timedelta(0) <= now - at < ONCE}
        if key not in self._taken:
            what = {"verb": "page", "by": visitor.name, "role": visitor.role.value, "view": view, "format": form}
            self._access.record(VisitKind.EXPORT, {**what, "query": query})
            self._taken[key] = now
