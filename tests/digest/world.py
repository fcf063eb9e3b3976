"""A register with matters for every recipient, its settings, and a real mail server and web hook that receive."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from capa_sync.model.finding import Severity
from capa_sync.store import Register, open_register
from tests.unit.store.fake_parser import DAY, PARSER, SOURCE, T0, FakeTicket, page
from tests.unit.writeback.harness import finding

ROOT = Path(__file__).resolve().parents[2]
SECRET = "Zebrafish"
HOSTILE = "<script>alert(1)</script>\r\nBcc: evil@example.com <!channel> [x](http://evil.example)"
PASSWORD, TOKEN = "corr3ct-horse-battery", "hook-t0ken-0123456789"
PEOPLE = """people:
  ana: {name: Ana Meyer, email: ana@example.com, manager: mara, accounts: {paper: ana}}
  bo: {name: Bo Lind, email: bo@example.com, accounts: {paper: bo}}
  mara: {name: Mara Roy, email: mara@example.com, accounts: {paper: mara}}
  cleo: {name: Cleo Park, manager: mara, accounts: {paper: cleo}}
  gone: {name: Gil Gone, email: gil@example.com, active: no, accounts: {paper: gil}}
"""
_RULE = "root-cause-before-action"
_LATE = {"due_at": date(2026, 2, 20), "late_from": T0 - 9 * DAY}
RECORDS: Mapping[str, Mapping[str, object]] = {
    "1": {"title": "Access review missed", "owner": "Ana Meyer", "owner_id": "ana", **_LATE},
    "2": {"title": f"{SECRET} title", "owner": "Ana Meyer", "owner_id": "ana", "confidential": "yes", **_LATE},
    "3": {"title": "Badge lost", "owner": "Kim Ito", "owner_id": "paper:kim", **_LATE},
    "4": {
        "title": HOSTILE,
        "owner": "Bo Lind",
        "owner_id": "bo",
        "due_at": date(2026, 3, 5),
        "late_from": T0 + 3 * DAY,
    },
    "5": {"title": "Backups untested", "owner": "Ana Meyer", "owner_id": "ana", "grade": "major"},
    "6": {"title": "Old key", "owner": "Gil Gone", "owner_id": "gone"},
    "7": {"title": "Audit near", "owner": "Cleo Park", "owner_id": "cleo", "cb_deadline": date(2026, 3, 10)},
}
"""Ticket -> columns of its row that differ from a plain one."""
WARNINGS = (("1", Severity.HIGH, 10), ("2", Severity.HIGH, 1), ("5", Severity.MEDIUM, 40), ("7", Severity.LOW, 2))
"""Ticket, severity and age in days of open warnings."""


def fill(register: Register) -> None:
    """Store the records and warnings; the source is read until `T0`."""
    run = register.runs.start(SOURCE, "changes", T0)
    readings = [FakeTicket(number, f"CAPA-{number}", {"summary": "x"}).reading() for number in RECORDS]
    register.facts.declare(SOURCE, "jira", "https://paper.example")
    register.tickets.commit_page(SOURCE, page(*readings), T0, run, PARSER)
    register.runs.finish(run, T0, ok=True, as_of=T0)
    register.records.give_numbers(SOURCE, dict.fromkeys(RECORDS, 2026))
    for number, columns in RECORDS.items():
        plain: dict[str, Any] = {
            "ticket_key": f"CAPA-{number}",
            "ticket_url": f"https://paper.example/browse/CAPA-{number}",
            "claimed_stage": "planned",
            "confidential": "no",
        }
        register.records.save_row(SOURCE, number, plain | dict(columns))
    for number, severity, days in WARNINGS:
        words = f"{SECRET} message" if number == "2" else "No cause is recorded."
        register.findings.save(
            [
                finding(
                    _RULE,
                    source=SOURCE,
                    ticket_id=number,
                    severity=severity,
                    opened_at=T0 - days * DAY,
                    message=words,
                    fix=words,
                )
            ]
        )


@dataclass
class MailServer:
    """A real SMTP server; what it does with a message is a setting.

    Attributes:
        received: recipient and parsed message, in order. answer: to the whole message; "" closes the connection after
            the message was taken. is_silent: it takes the message and does not answer.
    """

    received: list[tuple[str, Message]] = field(default_factory=list)
    answer: str = "250 OK"
    is_silent: bool = False
    port: int = 0

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Refuse a sender who did not sign in."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message."""
        content = message_from_bytes(bytes(envelope.content or b""), policy=modern)
        self.received += [(to, content) for to in envelope.rcpt_tos]
        while self.is_silent:
            await asyncio.sleep(0.05)
        if not self.answer and server.transport is not None:
            server.transport.close()
        return self.answer

    def texts(self, recipient: str) -> tuple[str, str]:
        """Return the plain text and the HTML of the only message to a recipient."""
        [found] = [content for to, content in self.received if to == recipient]
        plain, html = found.get_payload()  # type: ignore[misc]
        return plain.get_content(), html.get_content()  # type: ignore[union-attr]

    @property
    def recipients(self) -> list[str]:
        """Return whom messages went to."""
        return sorted(to for to, _content in self.received)


def _is_known(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: object) -> AuthResult:
    return AuthResult(success=isinstance(given, LoginPassword) and given.password == PASSWORD.encode())


class _AnyPort(Controller):
    """A controller that takes a free port."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a mail server on a free port, which demands the password."""
    server = MailServer()
    controller = _AnyPort(server, hostname="127.0.0.1", port=0, auth_require_tls=False, authenticator=_is_known)
    controller.start()
    try:
        server.port = controller.port
        yield server
    finally:
        controller.stop()


@contextmanager
def refusing_mail_server(certificate: ssl.SSLContext | None) -> Iterator[MailServer]:
    """Run a mail server that knows no sign-in; without a certificate, no encryption either."""
    server = MailServer()
    controller = _AnyPort(server, hostname="127.0.0.1", port=0, tls_context=certificate)
    controller.start()
    try:
        server.port = controller.port
        yield server
    finally:
        controller.stop()


@dataclass
class Hook:
    """A real web hook; `status` is what it answers, 0 closes the connection after the request was read."""

    received: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    port: int = 0


@contextmanager
def web_hook() -> Iterator[Hook]:
    """Run a web hook on a free port."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        """Notes what it gets."""

        def do_POST(self) -> None:
            """Take a message."""
            hook.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if hook.status:
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.connection.close()

        def log_message(self, *_arguments: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


SETTINGS = """register = "register.db"
rules = ["{rules}/root-cause-before-action.yaml"]
timezone = "Europe/London"

[digest]
mail_env = "DIGEST_MAIL"
{more}
[digest.targets.team]
url_env = "TEAM_HOOK"

[sources.paper]
kind = "jira"
url = "http://127.0.0.1:9"
query = "project = CAPA"
mapping = "jira-cloud.yaml"
poll_every = "1s"
auth = {{ method = "pat", token_env = "PAPER_TOKEN" }}
"""


@dataclass
class DigestWorld:
    """A folder with settings, people, mapping and register, and the two servers that receive."""

    folder: Path
    mail: MailServer
    hook: Hook

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables that the settings name."""
        return {
            "DIGEST_MAIL": f"mailto://capa:{PASSWORD}@127.0.0.1:{self.mail.port}?from=capa@example.com",
            "TEAM_HOOK": f"json://127.0.0.1:{self.hook.port}/{TOKEN}",
            "PAPER_TOKEN": "paper-t0ken-0123456789",
        }

    @property
    def settings(self) -> Path:
        """Return the settings file."""
        return self.folder / "capa-sync.toml"

    def write(self, more: str = "") -> None:
        """Write all files; `more`: further lines of `[digest]`."""
        self.folder.mkdir(exist_ok=True)
        self.settings.write_text(SETTINGS.format(rules=ROOT / "rules", more=more), encoding="utf-8")
        mapping = (ROOT / "mappings" / "jira-cloud.yaml").read_text(encoding="utf-8")
        (self.folder / "jira-cloud.yaml").write_text(mapping, encoding="utf-8")
        (self.folder / "people.yaml").write_text(PEOPLE, encoding="utf-8")
        with open_register(self.folder / "register.db", clock_now=T0) as register:
            fill(register)

    def open(self) -> Register:
        """Open the register."""
        return open_register(self.folder / "register.db", clock_now=T0 + timedelta(days=1))
