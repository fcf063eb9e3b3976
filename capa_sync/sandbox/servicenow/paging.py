"""The limit, offset and Link header of Table API lists."""

from __future__ import annotations

import re

from capa_sync.model.light import light
from capa_sync.sandbox.messages import Request
from capa_sync.sandbox.servicenow.answers import ApiError
from capa_sync.sandbox.servicenow.selection import Selection

DEFAULT_LIMIT = 10_000


@light
class PageRequest:
    """The requested page, and whether the matches are counted."""

    offset: int
    limit: int
    counts: bool

    @classmethod
    def of(cls, request: Request) -> PageRequest:
        """Read the parameters. Raises ApiError 400 for a negative offset or a value that is not a number."""
        offset = _number(request, "sysparm_offset", 0)
        limit = _number(request, "sysparm_limit", DEFAULT_LIMIT)
        if offset < 0:
            raise ApiError(400, "Invalid offset", "sysparm_offset must not be negative")
        counts = (request.parameter("sysparm_no_count") or "").lower() != "true"
        return cls(offset, max(limit, 1), counts)


def _number(request: Request, name: str, default: int) -> int:
    text = request.parameter(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise ApiError(400, f"Invalid {name}", f"{text} is no number") from error


def link_header(origin: str, request: Request, page: PageRequest, selection: Selection) -> str:
    """Return the Link header. The first page has `prev` too, with a negative offset: never follow it."""
    total, limit = selection.total, page.limit
    places = {"first": 0, "prev": page.offset - limit}
    if selection.has_more if total is None else page.offset + limit < total:
        places["next"] = page.offset + limit
    if total is not None:
        places["last"] = (max(total, 1) - 1) // limit * limit
    return ",".join(f'<{_at(origin, request.target, offset)}>;rel="{rel}"' for rel, offset in places.items())


def _at(origin: str, target: str, offset: int) -> str:
    changed, found = re.subn(r"(?<=[?&])sysparm_offset=[^&]*", f"sysparm_offset={offset}", target)
    if not found:
        changed += f"{'&' if '?' in target else '?'}sysparm_offset={offset}"
    return origin + changed
