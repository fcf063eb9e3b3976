"""Who asks for a page, and which forms they may send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from capa_sync.model.page import PageOptions, Waiving
from capa_sync.model.visitor import AccessRole, Visitor

FORMS: Mapping[str, AccessRole] = MappingProxyType(
    {
        "/sign-in": AccessRole.READER,
        "/sign-out": AccessRole.READER,
        "/waive": AccessRole.READER,
        **dict.fromkeys(
            ("/workshop/rule", "/workshop/check", "/workshop/preview", "/workshop/draft"), AccessRole.ADMIN
        ),
    },
)
"""Path that takes a form (POST) -> the role that it needs. Every form has the field `csrftoken`, which Datasette
compares with a signed cookie; `{{ csrftoken() }}` in a template gives its value."""
LONGEST_FORM = 1_048_576
"""Bytes of a form."""
FORM_KIND = b"application/x-www-form-urlencoded"
FOREIGN_FORM = 403, "this form comes from another page: open the page anew and send it again"
TOO_LONG = 413, f"a form has at most {LONGEST_FORM:,} bytes, and says how many"
_MOST_DIGITS = 9


def visitor_of(scope: Mapping[str, Any]) -> Visitor:
    """Return who sent a request, from its ASGI scope (`request.scope` in a view of Datasette)."""
    visitor: Visitor = scope["visitor"]
    return visitor


def waiving_of(options: PageOptions, visitor: Visitor) -> Waiving | None:
    """Return what a visitor asks for waivers with, None for who may not: only a signed-in member of the group may."""
    waiving = options.waiving
    return waiving if waiving is not None and visitor.name and waiving.may(visitor.name) else None


def unwaivable_of(
    options: PageOptions, visitor: Visitor, source: str, ticket_id: str, rules: Iterable[str]
) -> Mapping[str, str] | None:
    """Return rule -> why a visitor may not waive it on a ticket, of these rules; None for who may waive nothing."""
    waiving = waiving_of(options, visitor)
    return waiving.obstacles(visitor.name, source, ticket_id, rules) if waiving is not None else None


def refusal_of_form(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> tuple[int, str] | None:
    """Return status and reason if a form may not be sent, None if it may.

    A browser says where a form comes from (`Sec-Fetch-Site`, https://www.w3.org/TR/fetch-metadata/, or `Origin`,
    which is `null` where no referrer is sent). Datasette asks for its token only where a cookie is sent, so one of
    ours has to be.
    """
    needed = FORMS.get(scope["path"])
    if needed is None or scope["method"] != "POST":
        return 405, "this page is read-only"
    if not visitor_of(scope).role.may_act_as(needed):
        return 403, f"this needs the role {needed}: sign in as somebody who has it"
    site, origin = headers.get(b"sec-fetch-site", b"same-origin"), headers.get(b"origin", b"null")
    is_ours = origin == b"null" or origin.partition(b"://")[2] == headers.get(b"host")
    if site != b"same-origin" or not is_ours or b"cookie" not in headers:
        return FOREIGN_FORM
    if headers.get(b"content-type", FORM_KIND).partition(b";")[0].strip().lower() != FORM_KIND:
        return 400, f"a form is sent as {FORM_KIND.decode()}"
    size = headers.get(b"content-length", b"")
    return None if size.isdigit() and len(size) <= _MOST_DIGITS and int(size) <= LONGEST_FORM else TOO_LONG
