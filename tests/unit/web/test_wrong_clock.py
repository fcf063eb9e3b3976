"""Sessions, sign-ins and files taken end with their time, also when our clock was wrong as they began."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from capa_sync.model.page import PageOptions
from capa_sync.model.page_access import PageAccess, PageToken, TrustedProxy, VisitKind, token_digest
from capa_sync.model.visitor import AccessRole, Visitor
from capa_sync.web.cookies import SESSION
from capa_sync.web.downloads import ONCE, Downloads
from capa_sync.web.sign_ins import AHEAD, ATTEMPTS, PER, SignIns
from tests.unit.writeback.harness import ManualClock

YEAR, SESSION_TIME = timedelta(days=365), timedelta(hours=12)
SECRET = "0123456789abcdef0123456789abcdef"
APART = pytest.mark.parametrize("apart", [YEAR, -YEAR], ids=["ahead", "behind"])


class Page:
    """What the page keeps about visitors, with a clock that is set, and what it recorded."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.recorded: list[VisitKind] = []
        token = PageToken("ann", AccessRole.ADMIN, token_digest("t"))
        proxy = TrustedProxy("x-user", "x-proof", SECRET)
        access = PageAccess(lambda: [token], proxy, SESSION_TIME, lambda kind, _what: self.recorded.append(kind))
        self.options = PageOptions(clock=self.clock, access=access)
        self.sign_ins, self.downloads = SignIns(self.options), Downloads(self.options)

    def is_in_session(self, cookie: str | None) -> bool:
        """Tell whether a request with this cookie is one of the person's."""
        value = f"{SESSION}={cookie}".encode()
        visitor = self.sign_ins.visitor({"headers": [(b"cookie", value)], "client": ("192.0.2.1", 1)})
        return visitor == Visitor("ann", AccessRole.ADMIN)

    def come_by_proxy(self) -> None:
        """Send a request that the proxy names."""
        self.sign_ins.visitor({"headers": [(b"x-user", b"bob"), (b"x-proof", SECRET.encode())]})

    def take(self) -> None:
        """Take a file."""
        scope: dict[str, Any] = {"method": "GET", "path": "/register/v_register.csv", "query_string": b""}
        self.downloads.record({**scope, "visitor": Visitor("ann")})


@APART
def test_a_session_that_a_wrong_clock_began_is_none(apart: timedelta) -> None:
    """It would last for a year; who has it signs in again."""
    page = Page()
    page.clock.at += apart
    cookie = page.sign_ins.sign_in("t", "192.0.2.1")
    assert page.is_in_session(cookie)
    page.clock.at -= apart
    for _day in range(3):
        assert not page.is_in_session(cookie)
        page.clock.at += timedelta(days=1)


def test_a_clock_that_is_set_back_a_little_ends_no_session() -> None:
    """A time server corrects by seconds; the session still ends with its time."""
    page = Page()
    cookie = page.sign_ins.sign_in("t", "192.0.2.1")
    page.clock.at -= AHEAD
    assert page.is_in_session(cookie)
    page.clock.at += AHEAD + SESSION_TIME
    assert not page.is_in_session(cookie)


@APART
def test_who_comes_by_the_proxy_is_recorded_once_in_a_session_s_time(apart: timedelta) -> None:
    """And again after a clock was set."""
    page = Page()
    page.clock.at += apart
    page.come_by_proxy()
    page.clock.at -= apart
    for _request in range(2):
        page.come_by_proxy()
    assert len(page.recorded) == 2
    page.clock.at += SESSION_TIME
    page.come_by_proxy()
    assert len(page.recorded) == 3


@APART
def test_a_file_that_is_taken_again_is_recorded_again(apart: timedelta) -> None:
    """Once in an hour, and again after a clock was set."""
    page = Page()
    page.clock.at += apart
    page.take()
    page.clock.at -= apart
    for _request in range(2):
        page.take()
    assert len(page.recorded) == 2
    page.clock.at += ONCE
    page.take()
    assert len(page.recorded) == 3


@APART
def test_failed_sign_ins_of_a_wrong_clock_hold_nobody_up(apart: timedelta) -> None:
    """Nor do they let more of them pass by the right one."""
    page = Page()
    page.clock.at += apart
    for _attempt in range(ATTEMPTS):
        page.sign_ins.sign_in("wrong", "192.0.2.1")
    assert page.sign_ins.is_held("192.0.2.1")
    page.clock.at -= apart
    assert not page.sign_ins.is_held("192.0.2.1")
    for _attempt in range(ATTEMPTS):
        page.sign_ins.sign_in("wrong", "192.0.2.1")
    assert page.sign_ins.is_held("192.0.2.1")
    page.clock.at += PER
    assert not page.sign_ins.is_held("192.0.2.1")
