"""Which forms a visitor may send: by role, from our own pages alone, never larger than stated."""

from __future__ import annotations

import pytest

from capa_sync.model.visitor import AccessRole, Visitor
from capa_sync.web import visitors
from capa_sync.web.visitors import refusal_of_form

HEADERS = {
    b"host": b"127.0.0.1:8765",
    b"cookie": b"ds_csrftoken=x",
    b"content-length": b"20",
    b"sec-fetch-site": b"same-origin",
    b"origin": b"http://127.0.0.1:8765",
}
ADMIN = Visitor("mara.roy", AccessRole.ADMIN)


@pytest.mark.parametrize(
    ("visitor", "method", "path", "changed", "status"),
    [
        (ADMIN, "POST", "/save", {}, None),
        (ADMIN, "POST", "/save", {b"origin": b"null"}, None),
        (ADMIN, "PUT", "/save", {}, 405),
        (ADMIN, "POST", "/records", {}, 405),
        (Visitor(), "POST", "/save", {}, 403),
        (Visitor("ann.lee", AccessRole.AUDITOR), "POST", "/save", {}, 403),
        (ADMIN, "POST", "/save", {b"sec-fetch-site": b"cross-site"}, 403),
        (ADMIN, "POST", "/save", {b"origin": b"https://evil.example"}, 403),
        (ADMIN, "POST", "/save", {b"cookie": None}, 403),
        (ADMIN, "POST", "/save", {b"content-length": b"1048577"}, 413),
        (ADMIN, "POST", "/save", {b"content-length": None}, 413),
    ],
)
def test_a_form_needs_a_role_and_comes_from_our_own_page(
    monkeypatch: pytest.MonkeyPatch,
    visitor: Visitor,
    method: str,
    path: str,
    changed: dict[bytes, bytes | None],
    status: int | None,
) -> None:
    """Another role, another site, no cookie, no length, another method: each is refused before a view sees it."""
    monkeypatch.setattr(visitors, "FORMS", {"/save": AccessRole.ADMIN})
    headers = {name: value for name, value in {**HEADERS, **changed}.items() if value is not None}
    refusal = refusal_of_form({"visitor": visitor, "method": method, "path": path}, headers)
    assert (None if refusal is None else refusal[0]) == status
