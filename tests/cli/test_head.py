"""The head of the chain is published as text, as a tag, and with the signature of a real time-stamping authority."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from capa_sync.cli.app import cli
from capa_sync.errors import NotPublished, UserError
from capa_sync.publishing import time_stamps
from capa_sync.store import open_register
from tests.unit.store.fake_parser import T0
from tests.unit.store.test_chain import PAGE, fill

AUTHORITY = """
[req]
distinguished_name = name
x509_extensions = stamping
[name]
[stamping]
basicConstraints = critical, CA:true
extendedKeyUsage = critical, timeStamping
[tsa]
serial = serial
digests = sha256
signer_digest = sha256
default_policy = 1.2.3.4
"""
ISSUE = "openssl req -x509 -newkey rsa:2048 -nodes -keyout {0}.key -out {0}.pem -days 2 -subj /CN={0} -config tsa.cnf"
REPLY = "openssl ts -reply -config tsa.cnf -section tsa -queryfile query -inkey tsa.key -signer tsa.pem"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with settings and a register, as the current one."""
    with open_register(tmp_path / "register.db", clock_now=T0) as register:
        fill(register)
    (tmp_path / "capa-sync.toml").write_text("", encoding="ascii")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a time-stamping authority, with a certificate of its own and one of another."""
    place = tmp_path_factory.mktemp("authority")
    (place / "tsa.cnf").write_text(AUTHORITY, encoding="ascii")
    (place / "serial").write_text("01", encoding="ascii")
    for name in ("tsa", "other"):
        run(place, ISSUE.format(name))
    return place


@pytest.fixture(scope="module")
def authority(certificates: Path) -> Iterator[str]:
    """Run openssl as a time-stamping authority behind HTTP; give its address. Some paths answer wrongly."""

    class Authority(BaseHTTPRequestHandler):
        """Answers as the test asks."""

        def do_POST(self) -> None:
            """Answer a request for a time stamp."""
            assert self.headers["Content-Type"] == "application/timestamp-query"
            (certificates / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/late":  # the answer to another request
                run(certificates, "openssl ts -query -digest " + 64 * "a" + " -sha256 -cert -out query")
            run(certificates, f"{REPLY} -out answer")
            content = (certificates / "answer").read_bytes() if self.path != "/broken" else b"<html>"
            self.send_response(404 if self.path == "/absent" else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: object) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Authority)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def run(place: Path, command: str) -> str:
    """Run a program; return what it printed."""
    return subprocess.run(shlex.split(command), cwd=place, capture_output=True, check=True, text=True).stdout


def verb(*words: str, code: int = 0) -> str:
    """Run a verb; return what it printed."""
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert done.exception is None, done.exception
    assert (done.return_value or 0) == code, done.output
    return done.output


def refused(*words: str) -> Exception:
    """Run a verb that must fail; return why."""
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert isinstance(done.exception, Exception), done.output
    return done.exception


def forge(folder: Path) -> None:
    """Make the register anew, as somebody who owns the machine can, with a chain that is whole."""
    for file in folder.glob("register.db*"):
        file.unlink()
    with open_register(folder / "register.db", clock_now=T0) as register:
        fill(register)


def test_a_time_stamp_is_proven_by_openssl_and_by_us(folder: Path, certificates: Path, authority: str) -> None:
    """Neither another text, nor another authority, nor a register that was made anew passes."""
    name = json.loads(verb("register", "head", "--time-stamp", authority, "--output", "head.txt", "--json"))
    assert name["time_stamp"] == "head.txt.tsr"
    roots = str(certificates / "tsa.pem")
    (by_openssl,) = (line for line in PAGE.splitlines() if line.startswith("openssl ts"))
    assert "Verification: OK" in run(folder, by_openssl.replace("tsa-ca.pem", roots))
    against = ("verify", "--against", "head.txt", "--tsa-ca")
    shown = verb(*against, roots)
    assert "it has the 1 noted head" in shown
    assert "by the time stamp of CN=tsa" in shown
    assert "--tsa-ca CA.pem proves since when" in verb(*against[:-1])
    assert "does not prove this text" in verb(*against, str(certificates / "other.pem"), code=5)
    text = (folder / "head.txt").read_text(encoding="ascii")
    (folder / "head.txt").write_text(text.replace("at 20", "at 19"), encoding="ascii")
    assert "does not prove this text" in verb(*against, roots, code=5)
    (folder / "head.txt").write_text(text, encoding="ascii")
    forge(folder)
    assert "its hash is not the noted one" in verb(*against, roots, code=5)


def test_without_a_time_stamp_nothing_is_written(folder: Path, authority: str) -> None:
    """An authority that refuses, answers nonsense or to something else, or is not there: one line, no file."""
    places = [f"{authority}/absent", f"{authority}/broken", f"{authority}/late", "http://127.0.0.1:1/", "http://a:b/"]
    for place in (*places, "file:///etc/hostname", "http://ann:secret@127.0.0.1/"):
        reason = refused("register", "head", "--time-stamp", place, "--output", "head.txt")
        assert isinstance(reason, NotPublished if place in places else UserError), place
        assert "\n" not in str(reason)
        assert not list(folder.glob("head.txt*"))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n"
SLOWLY = {
    "body": (HEAD + b"Content-Length: 9999\r\n\r\n", b"x"),
    "headers": (HEAD, b"x"),
    "interim": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
"""How an authority begins its answer, and what it repeats, a piece now and then."""


@contextmanager
def answering(begin: bytes, piece: bytes, pause: float) -> Iterator[str]:
    """Run an authority that takes the question and answers so, without end; give its address."""
    over = Event()

    class Authority(BaseHTTPRequestHandler):
        """Answers as the test asks."""

        def do_POST(self) -> None:
            """Answer without end."""
            self.rfile.read(int(self.headers["Content-Length"]))
            self.close_connection = True
            with suppress(OSError):
                self.connection.sendall(begin)
                while piece and not over.wait(pause):
                    self.connection.sendall(piece)

        def log_message(self, *_words: object) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Authority)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    over.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", [*SLOWLY])
def test_an_authority_that_answers_slowly_ends_at_the_deadline(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each piece comes in time, the whole never: one line, no file."""
    monkeypatch.setattr(time_stamps, "_PATIENCE", 1.0)
    with answering(*SLOWLY[name], pause=0.05) as place:
        reason = refused("register", "head", "--time-stamp", place, "--output", "head.txt")
    assert str(reason) == f"{place}: no time stamp: the answer did not end within 1 seconds"
    assert not list(folder.glob("head.txt*"))


def test_what_an_authority_takes_into_memory_is_bounded(folder: Path) -> None:
    """The answer is not read to its end."""
    with answering(HEAD + b"\r\n", bytes(1 << 20), pause=0) as place:
        reason = refused("register", "head", "--time-stamp", place, "--output", "head.txt")
    assert str(reason) == f"{place}: the answer is larger than 1,048,576 bytes"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_of_an_authority_is_followed(folder: Path, authority: str, status: int) -> None:
    """An answer from elsewhere would not be of this authority; the line says what to name."""
    begin = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {authority}/\r\nContent-Length: 0\r\n\r\n".encode()
    with answering(begin, b"", pause=0) as place:
        reason = refused("register", "head", "--time-stamp", place, "--output", "head.txt")
    assert "a redirect, which is not followed: name the final address" in str(reason)


HOSTILE = "no\x1b[2J\r\nFATAL: \u202eall is well\x07"


def test_the_words_of_an_authority_are_one_short_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They control no terminal and make no line of ours: in a refusal, in HTTP, and in the library's errors."""
    library = time_stamps._library()
    refusal = SimpleNamespace(status=2, status_string=[HOSTILE, "y" * 9999])
    with monkeypatch.context() as patched, answering(HEAD + b"\r\n", b"", pause=0) as place:
        patched.setattr(library, "decode_timestamp_response", lambda _answer: refusal)
        assert_plain(refused("register", "head", "--time-stamp", place, "--output", "head.txt"))

        def fails(_answer: bytes) -> None:
            raise ValueError(HOSTILE)

        patched.setattr(library, "decode_timestamp_response", fails)
        assert_plain(refused("register", "head", "--time-stamp", place, "--output", "head.txt"))
    for begin in (f"HTTP/1.1 500 {HOSTILE[:8]}\r\n\r\n", f"{HOSTILE}\r\n\r\n"):
        with answering(begin.encode("utf-8"), b"", pause=0) as place:
            assert_plain(refused("register", "head", "--time-stamp", place, "--output", "head.txt"))


def assert_plain(reason: Exception) -> None:
    """Fail where an error's text has what a terminal obeys, or no end."""
    assert str(reason).isprintable()
    assert "\u202e" not in str(reason)
    assert len(str(reason)) < 400


def test_a_tag_is_made_once_pushed_and_a_register_made_anew_does_not_pass(folder: Path) -> None:
    """The tag's message has the head; a tag of the same number with another hash is refused."""
    for command in (
        "git init -q audit",
        "git init -q --bare elsewhere.git",
        "git -C audit config user.name ann",
        "git -C audit config user.email ann@example.com",
        "git -C audit commit -q --allow-empty -m start",
    ):
        run(folder, command)
    words = ("register", "head", "--git", "audit", "--push", str(folder / "elsewhere.git"))
    assert " says " in verb(*words)
    assert "said already" in verb(*words)
    secret, shown = "https://ann:pass-word@git.example/x.git?token=pass-word", "https://git.example/x.git"
    run(folder, f"git -C audit config url.{folder / 'elsewhere.git'}.insteadOf {secret}")
    assert verb(*words[:-1], secret).endswith(f", pushed to {shown}\n")
    failed = str(refused(*words[:-1], "http://ann:pass-word@127.0.0.1:1/x.git"))
    assert ("pass-word" in failed, "//127.0.0.1:1/x.git" in failed) == (False, True)
    (tag,) = run(folder, "git -C elsewhere.git tag").splitlines()
    (folder / "tag.txt").write_text(run(folder, f"git -C elsewhere.git tag -n9 {tag}"), encoding="ascii")
    assert "it has the 1 noted head" in verb("verify", "--against", "tag.txt")
    register_id = tag.split("-")[2]
    forge(folder)
    assert "its hash is not the noted one" in verb("verify", "--against", "tag.txt", code=5)
    renamed = json.loads(verb("register", "head", "--json"))["text"].split()
    forged = f"capa-head-{register_id}-{renamed[0].partition(':')[0]}"
    assert tag == forged  # the same number
    assert isinstance(refused("register", "head", "--git", "nowhere"), NotPublished)
    assert isinstance(refused("register", "head", "--push", "origin"), UserError)


def test_the_text_for_a_mail_is_understood_with_the_mails_own_lines(folder: Path) -> None:
    """Headers, signatures and times in it are no heads."""
    text = verb("register", "head")
    mail = f"Date: Mon, 2 Mar 2026 10:15:00 +0000\nSubject: capa-sync head 9:15\n\n10:15 hello\n{text}\n-- \nann\n"
    (folder / "mail.eml").write_text(mail, encoding="ascii")
    assert "it has the 1 noted head" in verb("verify", "--against", "mail.eml")
    done = CliRunner().invoke(cli, ["verify", "--against", "-"], input=mail, standalone_mode=False)
    assert done.return_value == 0
