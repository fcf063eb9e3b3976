"""Three unmodified clients, for which the sandbox ServiceNow was not written, read every row of it."""

from __future__ import annotations

import functools
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pysnow
import pytest
import requests
from pysnc import ServiceNowClient
from snowloader import SnowConnection

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.servicenow import ServiceNowTracker

HOST = "sandbox.example.com"  # snowloader wants a dot and letters; resolved to loopback below
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ROWS = 1234


@dataclass
class SiteReader:
    """A TLS sandbox and how to reach it by name."""

    server: SandboxServer
    tracker: ServiceNowTracker
    authority: Path

    @property
    def url(self) -> str:
        """The address by host name."""
        return f"https://{HOST}:{self.server.port}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that is its own authority, made by openssl for this run."""
    path = tmp_path_factory.mktemp("tls") / "sandbox.pem"
    subject = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},DNS:localhost"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    try:
        subprocess.run(
            [*make, "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", path, "-out", f"{path}.crt"],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed; it makes the certificate these clients insist on")
    certificate = Path(f"{path}.crt")
    path.write_bytes(path.read_bytes() + certificate.read_bytes())
    return path


def filled_tracker() -> ServiceNowTracker:
    """Many issues, in groups that share a second, and some problems beside them."""
    tracker = ServiceNowTracker(SandboxClock(START, ticking=False))
    tracker.add_account("lee", name="Lee Wong", password=None)
    lee = tracker.as_user("lee")
    for number in range(ROWS):
        made = lee.insert("sn_grc_issue", {"short_description": f"issue {number}", "work_notes": "seen"})
        if number % 5 == 0:
            lee.update("sn_grc_issue", made["sys_id"], {"u_grade": "minor"})
            lee.insert("problem", {"short_description": f"problem {number}"})
        if number % 300 == 0:
            tracker.clock.advance(timedelta(minutes=1))
    return tracker


@pytest.fixture
def site(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SiteReader]:
    """The sandbox over TLS under a host name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    real = socket.getaddrinfo

    @functools.wraps(real)
    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host == HOST else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    tracker = filled_tracker()
    with SandboxServer(tracker, tls=context) as server:
        yield SiteReader(server, tracker, authority)
        assert server.crashes == []


def expected_ids(site: SiteReader, table: str) -> list[str]:
    """Every sys_id of a table."""
    return sorted(row["sys_id"] for row in site.tracker.rows(table))


# --- pysnc ---------------------------------------------------------------------------------------------------------


@pytest.mark.independent
@pytest.mark.parametrize("table", ["sn_grc_issue", "task", "sys_audit", "sys_journal_field", "sys_dictionary"])
def test_pysnc_reads_every_row(site: SiteReader, table: str) -> None:
    """Offset paging by sys_id with all display values, as ServiceNow's own Python client does it."""
    client = ServiceNowClient(site.url, ("capa_sync", "sandbox"))
    record = client.GlideRecord(table, batch_size=300)
    record.query()
    found = [str(row.sys_id) for row in record]
    assert sorted(found) == expected_ids(site, table)
    assert len(record) == len(found)


def test_pysnc_sees_values_and_display_values(site: SiteReader) -> None:
    """Its elements carry both, and a dotted path."""
    client = ServiceNowClient(site.url, ("capa_sync", "sandbox"))
    record = client.GlideRecord("sn_grc_issue")
    record.fields = ["number", "state", "opened_by", "opened_by.name"]
    record.add_query("short_description", "issue 7")
    record.query()
    assert record.next()
    assert (record.get_value("state"), record.get_display_value("state")) == ("10", "New")
    assert record.get_display_value("opened_by") == "Lee Wong"
    assert record.get_value("opened_by.name") == "Lee Wong"


def test_pysnc_writes(site: SiteReader) -> None:
    """Insert, update and delete through it have the effect that they have on an instance."""
    client = ServiceNowClient(site.url, ("capa_sync", "sandbox"))
    record = client.GlideRecord("sn_grc_issue")
    record.initialize()
    record.short_description = "made by pysnc"
    sys_id = str(record.insert())
    record.u_grade = "major"
    assert record.update() is not None
    row = site.tracker.find("sn_grc_issue", sys_id)
    assert row is not None
    assert (row["short_description"], row["u_grade"], row["sys_mod_count"]) == ("made by pysnc", "major", "1")
    assert record.delete()
    assert [r["documentkey"] for r in site.tracker.rows("sys_audit_delete")] == [sys_id]


# --- snowloader ----------------------------------------------------------------------------------------------------


def connection(site: SiteReader, **options: Any) -> SnowConnection:
    """A snowloader connection with basic sign-in."""
    account = {"username": "capa_sync", "password": "sandbox"}
    return SnowConnection(site.url, **{**account, "page_size": 250, "verify": str(site.authority), **options})


@pytest.mark.independent
@pytest.mark.parametrize("is_keyset", [False, True])
@pytest.mark.parametrize("table", ["sn_grc_issue", "task", "sys_audit", "sys_journal_field"])
def test_snowloader_reads_every_row(site: SiteReader, table: str, is_keyset: bool) -> None:
    """By offset with a unique last sort key, verified against the count, and by sys_id keyset."""
    with connection(site) as snow:
        found = [str(row["sys_id"]) for row in snow.get_records(table, keyset=is_keyset, verify=not is_keyset)]
        assert sorted(found) == expected_ids(site, table)
        assert snow.get_count(table) == len(found)


def test_snowloader_signs_in_by_client_credentials(site: SiteReader) -> None:
    """Its OAuth flow needs nothing but the client's id and secret."""
    own: dict[str, Any] = {"username": None, "password": None}
    with connection(site, client_id="capa-sync-client", client_secret="sandbox", **own) as snow:
        assert snow.auth_type == "client_credentials"
        assert snow.get_count("sn_grc_issue") == ROWS


def test_snowloader_finds_what_was_added_changed_and_deleted(site: SiteReader) -> None:
    """Its reconciliation resolves classes through sys_db_object and reads the deletion audit."""
    site.tracker.clock.advance(timedelta(hours=1))
    since = site.tracker.now()
    lee, issues = site.tracker.as_user("lee"), site.tracker.rows("sn_grc_issue")
    site.tracker.clock.advance(timedelta(seconds=1))
    made = lee.insert("sn_grc_issue", {})["sys_id"]
    lee.update("task", issues[0]["sys_id"], {"short_description": "changed"})
    lee.delete("sn_grc_issue", issues[1]["sys_id"])
    with connection(site) as snow:
        report = snow.reconcile("task", since=since)
    assert [row["sys_id"] for row in report.added] == [made]
    assert [row["sys_id"] for row in report.updated] == [issues[0]["sys_id"]]
    assert [(row["sys_id"], row["table"]) for row in report.deleted] == [(issues[1]["sys_id"], "sn_grc_issue")]


def test_a_lost_row_would_be_noticed(site: SiteReader) -> None:
    """The check is effective: with one row hidden the clients no longer read every row."""
    site.tracker.settings.hidden_rows = [site.tracker.rows("sn_grc_issue")[500]["sys_id"]]
    with connection(site) as snow:
        found = list(snow.get_records("sn_grc_issue"))
    assert len(found) == ROWS - 1 == snow.get_count("sn_grc_issue") - 1


# --- pysnow --------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain() -> Iterator[SandboxServer]:
    """The same sandbox without TLS, as pysnow needs it."""
    with SandboxServer(filled_tracker()) as server:
        yield server
        assert server.crashes == []


def pysnow_client(server: SandboxServer) -> pysnow.Client:
    """Pysnow unmodified, with its own session."""
    return pysnow.Client(host=f"127.0.0.1:{server.port}", user="capa_sync", password="sandbox", use_ssl=False)


def all_by_keyset(client: pysnow.Client, table: str) -> list[str]:
    """Read a table by sys_id keyset, one resource a request, until a page is empty."""
    met: list[str] = []
    while True:
        query = f"sys_id>{met[-1] if met else ''}^ORDERBYsys_id"
        answer = client.resource(f"/table/{table}").get(query=query, limit=200, fields=["sys_id", "number"])
        page = [row["sys_id"] for row in answer.all()]
        if not page:
            return met
        met += page


@pytest.mark.parametrize("table", ["sn_grc_issue", "task", "sys_audit"])
def test_pysnow_reads_every_row(plain: SandboxServer, table: str) -> None:
    """Keyset pages through the unmodified client, none lost, none doubled."""
    tracker = plain.tracker
    assert isinstance(tracker, ServiceNowTracker)
    met = all_by_keyset(pysnow_client(plain), table)
    assert met == sorted(row["sys_id"] for row in tracker.rows(table))


def test_pysnow_streams_and_follows_links(plain: SandboxServer) -> None:
    """Its streaming parser reads the answer too, and its headers are readable."""
    resource = pysnow_client(plain).resource("/table/problem")
    answer = resource.get(query="ORDERBYsys_id", limit=10, stream=True)
    assert len(list(answer.all())) == 10
    assert answer.headers["X-Total-Count"] == str(len(range(0, ROWS, 5)))


def test_pysnow_creates_updates_and_deletes(plain: SandboxServer) -> None:
    """Its update, a GET and a PUT that carries the same parameters, changes one record."""
    resource = pysnow_client(plain).resource("/table/sn_grc_issue")
    made = resource.create({"short_description": "made by pysnow"}).one()
    changed = resource.update({"sys_id": made["sys_id"]}, {"u_grade": "major"}).one()
    assert (changed["u_grade"], changed["sys_mod_count"]) == ("major", "1")
    assert resource.delete({"sys_id": made["sys_id"]}) == {"status": "record deleted"}
    answer = resource.request("PATCH", path_append="/" + made["sys_id"], data="{}")
    with pytest.raises(requests.HTTPError, match="404"):
        answer.one()


def test_pysnow_takes_a_partial_answer_for_whole(plain: SandboxServer) -> None:
    """The trap that the daemon must guard against: a 200 with rows and an error raises no error."""
    plain.tracker.settings.quota_rows = 5
    assert len(pysnow_client(plain).resource("/table/problem").get(limit=50).all()) == 5
