"""A proxy or certificates that the environment names and that cannot be used are named with the variable."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests

from capa_sync.errors import Fatal
from capa_sync.sources import environment
from capa_sync.sources.servicenow.network import translated
from capa_sync.sources.unreachable import AS_WRITTEN
from tests.patience import PATIENCE

VARIABLES = [f"{kind}_proxy" for kind in ("http", "https", "all", "no")]
HOST = "tracker.example"
URL = f"https://{HOST}/x"
READ_AS = "its host or port cannot be read; write it as http://HOST:PORT"
NO_HOST = "it names no host; write it as http://HOST:PORT"
NO_KIND = "it is of no known kind; write it as http://HOST:PORT"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.upper, VARIABLES), "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def _asked(url: str, *, writes: bool = False) -> str:
    """Return the message of Fatal that a request ends with."""
    session = requests.Session()
    environment.read_environment_once(session, url)
    with pytest.raises(Fatal) as caught:
        translated("sn", url, lambda: session.get(url, timeout=PATIENCE), writes=writes)
    return caught.value.message


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("http://proxy:port", READ_AS),
        ("http://anna:hush-hush", READ_AS),
        ("http://[::1", READ_AS),
        ("http://a b:1", READ_AS),
        ("http://anna:hush-hush@nosuch..name:80", READ_AS),
        ("http://", NO_HOST),
        ("ftp://127.0.0.1:1", NO_KIND),
        ("socks://127.0.0.1:1", NO_KIND),
    ],
)
def test_a_proxy_that_is_wrongly_written_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, why: str
) -> None:
    """A write is not in doubt either, as nothing was sent; the value is not repeated."""
    monkeypatch.setenv(variable, value)
    expected = f"{HOST} cannot be reached: the proxy set by {variable} cannot be used: {why}"
    assert _asked(URL) == _asked(URL, writes=True) == expected


def test_a_socks_proxy_without_its_package_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own requirements do not install PySocks."""

    def refused() -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "socks" else 1)
    with pytest.raises(Fatal, match="set by all_proxy cannot be used: it is a SOCKS proxy"):
        environment.sent("jira", URL, refused)


def test_a_proxy_for_other_hosts_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure of a host that NO_PROXY excepts is its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:port")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(requests.ConnectionError):
        environment.sent(
            "sn", f"https://127.0.0.1:{port}", lambda: requests.get(f"https://127.0.0.1:{port}", timeout=PATIENCE)
        )


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_cannot_be_used_are_told_with_variable_and_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    """A path that is not there and a file that holds none differ; a fault of the tracker blames neither."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/x"
        monkeypatch.setenv(variable, str(tmp_path / "none.pem"))
        assert _asked(url) == (
            f"127.0.0.1 cannot be reached: {variable} names {tmp_path}/none.pem, which cannot be read "
            "(No such file or directory)"
        )
        (tmp_path / "empty.pem").write_text("no certificate\n", encoding="ascii")
        monkeypatch.setenv(variable, str(tmp_path / "empty.pem"))
        assert _asked(url) == (
            f"127.0.0.1 cannot be reached: {variable} names {tmp_path}/empty.pem, which holds no certificate "
            "that can be read"
        )
    with pytest.raises(requests.ConnectionError):
        environment.sent("sn", url, lambda: requests.get(url, timeout=PATIENCE, verify=True))


def test_an_address_or_header_that_cannot_be_sent_is_no_lost_connection() -> None:
    """ServiceNow says what Jira says; a write with it is not in doubt."""
    for send in (
        lambda: requests.get("https://a..b/x", timeout=PATIENCE),
        lambda: requests.get(URL, headers={"X": "a\nb"}, timeout=PATIENCE),
        lambda: requests.get(URL.replace("https", "gopher"), timeout=PATIENCE),
    ):
        with pytest.raises(Fatal, match=AS_WRITTEN):
            translated("sn", URL, send, writes=True)
