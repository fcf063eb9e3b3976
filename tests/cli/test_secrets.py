"""Secrets reach no output, log or register: echoed by a tracker, written in the wrong key, or readable by others."""

from __future__ import annotations

import base64
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from capa_sync.errors import SettingsError
from capa_sync.sandbox.http import Reply, Request
from capa_sync.sandbox.servicenow import INTEGRATION_USER
from capa_sync.settings import load_settings
from capa_sync.settings.secrets import exposed_files, secret_of
from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import Child
from tests.daemon.harness import Harness

SECRET = "Zf9/k+Qp=0&ü-much-too-secret"
TOKEN = SECRET.replace("ü", "u")
PASSWORD = "Zf9/k+Q0"
SOURCES = ("jira", "jira-dc", "servicenow")


def echo(sent: Request, status: int) -> Reply:
    """Answer with the sent header, plain and decoded, padded so that cutting the text may cut within the secret."""
    header = sent.header("authorization")
    words = [header, *(header.split()[1:])]
    if header.startswith("Basic "):
        words.append(base64.b64decode(header.removeprefix("Basic ")).decode("utf-8", "replace"))
    credentials = " ".join(words)
    places = [f"{'x' * pad}{credentials}" for pad in (0, 250, 280)]
    places.append(quote(credentials, safe=""))
    return Reply(
        status,
        {
            "errorMessages": places,
            "errors": {credentials: credentials},
            "error": {"message": places[1], "detail": places[0]},
        },
    )


def everything(harness: Harness, *children: Child) -> str:
    """Return all output of these processes and all content of the register."""
    texts = [child.out + child.err for child in children]
    texts += [file.read_bytes().decode("utf-8", "replace") for file in harness.folder.glob("register.db*")]
    return "\n".join(texts)


def demand_none(text: str, secret: str, *users: str) -> None:
    """Assert that the text contains neither a form of a secret nor a revealing part of it."""
    assert secret not in text
    for user in users:
        pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
        for start in range(len(pair) - 20):
            assert pair[start : start + 20] not in text
    assert secret[:12] not in text
    assert quote(secret, safe="")[:16] not in text


USERS = ("capa-sync@example.com", "capa_sync")


@pytest.fixture
def harness(make_harness: MakeHarness) -> Iterator[Harness]:
    """All three trackers with a ticket each."""
    harness = make_harness(rules=("root-cause-before-action",))
    for source in harness.names:
        harness.create_clean(source)
    yield harness
    for server in harness.servers.values():
        server.after.clear()


@pytest.mark.parametrize("status", [400, 403])
def test_a_header_that_a_tracker_echoes_is_stored_and_shown_nowhere(harness: Harness, status: int) -> None:
    """After reads of all three trackers neither the output nor the register contains it."""

    def after(sent: Request, reply: Reply) -> None:
        echoed = echo(sent, status)
        reply.status, reply.body, reply.headers = echoed.status, echoed.body, echoed.headers

    for server in harness.servers.values():
        server.after.append(after)
    env = {"JIRA_TOKEN": TOKEN, "SERVICENOW_PASSWORD": SECRET}
    done = harness.run("sync", **env)
    assert done.code == 3
    others = [
        harness.run(*verb, **env) for verb in (("status",), ("status", "--json"), ("plan",), ("sync", "--json"))
    ]
    text = everything(harness, done, *others)
    assert "[secret removed]" in text
    demand_none(text, SECRET, *USERS)
    demand_none(text, TOKEN, *USERS)


@pytest.mark.parametrize("status", [400, 403])
def test_a_header_that_a_tracker_echoes_at_a_write_is_stored_and_shown_nowhere(harness: Harness, status: int) -> None:
    """The error of a write is in the register, in `status` and in the daemon's log, without the secret."""
    refused: set[str] = set()

    def after(sent: Request, reply: Reply) -> None:
        is_write = sent.method in ("PUT", "PATCH") or (sent.method == "POST" and sent.path.endswith("/comment"))
        if is_write:
            refused.add(sent.method)
            echoed = echo(sent, status)
            reply.status, reply.body, reply.headers = echoed.status, echoed.body, echoed.headers

    harness.servicenow.accounts.passwords[INTEGRATION_USER] = PASSWORD
    env = {"SERVICENOW_PASSWORD": PASSWORD}
    for source in SOURCES:
        harness.servers[source].after.append(after)
        harness.create_broken(source)
    done = harness.run("sync", "--release", "all", **env)
    others = [harness.run(*verb, **env) for verb in (("status",), ("status", "--json"), ("plan",), ("sync",))]
    with harness.daemon(**env) as daemon:
        daemon.wait_for("cycle_finished")
    assert {"POST", "PATCH"} <= refused
    text = everything(harness, done, *others, daemon.process)
    assert f"refused ({status})" in text
    assert "[secret removed]" in text
    for secret in ("sandbox-token", PASSWORD):
        demand_none(text, secret, *USERS)


INVISIBLE = "\u200b\u202e\ufeff\u200d\u00ad\x01\n"
"""Removed before they are shown (the first three), shown as nothing, or shown as a blank."""


def test_an_echoed_header_with_invisible_characters_in_it_is_stored_and_shown_nowhere(harness: Harness) -> None:
    """Once the invisible characters are removed, a person would read the whole secret."""

    def after(sent: Request, reply: Reply) -> None:
        words = [gap.join(word) for word in sent.header("authorization").split()[1:] for gap in INVISIBLE]
        said = "odd:\u202e " + " ".join(words)
        echoed = Reply(400, {"errorMessages": [said], "error": {"message": said}})
        reply.status, reply.body, reply.headers = echoed.status, echoed.body, echoed.headers

    for server in harness.servers.values():
        server.after.append(after)
    env = {"JIRA_TOKEN": TOKEN, "SERVICENOW_PASSWORD": SECRET}
    done = [harness.run(*verb, **env) for verb in (("sync",), ("status",), ("status", "--json"))]
    text = everything(harness, *done)
    assert text.count("odd: [secret removed] [secret removed]") >= 2 * len(SOURCES)
    assert [gap for gap in "\u202e\u200b\ufeff\u200d" if gap in text] == []
    shown = "".join(letter for letter in text if letter.isprintable() and letter != " ")
    for sent_back in (
        "sandbox-token",
        *(base64.b64encode(f"{user}:{secret}".encode()).decode() for user in USERS for secret in (SECRET, TOKEN)),
    ):
        assert sent_back not in shown


# --- a secret in the wrong place -----------------------------------------------------------------------------------
PLAIN = (
    "hunter2hunter2",
    "ATATT3xFfGF0abcDEF_9",
    "Correct-Horse",
    "A1B2C3D4E5F6",
    "DEADBEEF12345678",
    "SUMMER_BREAK",
)
"""Secrets, some of which could as well be names of variables or files."""


def settings(folder: Path, auth: str, url: str = "https://x.example.com", more: str = "") -> Path:
    """A settings file with one Jira."""
    file = folder / "capa-sync.toml"
    file.write_text(
        f'[sources.jira]\nkind = "jira"\nurl = "{url}"\n{more}query = "project = A"\nmapping = "m.yaml"\n'
        f"[sources.jira.auth]\n{auth}\n"
    )
    return file


def refusal(file: Path) -> str:
    """Return the message that refuses a settings file or its secrets."""
    try:
        auth = load_settings(file, {}).sources["jira"].auth
    except SettingsError as error:
        return str(error)
    with pytest.raises(SettingsError) as caught:
        secret_of(file, "jira", auth, file.parent, {})
    return str(caught.value)


@pytest.mark.parametrize("secret", PLAIN)
@pytest.mark.parametrize(
    ("method", "key"),
    [("pat", "token_env"), ("pat", "token_file"), ("basic", "password_env"), ("basic", "password_file")],
)
def test_a_secret_in_place_of_a_name_is_not_repeated(tmp_path: Path, secret: str, method: str, key: str) -> None:
    """The message names the place with its line, and what belongs there."""
    message = refusal(settings(tmp_path, f'method = "{method}"\nuser = "me"\n{key} = "{secret}"'))
    assert secret not in message
    assert secret[:6] not in message
    assert f"capa-sync.toml:9: sources.jira.auth.{key}: " in message


def test_a_name_that_is_plainly_a_variable_is_repeated(tmp_path: Path) -> None:
    """The person sees which variable is meant."""
    message = refusal(settings(tmp_path, 'method = "pat"\ntoken_env = "JIRA_TOKEN_2"'))
    assert message.endswith("the variable JIRA_TOKEN_2 is not set; it must hold the secret, nothing else")


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{PLAIN[0]}@x.example.com",
        f"https://{PLAIN[0]}@x.example.com",
        f"http://me:{PLAIN[0]}@127.0.0.1:8080/jira",
        f"https://me:{PLAIN[0]}@[x",
        f"ftp://me:{PLAIN[0]}@x.example.com",
        f"me:{PLAIN[0]}@x.example.com",
        f"https://x.example.com?token={PLAIN[0]}",
        f"https://x.example.com#{PLAIN[0]}",
        f"https://x.example.com\\\\@{PLAIN[0]}",
        f"https://:{PLAIN[0]}@",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    """This holds for the address of the tracker and for that of the sign-in."""
    message = refusal(settings(tmp_path, 'method = "pat"\ntoken_env = "T"', url=url))
    assert PLAIN[0] not in message
    assert "capa-sync.toml:3: sources.jira.url: " in message
    oauth = 'method = "oauth-client-credentials"\nclient_id = "x"\nclient_secret_env = "S"'
    message = refusal(settings(tmp_path, f'{oauth}\ntoken_url = "{url}"'))
    assert PLAIN[0] not in message
    assert "token_url" in message


@pytest.mark.parametrize(
    "url",
    [f"https://me:{PLAIN[0]}@x.example.com/", f"javascript:{PLAIN[0]}()", f"x.example.com/{PLAIN[0]}", "https://[x"],
)
def test_the_link_on_tickets_holds_no_secret_and_is_a_web_address(tmp_path: Path, url: str) -> None:
    """`public_url` is written on each warned ticket; a page inside the company may have plain http and a query."""
    file = settings(tmp_path, 'method = "pat"\ntoken_env = "T"')
    text = file.read_text()
    file.write_text(f'public_url = "{url}"\n{text}')
    message = refusal(file)
    assert "capa-sync.toml:1: public_url: " in message
    assert PLAIN[0] not in message
    file.write_text(f'public_url = "http://capa.local:8080/page?id=7#top"\n{text}')
    assert load_settings(file, {}).public_url.endswith("#top")


def test_settings_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Editors on Windows write it; a mistake further down still has its line."""
    file = settings(tmp_path, 'method = "pat"\ntoken_env = "T"')
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load_settings(file, {}).sources["jira"].url == "https://x.example.com"
    file.write_bytes(file.read_bytes() + b"odd = 1\n")
    assert "capa-sync.toml:9: " in refusal(file)


@pytest.mark.parametrize("url", ["http://10.0.0.7", "http://jira.example.com/x", "http://127.0.0.1.example.com"])
def test_plain_http_to_another_machine_needs_a_setting(tmp_path: Path, url: str) -> None:
    """The setting is `allow_http`; it holds for the address of the token endpoint too."""
    auth = 'method = "pat"\ntoken_env = "T"'
    assert "allow_http" in refusal(settings(tmp_path, auth, url))
    assert load_settings(settings(tmp_path, auth, url, "allow_http = true\n"), {}).sources["jira"].url == url
    oauth = f'method = "oauth-client-credentials"\nclient_id = "x"\nclient_secret_env = "S"\ntoken_url = "{url}"'
    assert "auth.token_url: http:// would send secrets unencrypted" in refusal(settings(tmp_path, oauth))
    load_settings(settings(tmp_path, oauth, more="allow_http = true\n"), {})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost/jira", "http://[::1]:1", "http://127.9.9.9"]
)
def test_plain_http_to_this_machine_is_allowed(tmp_path: Path, url: str) -> None:
    """A loopback address is a proxy beside the daemon, or the sandbox."""
    load_settings(settings(tmp_path, 'method = "pat"\ntoken_env = "T"', url), {})


# --- open files, core dumps ----------------------------------------------------------------------------------------


def test_a_secret_file_that_everybody_may_read_is_reported(make_harness: MakeHarness) -> None:
    """Each verb warns once, on standard error, with the way to mend it; the verb goes on."""
    harness = make_harness("servicenow", rules=("root-cause-before-action",))
    file = harness.folder / "secret"
    file.write_text("sandbox")
    file.chmod(0o644)
    text = harness.file.read_text().replace('password_env = "SERVICENOW_PASSWORD"', 'password_file = "secret"')
    harness.file.write_text(text)
    done = harness.run("sync", "--json")
    assert done.code == 0
    (line,) = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert line.startswith("warning: capa-sync.toml:")
    assert "sources.servicenow.auth.password_file: every account of this machine may read" in line
    assert f"chmod 600 {file}" in line
    file.chmod(0o640)
    assert "warning" not in harness.run("sync").err
    found = load_settings(harness.file, {})
    assert exposed_files(harness.file, found.sources, harness.folder) == []


@pytest.mark.parametrize("kind", ["pipe", "device", "large"])
def test_a_secret_file_that_never_ends_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    """A pipe is not waited for, and of a device or a large file no more than 64 KiB is read."""
    secret = tmp_path / "secret"
    if kind == "pipe":
        os.mkfifo(secret)
    elif kind == "device":
        secret.symlink_to("/dev/zero")
    else:
        secret.write_bytes(b"x" * 65_537)
    words = "larger than 64 KiB" if kind == "large" else "this is no regular file"
    message = refusal(settings(tmp_path, 'method = "pat"\ntoken_file = "secret"'))
    assert message.endswith(f"the secret file {secret} cannot be used: {'the file is ' * (kind == 'large')}{words}")
    assert "capa-sync.toml:8: sources.jira.auth.token_file: " in message


def test_the_daemon_writes_no_core_dump(make_harness: MakeHarness) -> None:
    """Its limit for core files is zero, and so is that of the processes that it starts."""
    harness = make_harness("servicenow", rules=("root-cause-before-action",))
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(1, ("servicenow",))
        assert resource.prlimit(daemon.process.pid, resource.RLIMIT_CORE) == (0, 0)
    unit = Path(__file__).resolve().parents[2] / "deploy" / "capa-sync.service"
    assert "LimitCORE=0" in unit.read_text().splitlines()
