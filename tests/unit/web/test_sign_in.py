"""Who may see what: tokens, sessions, a trusted proxy, the reader on loopback, and what each of them gets."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from capa_sync.cli.page_access import TokensFile, VisitRecorder
from capa_sync.daemon.requests import carry_out_requests
from capa_sync.errors import RegisterUnavailable, SettingsError
from capa_sync.model.page import PageOptions
from capa_sync.model.page_access import PageAccess, TrustedProxy, VisitKind
from capa_sync.model.visitor import AccessRole
from capa_sync.settings.page_tokens import new_token
from capa_sync.store import RegisterLock, open_register
from capa_sync.web import RegisterPage, serve_register
from capa_sync.web.sign_ins import ATTEMPTS
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import SOURCE, T0
from tests.unit.web.conftest import SECRET
from tests.unit.writeback.harness import ManualClock

PUBLIC = "capa.example.com"
THROUGH = {"Host": PUBLIC, "X-Forwarded-Proto": "https"}
PROXY_SECRET = "0123456789abcdef0123456789abcdef"
PROXY = TrustedProxy("x-user", "x-proof", PROXY_SECRET, frozenset({"mara.roy"}), frozenset({"ann.lee"}))
WARNED = f"record?source={SOURCE}&ticket=2"
EXITS = (
    "", "records", f"records?q={SECRET}", WARNED, "rules", "trends", "sync", "register",
    *(f"register/{view}{form}" for view in ("v_register", "v_findings", "v_changes", "v_actions", "v_waivers",
      "v_writes", "v_today", "v_cannot_tell", "v_episodes", "v_disagreements", "v_tickets")
      for form in ("", ".csv", ".json")),
    "register/v_register.json?_facet=title&_facet=owner", "register/v_register?_facet=title",
)  # fmt: skip
"""Every exit of the page: our pages, the search, rows, facets, CSV and JSON."""


@dataclass
class World:
    """A page with a file of tokens, a clock, and what it recorded."""

    site: RegisterPage
    tokens: dict[str, str]
    file: Path
    clock: ManualClock
    recorded: list[tuple[VisitKind, dict[str, object]]] = field(default_factory=list)

    def session(self, name: str, **headers: str) -> requests.Session:
        """Return a browser's session in which a person has signed in."""
        session = requests.Session()
        assert self.send_token(session, self.tokens[name], headers).status_code == 303
        return session

    def send_token(
        self, session: requests.Session, token: str, headers: dict[str, str] | None = None, way_back: str = "/"
    ) -> requests.Response:
        """Open the form, and send it."""
        form = session.get(self.site.url + "sign-in", headers=headers, timeout=PATIENCE)
        for cookie in session.cookies:
            vars(cookie)["secure"] = False  # the proxy that has TLS is not here
        proof = re.search(r'name="csrftoken" value="([^"]+)"', form.text)
        assert proof is not None
        given = {"csrftoken": proof[1], "token": token, "next": way_back}
        return session.post(
            self.site.url + "sign-in", data=given, headers=headers, timeout=PATIENCE, allow_redirects=False
        )

    def get(self, path: str, **more: Any) -> requests.Response:
        """Ask for a page without a session, and follow no redirect."""
        return requests.get(self.site.url + path, timeout=PATIENCE, allow_redirects=False, **more)


@pytest.fixture(scope="module")
def world(register_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Serve the register to a reader, an auditor, an admin, and to whom a proxy names."""
    file = tmp_path_factory.mktemp("auth") / "page-tokens"
    tokens, lines = {}, ["# who may sign in"]
    for role in AccessRole:
        tokens[role.value], line = new_token(role.value, role, None)
        lines.append(line)
    tokens["gone"], line = new_token("gone", AccessRole.ADMIN, date(2026, 3, 3))
    file.write_text("\n".join([*lines, line]) + "\n", encoding="utf-8")
    clock, recorded = ManualClock(T0), []
    access = PageAccess(
        TokensFile(file, file.name),
        PROXY,
        timedelta(hours=12),
        lambda kind, what: recorded.append((kind, dict(what))),
    )
    site = serve_register(
        register_file, "127.0.0.1:0", PageOptions(clock=clock, public_url=f"https://{PUBLIC}/", access=access)
    )
    yield World(site, tokens, file, clock, recorded)
    site.stop()


@pytest.mark.parametrize("role", [AccessRole.READER, AccessRole.AUDITOR])
def test_what_is_confidential_is_shown_by_role_at_every_exit(world: World, role: AccessRole) -> None:
    """A planted word in a confidential ticket is on no page and in no file for a reader, and there for an auditor."""
    session = world.session(role.value)
    found = {path for path in EXITS if SECRET in session.get(world.site.url + path, timeout=PATIENCE).text}
    if role is AccessRole.READER:
        assert found == {f"records?q={SECRET}"}, "the form repeats what was searched"
        assert ">0</strong> record" in session.get(f"{world.site.url}records?q={SECRET}", timeout=PATIENCE).text
    else:
        assert {"records", WARNED, "register/v_register.csv", "register/v_findings.json"} <= found
        assert found >= {path for path in EXITS if "v_register" in path}
        text = session.get(world.site.url + WARNED, timeout=PATIENCE).text
        assert "its texts are shown to you, and not to readers" in text


def test_loopback_is_a_reader_and_everybody_else_signs_in(world: World) -> None:
    """Without a session: masked rows on this machine, the form through the proxy; a stranger sees no page at all."""
    assert SECRET not in world.get("register/v_register.csv").text
    assert world.get("records").status_code == 200
    for more in (THROUGH, {"X-Forwarded-For": "192.0.2.7"}, {"Via": "1.1 proxy"}):
        answer = world.get(f"records?q=a%20b&owner={SECRET}", headers=more)
        assert (answer.status_code, answer.text) == (303, "")
        assert answer.headers["location"] == "/sign-in?next=%2Frecords%3Fq%3Da%2520b%26owner%3D" + SECRET
        for path in ("register/v_register.csv", "register.json"):
            assert world.get(path, headers=more).status_code == 401
        assert "paper" not in world.get("sign-in", headers=more).text
        assert world.get("nothing", headers=more).status_code == 404


def test_a_session_cookie_is_for_the_server_alone_and_leads_back_to_what_was_asked(world: World) -> None:
    """HttpOnly, SameSite, Secure through TLS; the way back is an address of ours, whatever the form says."""
    for headers, way_back, expected in (
        (THROUGH, "/records?q=a", "/records?q=a"),
        (None, "https://evil.example/", "/"),
        (None, "//evil.example/records", "/"),
        (None, "/sign-in", "/"),
        (None, "/records\\@evil.example", "/"),
        (None, "/records?q=a\r\nSet-Cookie: x=y", "/"),
    ):
        answer = world.send_token(requests.Session(), world.tokens["reader"], headers, way_back)
        cookie = answer.headers["set-cookie"]
        assert answer.headers["location"] == expected
        assert re.match(r"capa_sync_session=\S+; HttpOnly; Path=/; SameSite=lax", cookie)
        assert ("Secure" in cookie) is (headers is not None)


def test_a_session_ends_with_its_time_its_token_its_line_and_a_sign_out(world: World) -> None:
    """Each end counts at the next request; another signature never counts."""
    whoami = re.compile(r"<span>(\w+), (\w+)</span>")

    def seen(session: requests.Session) -> list[tuple[str, str]]:
        return whoami.findall(session.get(world.site.url + "sync", timeout=PATIENCE).text)

    session, text = world.session("admin"), world.file.read_text(encoding="utf-8")
    assert seen(session) == [("admin", "admin")]
    try:
        world.file.write_text(re.sub(r"(?m)^admin admin", "admin auditor", text), encoding="utf-8")
        assert seen(session) == [("admin", "auditor")]
        world.file.write_text(re.sub(r"(?m)^admin .*\n", "", text), encoding="utf-8")
        assert seen(session) == []
    finally:
        world.file.write_text(text, encoding="utf-8")
    assert seen(session) == [("admin", "admin")]
    ended = world.session("gone")
    assert seen(ended) == [("gone", "admin")]
    copy = session.cookies.get_dict()
    proof = re.search(r'csrftoken" value="([^"]+)"', session.get(world.site.url, timeout=PATIENCE).text)
    assert proof is not None
    session.post(world.site.url + "sign-out", data={"csrftoken": proof[1]}, timeout=PATIENCE)
    assert seen(session) == []
    session.cookies.update(copy)
    assert seen(session) == [], "a copy of the cookie ends with the session"
    forged = requests.Session()
    forged.cookies.set("capa_sync_session", copy["capa_sync_session"][:-2] + "xx")
    assert seen(forged) == []
    later = world.session("reader")
    world.clock.at += timedelta(hours=12)
    try:
        assert (seen(later), seen(ended)) == ([], [])
        world.clock.at += timedelta(hours=36)
        assert world.send_token(requests.Session(), world.tokens["gone"]).status_code == 403
    finally:
        world.clock.at = T0


@pytest.mark.parametrize(
    ("headers", "role"),
    [
        ({"X-User": "mara.roy", "X-Proof": PROXY_SECRET}, "admin"),
        ({"X-User": "ann.lee", "X-Proof": PROXY_SECRET}, "auditor"),
        ({"X-User": "bob@example.com", "X-Proof": PROXY_SECRET}, "reader"),
        ({"X-User": "mara.roy", "X-Proof": PROXY_SECRET[:-1]}, None),
        ({"X-User": "mara.roy", "X-Proof": "é"}, None),
        ({"X-User": "mara.roy"}, None),
        ({"X-Proof": PROXY_SECRET}, None),
        ({"X-User": "mara roy", "X-Proof": PROXY_SECRET}, None),
        ({"X-User": "x" * 101, "X-Proof": PROXY_SECRET}, None),
    ],
)
def test_a_proxy_is_believed_by_its_secret_alone(world: World, headers: dict[str, str], role: str | None) -> None:
    """Who knows the header but not the secret is nobody, and has to sign in."""
    answer = world.get("sync", headers={name: v.encode() for name, v in {**THROUGH, **headers}.items()})
    assert answer.status_code == (303 if role is None else 200)
    if role is not None:
        assert f"<span>{headers['X-User']}, {role}</span>" in answer.text


def test_sign_ins_and_files_taken_are_recorded_once(world: World) -> None:
    """One event for a sign-in, one for what a proxy names in twelve hours, one for the same file in an hour."""
    world.recorded.clear()
    session = world.session("auditor")
    proxied = {**THROUGH, "X-User": "recorded", "X-Proof": PROXY_SECRET}
    for path in ("register/v_register.csv?grade=major", "register/v_register.csv?grade=major", "records"):
        session.get(world.site.url + path, timeout=PATIENCE)
        world.get(path, headers=proxied)
    world.get("register/v_sources.json")
    taken = {"verb": "page", "view": "v_register", "format": "csv", "query": "grade=major"}
    assert world.recorded == [
        (VisitKind.SIGN_IN, {"by": "auditor", "role": "auditor", "way": "token"}),
        (VisitKind.EXPORT, {**taken, "by": "auditor", "role": "auditor"}),
        (VisitKind.SIGN_IN, {"by": "recorded", "role": "reader", "way": "proxy"}),
        (VisitKind.EXPORT, {**taken, "by": "recorded", "role": "reader"}),
        (VisitKind.EXPORT, {**taken, "view": "v_sources", "format": "json", "query": "", "by": "", "role": "reader"}),
    ]  # fmt: skip


def test_many_wrong_tokens_hold_up_further_ones_for_a_minute(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """After ten failures within a minute a right token is not looked at either; each failure is a log line."""
    caplog.set_level(logging.WARNING)
    world.clock.at += timedelta(minutes=5)
    answers = [world.send_token(requests.Session(), f"capa_{n}").status_code for n in range(ATTEMPTS + 1)]
    assert answers == [403] * (ATTEMPTS - 1) + [429] * 2
    assert world.send_token(requests.Session(), world.tokens["admin"]).status_code == 429
    assert "action=sign_in_refused address='127.0.0.1' held=False" in caplog.text
    assert "capa_1" not in caplog.text
    elsewhere = {**THROUGH, "X-Forwarded-For": "203.0.113.9, 192.0.2.7"}
    assert world.send_token(requests.Session(), "capa_0", elsewhere).status_code == 403
    assert "address='192.0.2.7 by 127.0.0.1' held=False" in caplog.text
    world.clock.at += timedelta(minutes=1)
    assert world.send_token(requests.Session(), world.tokens["admin"]).status_code == 303


def test_a_form_without_the_page_s_own_token_changes_nothing(world: World) -> None:
    """Another site can make a browser send a form with its cookies, but does not know the field's value."""
    session = world.session("admin")
    for data in ({}, {"csrftoken": "x"}):
        answer = session.post(world.site.url + "sign-out", data=data, timeout=PATIENCE, allow_redirects=False)
        assert answer.status_code == 403
    crossed = {"Sec-Fetch-Site": "cross-site"}
    assert session.post(world.site.url + "sign-out", headers=crossed, timeout=PATIENCE).status_code == 403
    assert "<span>admin, admin</span>" in session.get(world.site.url, timeout=PATIENCE).text


def test_a_mistake_in_the_file_of_tokens_lets_nobody_in(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The log names file and line; who is signed in waits too, since a line may have been taken away."""
    session, text = world.session("admin"), world.file.read_text(encoding="utf-8")
    try:
        world.file.write_text(text + "mara.roy boss sha256:" + "0" * 64 + "\n", encoding="utf-8")
        caplog.clear()
        assert session.get(world.site.url, timeout=PATIENCE).status_code == 500
        assert "page-tokens:6" in caplog.text
    finally:
        world.file.write_text(text, encoding="utf-8")
    assert session.get(world.site.url, timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize(
    ("listen", "public_url", "is_on", "expected"),
    [
        ("0.0.0.0:0", "https://capa.example.com/", True, None),
        ("0.0.0.0:0", "", True, "say in public_url"),
        ("0.0.0.0:0", "https://capa.example.com/", False, r"write \[web.auth\], without which nobody can"),
        ("[::]:0", "", False, r"write \[web.auth\], without which nobody can"),
        ("example.org:0", "https://capa.example.com/", True, "is not an address and port"),
    ],
)
def test_other_addresses_are_served_with_a_sign_in_alone(
    register_file: Path, world: World, listen: str, public_url: str, is_on: bool, expected: str | None
) -> None:
    """Every address of the machine needs [web.auth], and public_url for the Host header."""
    access = PageAccess(TokensFile(world.file, "t")) if is_on else PageAccess()
    options = PageOptions(public_url=public_url, access=access)
    if expected is not None:
        with pytest.raises(SettingsError, match=expected):
            serve_register(register_file, listen, options)
        return
    site = serve_register(register_file, listen, options)
    try:
        assert site.url.startswith("http://127.0.0.1:")
        assert requests.get(site.url, timeout=PATIENCE).status_code == 200
        through = {"Host": "capa.example.com"}
        answer = requests.get(site.url, headers=through, timeout=PATIENCE, allow_redirects=False)
        assert answer.headers["location"] == "/sign-in"
        for host in ("0.0.0.0", "evil.example"):
            assert requests.get(site.url, headers={"Host": host}, timeout=PATIENCE).status_code == 421
    finally:
        site.stop()


@pytest.mark.parametrize("has_daemon", [True, False], ids=["beside a daemon", "alone"])
def test_an_event_is_a_request_that_the_daemon_carries_out(
    register_file: Path, tmp_path: Path, has_daemon: bool
) -> None:
    """The page leaves who, what and when for the chain; without a daemon it carries the request out itself."""
    path = tmp_path / "register.db"
    path.write_bytes(register_file.read_bytes())
    with RegisterLock(path) if has_daemon else nullcontext():
        VisitRecorder(path, ManualClock(T0))(VisitKind.SIGN_IN, {"by": "mara.roy"})
    with open_register(path, clock_now=T0, create=False) as register:
        assert bool(register.requests.waiting()) is has_daemon
        before = register.chain.head_at(T0)
        later = ManualClock(T0 + timedelta(minutes=1))
        runtime: Any = SimpleNamespace(register=register, clock=later, contexts={"paper": None}, rule_files=None)
        assert carry_out_requests(runtime) == []
        assert register.requests.waiting() == []
        assert register.chain.head_at(later.now()) == before, "what an export shows does not depend on visits"
        assert register.verify().broken == 0
    with sqlite3.connect(path) as connection:
        newest = connection.execute("SELECT kind, text FROM event ORDER BY number DESC").fetchone()
    connection.close()
    assert newest == ("sign_in", '{"at":"2026-03-02T09:00:00Z","by":"mara.roy"}')
    with pytest.raises(RegisterUnavailable):
        VisitRecorder(tmp_path / "none.db", ManualClock(T0))(VisitKind.SIGN_IN, {})
