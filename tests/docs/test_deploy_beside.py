"""What is deployed beside the daemon: the wrapper for verbs, and a proxy in front of the page."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capa_sync.model.page import PageOptions
from capa_sync.store import open_register
from capa_sync.web import serve_register
from tests.patience import PATIENCE

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNIT = (DEPLOY / "capa-sync.service").read_text(encoding="utf-8")
WRAPPER = DEPLOY / "capa-sync"
HOST = "capa.example.com"


# --- restarts of the unit, and the wrapper -------------------------------------------------------------------------
def test_the_unit_does_not_restart_after_a_fault_that_a_restart_does_not_mend() -> None:
    """2 is the user's mistake, 6 a register that cannot be used; after 70 and a kill the unit is started again."""
    assert re.search(r"^RestartPreventExitStatus=2 6$", UNIT, re.MULTILINE)
    assert re.search(r"^Restart=on-failure$", UNIT, re.MULTILINE)


def _wrapped(folder: Path, *verb: str, user: str = "0") -> subprocess.CompletedProcess[str]:
    """Run the wrapper with a systemd-run that records its arguments and ends with 4."""
    for name, text in {
        "id": f"echo {user}",
        "systemd-run": f'for word in "$@"; do echo "$word" >> {folder}/called; done; exit 4',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        (folder / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(WRAPPER), *verb], env={"PATH": str(folder)}, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_wrapper_runs_a_verb_as_the_unit_would(tmp_path: Path) -> None:
    """User, state, variables, interpreter and package are the unit's; arguments and exit code are passed on."""
    done = _wrapped(tmp_path, "explain", "CAPA 12", "--rule", "x")
    assert done.returncode == 4
    called = (tmp_path / "called").read_text(encoding="utf-8").splitlines()
    assert called[-7:] == [
        *("/opt/capa-sync/.venv/bin/python", "-m", "capa_sync"),
        *("explain", "CAPA 12", "--rule", "x"),
    ]
    assert "/opt/capa-sync/.venv/bin/python -m capa_sync run" in UNIT
    for key in (
        "DynamicUser",
        "User",
        "StateDirectory",
        "StateDirectoryMode",
        "EnvironmentFile",
        "UMask",
        "LimitCORE",
    ):
        (value,) = re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)
        assert f"--property={key}={value}" in called
    for variable in ("CAPA_SYNC_REGISTER", "PYTHONPATH"):
        (value,) = re.findall(rf"^Environment=.*?\b{variable}=(\S+)", UNIT, re.MULTILINE)
        assert f"--setenv={variable}={value}" in called
    (settings,) = re.findall(r"--config (\S+)", UNIT)
    assert f"--property=WorkingDirectory={Path(settings).parent}" in called, "where verbs look for capa-sync.toml"


@pytest.mark.parametrize(
    "words",
    [
        ("register", "export", "/tmp/r.xlsx"),
        ("register", "backup", "/var/tmp/copy.db"),
        ("mapping", "suggest", "jira", "--out=/tmp/m.yaml"),
        ("mapping", "suggest", "jira", "-o/tmp/m.yaml"),
        ("register", "pack", "CAPA-1", "--out", "/tmp"),
        ("register", "export", "/var/lib/capa-sync/../../../tmp/r.xlsx"),
        ("register", "export", "../../tmp/r.xlsx"),
    ],
)
def test_the_wrapper_refuses_files_that_would_be_lost_with_the_verb(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The answer is one line that names where files may be written, exit 2, and nothing is started."""
    done = _wrapped(tmp_path, *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words[-1] in done.stderr
    assert done.stderr.endswith("name a file below /var/lib/capa-sync\n")
    assert not (tmp_path / "called").exists()


def test_the_wrapper_passes_on_files_that_are_kept(tmp_path: Path) -> None:
    """A file below the state folder is the verb's to write; other places are refused by the system, not by us."""
    for file in ("/var/lib/capa-sync/r.xlsx", "/var/lib/capa-sync/tmp/r.xlsx", "/var/backups/copy.db", "tmp/r.xlsx"):
        assert _wrapped(tmp_path, "register", "export", file).returncode == 4
        assert _wrapped(tmp_path, "register", "export", f"--out={file}").returncode == 4


def test_the_state_folder_is_the_one_place_that_the_wrapper_s_verb_can_write(tmp_path: Path) -> None:
    """By systemd.exec(5): a dynamic user has a read-only system and a /tmp of its own but for the state folder.

    A property that opens another place must stand in the documents, and this test then says so.
    """
    _wrapped(tmp_path, "status")
    called = (tmp_path / "called").read_text(encoding="utf-8").splitlines()
    properties = [word.removeprefix("--property=") for word in called if word.startswith("--property=")]
    keys = [entry.partition("=")[0] for entry in properties]
    assert {"DynamicUser=yes", "ProtectSystem=strict", "ProtectHome=yes"} <= {*properties}
    opening = {"ReadWritePaths", "BindPaths", "CacheDirectory", "LogsDirectory", "RuntimeDirectory", "PrivateTmp"}
    assert not opening & {*keys}
    (state,) = [entry.partition("=")[2] for entry in properties if entry.startswith("StateDirectory=")]
    for document in (DEPLOY / "README.md", DEPLOY.parent / "docs" / "operating.md"):
        text = " ".join(document.read_text(encoding="utf-8").split())
        assert f"below `/var/lib/{state}`" in text, document
        named = re.findall(
            r"^capa-sync register (?:export|backup|restore) (\S+)", document.read_text("utf-8"), re.MULTILINE
        )
        assert any(file.startswith(f"/var/lib/{state}/") for file in named), document


def test_systemd_knows_every_property_of_the_wrapper(tmp_path: Path) -> None:
    """`systemd-analyze verify` reads them as a unit; a misspelt one would be a line of its own."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    _wrapped(tmp_path, "status")
    called = (tmp_path / "called").read_text(encoding="utf-8").splitlines()
    lines = [word.removeprefix("--property=") for word in called if word.startswith("--property=")]
    unit = tmp_path / "capa-sync-verb.service"
    unit.write_text("\n".join(["[Service]", "ExecStart=/bin/true", *lines, ""]), encoding="ascii")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert unit.name not in done.stdout + done.stderr, done.stderr
    unit.write_text(unit.read_text(encoding="ascii") + "ProtectSistem=strict\n", encoding="ascii")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert "ProtectSistem" in done.stderr, "a misspelt property is seen"


def test_without_root_the_wrapper_says_how(tmp_path: Path) -> None:
    """The answer is one line and exit 2, and nothing is started."""
    done = _wrapped(tmp_path, "status", user="1000")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.endswith("sudo capa-sync status\n")
    assert not (tmp_path / "called").exists()


# --- the page through nginx ----------------------------------------------------------------------------------------
def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[str]:
    """Serve an empty register behind nginx with the example's configuration; only paths and ports are replaced."""
    for program in ("nginx", "openssl"):
        if shutil.which(program) is None and not Path(f"/usr/sbin/{program}").exists():
            pytest.skip(f"{program} is not installed")
    open_register(tmp_path / "register.db", clock_now=datetime.now(UTC)).close()
    port, inner = _free_port(), _free_port()
    key, cert, users = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "users"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}",
         "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    secret = subprocess.run(["openssl", "passwd", "-apr1", "pass"], check=True, capture_output=True, text=True)
    users.write_text(f"anna:{secret.stdout}", encoding="ascii")
    text = (DEPLOY / "nginx.example.conf").read_text(encoding="utf-8")
    for old, new in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/certs/capa.example.com.pem": str(cert),
        "/etc/ssl/private/capa.example.com.key": str(key),
        "/etc/nginx/capa-sync.htpasswd": str(users),
        "127.0.0.1:8765": f"127.0.0.1:{inner}",
    }.items():
        assert old in text
        text = text.replace(old, new)
    whole = tmp_path / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # the test's folder is its owner's alone
    temporary = " ".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(
        f"{user} daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}"
        f" http {{ access_log off; {temporary} {text} }}",
        encoding="utf-8",
    )
    page = serve_register(tmp_path / "register.db", f"127.0.0.1:{inner}", PageOptions(public_url=f"https://{HOST}/"))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with subprocess.Popen([program, "-c", str(whole)], stderr=subprocess.PIPE, text=True) as nginx:
        try:
            _wait_for(port, nginx)
            yield f"https://127.0.0.1:{port}"
        finally:
            nginx.terminate()
            page.stop()


def _wait_for(port: int, nginx: subprocess.Popen[str]) -> None:
    while True:
        assert nginx.poll() is None, nginx.stderr and nginx.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def _get(url: str, *, word: str = "pass", host: str = HOST) -> tuple[int, str]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    token = b64encode(f"anna:{word}".encode()).decode()
    headers = {"Host": host, "Authorization": f"Basic {token}"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the test's own address
    try:
        with urllib.request.urlopen(request, context=context, timeout=PATIENCE) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_page_is_reached_through_the_example_and_its_links_lead_back_there(proxied: str) -> None:
    """With the password the page is served, and each absolute link begins with the public address."""
    for path in ("/", "/register", "/register/v_findings?_facet=rule&_facet=state"):
        status, text = _get(proxied + path)
        assert status == 200, text
        links = re.findall(r'(?:href|src)="(https?://[^"]+)"', text)
        own = [link for link in links if "datasette.io" not in link]
        assert own or path == "/"  # our own pages have no absolute link
        assert all(link.startswith(f"https://{HOST}/") for link in own)


def test_without_the_password_or_under_another_name_there_is_no_page(proxied: str) -> None:
    """Nginx asks for the password; the page itself refuses a host name that is not its own."""
    assert _get(proxied, word="guess")[0] == 401
    assert _get(proxied, host="evil.example")[0] == 421
