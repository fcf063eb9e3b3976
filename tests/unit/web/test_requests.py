"""Requests that a browser sends by itself or by mistake, and ones that none sends: cookies, forms, parameters."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPResponse, RemoteDisconnected
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import requests

from capa_sync.cli.page_access import TokensFile
from capa_sync.model.page import PageOptions
from capa_sync.model.page_access import PageAccess
from capa_sync.model.visitor import AccessRole
from capa_sync.settings.page_tokens import new_token
from capa_sync.web import RegisterPage, serve_register
from capa_sync.web.cookies import own_cookies, with_own_cookies
from capa_sync.web.visitors import LONGEST_FORM
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import T0
from tests.unit.writeback.harness import ManualClock

FOREIGN = (
    'consent={"analytics":true}', "foo[]=1", "foo@bar=1", "a:b=1", 'foo="x', "foo=;;;==", "é=1", "foo=\u00ff",
    "=", "x", "capa_sync_session=\u00e9", "ds_csrftoken=(", "ds_messages=\u00e9", "ds_actor=x",
)  # fmt: skip
"""Cookies of other applications on the same host, and damaged ones of our names."""
URLENCODED = "application/x-www-form-urlencoded"


class Visit:
    """Somebody on the page with the cookies and the proof of a signed-in admin."""

    def __init__(self, site: RegisterPage, token: str) -> None:
        self.set: list[str] = []
        self.site, self.host = site, site.url.removeprefix("http://").rstrip("/")
        _, form = self.send("GET", "/sign-in")
        self.proof = form.split('name="csrftoken" value="')[1].split('"')[0]
        self.token, self.cookies = token, ""

    def send(
        self, method: str, path: str, head: str = "", body: bytes = b"", *, ends: bool = False
    ) -> tuple[int, str]:
        """Send bytes as they are, and return status and answer; with `ends` nothing can follow them."""
        length = "" if "content-length" in head.lower() or not body else f"Content-Length: {len(body)}\r\n"
        lines = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n{head}{length}\r\n"
        address, _, port = self.host.rpartition(":")
        with socket.create_connection((address, int(port)), timeout=PATIENCE) as line:
            line.sendall(lines.encode("latin-1") + body)
            if ends:
                line.shutdown(socket.SHUT_WR)
            answer = HTTPResponse(line)
            with suppress(RemoteDisconnected):
                answer.begin()
                self.set = answer.msg.get_all("set-cookie") or []
                return answer.status, answer.read().decode("utf-8", "replace")
        return 0, ""

    def form(
        self, path: str, head: str, body: bytes, kind: str = URLENCODED, *, ends: bool = False
    ) -> tuple[int, str]:
        """Send a form with the cookies."""
        heads = f"Cookie: {self.cookies}\r\nContent-Type: {kind}\r\n{head}"
        return self.send("POST", path, heads, body, ends=ends)

    def set_cookies(self) -> str:
        """Return the cookies that the last answer sets."""
        return "; ".join(cookie.partition(";")[0] for cookie in self.set)


@pytest.fixture(scope="module")
def visit(register_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """Serve the register, and sign an admin in."""
    file = tmp_path_factory.mktemp("requests") / "page-tokens"
    token, line = new_token("mara.roy", AccessRole.ADMIN, None)
    file.write_text(line + "\n", encoding="utf-8")
    access = PageAccess(TokensFile(file, file.name), session=timedelta(hours=12))
    site = serve_register(register_file, "127.0.0.1:0", PageOptions(clock=ManualClock(T0), access=access))
    visit = Visit(site, token)
    proof = visit.set_cookies()
    visit.cookies = proof
    answer = visit.form("/sign-in", "", urlencode({"csrftoken": visit.proof, "token": token}).encode())
    assert answer[0] == 303
    visit.cookies = f"{proof}; {visit.set_cookies()}"
    yield visit
    site.stop()


@pytest.fixture(autouse=True)
def _no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("order", ["{0}; {1}", "{1}; {0}", "{0};{1}"])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_cookie_of_another_application_changes_nothing(visit: Visit, foreign: str, order: str) -> None:
    """Cookies belong to a host, not to a port: who has a foreign one stays signed in, and can sign in."""
    shown = visit.send("GET", "/sync", f"Cookie: {order.format(foreign, visit.cookies)}\r\n")
    assert (shown[0], "<span>mara.roy, admin</span>" in shown[1]) == (200, True)
    proof = visit.cookies.partition(";")[0]
    body = urlencode({"csrftoken": visit.proof, "token": visit.token}).encode()
    head = f"Cookie: {order.format(foreign, proof)}\r\nContent-Type: {URLENCODED}\r\n"
    assert visit.send("POST", "/sign-in", head, body)[0] == 303


@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket", "h2c", "x"])
@pytest.mark.parametrize("path", ["/", "/no-such-page"])
def test_a_wish_for_another_protocol_is_answered_by_the_guard(
    visit: Visit, caplog: pytest.LogCaptureFixture, upgrade: str, path: str
) -> None:
    """Any page in a browser of this machine may send it, and must not fill the log."""
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    head = f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\n{key}"
    plain = visit.send("GET", path)
    assert visit.send("GET", path, head) == plain
    assert plain[0] in (200, 404)
    assert caplog.records == []


@pytest.mark.parametrize("head", ["no header\r\n", "a\x00b: c\r\n", ": x\r\n", "Content-Length: x\r\n"])
def test_a_request_that_breaks_http_writes_no_line(
    visit: Visit, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], head: str
) -> None:
    """It is refused, and the log stays for what somebody has to know."""
    assert visit.send("GET", "/", head)[0] in (0, 400)
    assert caplog.records == []
    assert "Invalid HTTP" not in "".join(capfd.readouterr())


def test_cookies_in_several_headers_are_read(visit: Visit) -> None:
    """A proxy may pass each cookie of HTTP/2 in a header of its own."""
    first, _, second = visit.cookies.partition("; ")
    answer = visit.send("GET", "/sync", f"Cookie: x=1\r\nCookie: {second}\r\nCookie: {first}\r\n")
    assert "<span>mara.roy, admin</span>" in answer[1]


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (b"a=1; capa_sync_session=x.y-_Z9; b", b"capa_sync_session=x.y-_Z9"),
        (b"capa_sync_session=x;capa_sync_session=x", b"capa_sync_session=x"),
        (b"capa_sync_session=x; capa_sync_session=y", None),
        (b"capa_sync_session=x; capa_sync_session=y; ds_messages=z", b"ds_messages=z"),
        (b"capa_sync_session=x; capa_sync_session=\xff", b"capa_sync_session=x"),
        (b'capa_sync_session="x"', None),
        (b"capa_sync_session=" + b"x" * 5_000, None),
        (b"Capa_Sync_Session=x; ds_actor=x", None),
        (b"capa_sync_session", None),
        (b"", None),
    ],
)
def test_of_a_cookie_header_our_own_cookies_are_left(header: bytes, kept: bytes | None) -> None:
    """One that is there with two values is nobody's: the page cannot tell which of them is the visitor's."""
    given = [(b"host", b"h"), (b"cookie", header)]
    expected = [(b"host", b"h"), *([(b"cookie", kept)] if kept is not None else [])]
    assert with_own_cookies(given) == expected
    assert own_cookies(expected) == own_cookies(given)


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/waive", "/workshop/check"])
@pytest.mark.parametrize(
    "head",
    ["Authorization: Bearer x\r\n", "X-CSRFToken: x\r\n", "X-CSRFToken: \xe9\r\n", "authorization: Bearer \r\n"],
)
def test_no_header_takes_the_place_of_the_form_s_own_token(visit: Visit, path: str, head: str) -> None:
    """The form has to have it, whatever else is sent along."""
    for body in (b"do=check&rule=x", b"csrftoken=x", b"csrftoken=%C3%A9", "csrftoken=é".encode()):
        assert visit.form(path, head, body)[0] == 403
    assert "<span>mara.roy, admin</span>" in visit.send("GET", "/sync", f"Cookie: {visit.cookies}\r\n")[1]


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/waive", "/workshop/check"])
def test_a_form_that_is_none_is_the_sender_s_mistake(visit: Visit, path: str) -> None:
    """Another kind, bytes that are no text, a length that is none: one line, and nothing in the log."""
    proof = f"csrftoken={quote(visit.proof)}".encode()
    parts = (
        b'--x\r\nContent-Disposition: form-data; name="csrftoken"\r\n\r\n' + visit.proof.encode() + b"\r\n--x--\r\n"
    )
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "multipart/", "text/plain", "\xff"):
        assert visit.form(path, "", parts, kind) == (400, f"a form is sent as {URLENCODED}\n")
    for odd in (b"&token=\xff", b"&\xff=1", b"&rule=\xed\xa0\x80", b"&text=\xc3"):
        assert visit.form(path, "", proof + odd) == (400, "a form is text in UTF-8\n")
    for length in ("1048577", "9" * 19, "9" * 20, "1" * 5_000, "-1", "x", "1, 2", ""):
        status, text = visit.form(path, f"Content-Length: {length}\r\n", proof)
        assert (status in (400, 413), len(text.splitlines())) == (True, 1), length
    status, _ = visit.form(path, f"Content-Length: {len(proof) + 9}\r\n", proof, ends=True)
    assert status in (0, 400), "the body ended early"


def test_a_form_in_chunks_is_no_longer_than_any_other(visit: Visit) -> None:
    """Its Content-Length says less than comes."""
    chunk = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
    body = chunk * (LONGEST_FORM // 0x8000 + 1) + b"0\r\n\r\n"
    head = "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"
    assert visit.form("/sign-in", head, body)[0] in (400, 413)


@pytest.mark.parametrize(
    "kind",
    [
        URLENCODED,
        f"{URLENCODED}; charset=UTF-8",
        f"{URLENCODED};charset=utf-8",
        URLENCODED.upper(),
        f"{URLENCODED} ;",
    ],
)
def test_a_form_is_taken_however_its_kind_is_spelled(visit: Visit, kind: str) -> None:
    """Its values may be anything that is text."""
    body = urlencode({"csrftoken": visit.proof, "token": "é\u0000\u202e\ufffd", "next": "\n"}).encode()
    cookies = visit.cookies.partition(";")[0]
    head = f"Cookie: {cookies}\r\nContent-Type: {kind}\r\nX-Forwarded-For: 192.0.2.{len(kind)}\r\n"
    status, text = visit.send("POST", "/sign-in", head, body)
    assert (status, "No such token" in text) == (403, True)


@pytest.mark.parametrize(
    "path",
    [
        "/register/v_register?_next=99999999999999999999",
        "/register/v_register.json?_next=99999999999999999999",
        "/register/v_register.json?_facet=title&_facet_size=99999999999999999999",
        "/register/v_register.json?days_open__gt=99999999999999999999",
        f"/register/v_register.json?{'&'.join(['title__contains=a'] * 1_500)}"[:16_000],
        f"/register/v_register.json?title__glob={'*a' * 4_000}",
        f"/records?q={'x' * 55_000}",
        f"/records?owner={'x' * 17_000}",
        f"/?{'&'.join('abc')}&{'x=1&' * 5_000}",
    ],
    ids=lambda path: path[:60],
)
def test_a_parameter_that_nobody_can_use_is_the_sender_s_mistake(visit: Visit, path: str) -> None:
    """One line says so, or the value finds nothing."""
    status, text = visit.send("GET", path, f"Cookie: {visit.cookies}\r\n")
    assert status in (200, 400), text[:200]
    assert status == 200 or "Traceback" not in text


@pytest.mark.parametrize("odd", ["%ff", "%00", "%ed%a0%80", "'", "%27%22%3b--", "%", "&&&=&=x"])
@pytest.mark.parametrize(
    "path",
    [
        "/records?q=",
        "/records?owner=",
        "/record?source=paper&ticket=",
        "/register/v_register.json?title__contains=",
        "/register/v_register.csv?title=",
    ],
)
def test_odd_bytes_in_a_parameter_find_nothing(visit: Visit, path: str, odd: str) -> None:
    """No byte makes a page fail."""
    status, _ = visit.send("GET", path + odd, f"Cookie: {visit.cookies}\r\n")
    assert status in (200, 400, 404)


def test_a_visitor_s_mistake_is_none_of_the_register_s(visit: Visit) -> None:
    """Over a library of HTTP, as everybody sends it: the status and the one line."""
    answer = requests.get(f"{visit.site.url}register/v_register.json?_next=99999999999999999999", timeout=PATIENCE)
    expected = "this page cannot be shown with these parameters; open it without them\n"
    assert (answer.status_code, answer.text) == (400, expected)


def test_an_error_of_our_own_is_no_mistake_of_the_visitor(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With parameters in the address, too, it is logged and answered as ours; what Datasette refuses is not."""

    def broken(*_asked: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("capa_sync.web.records.conditions", broken)
    assert requests.get(f"{visit.site.url}records?q=x", timeout=PATIENCE).status_code == 500
    assert [record.getMessage() for record in caplog.records] == ["action=page_error path=/records error='KeyError'"]
    caplog.clear()
    assert requests.get(f"{visit.site.url}register/v_register.json?_size=x", timeout=PATIENCE).status_code == 400
    assert caplog.records == []
