"""The ServiceNow source believes no bad answer: the page is refused, the cursor stays, the reason is one line."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from capa_sync.errors import Authentication, BadAnswer, Fatal, NotBefore, Retryable, Skippable, SourceError
from capa_sync.model.to_do import to_do
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.servicenow.accounts import CLIENT_CREDENTIALS
from capa_sync.sandbox.servicenow.tracker import API_KEY, OAUTH_CLIENT, PASSWORD
from capa_sync.sources.servicenow.answers import NoSuchTable
from capa_sync.sources.servicenow.build import build_servicenow
from capa_sync.sources.servicenow.options import ServiceNowAuth
from tests.unit.sources.servicenow.source_harness import SourceHarness, source_harness

RECORDS = r"/table/sn_grc_issue\?"
AUDIT = r"/table/sys_audit\?"


@pytest.fixture
def sn() -> Iterator[SourceHarness]:
    """200 old issues, read once; one edited since."""
    with source_harness(page_size=100, children=()) as made:
        ids = [made.insert(short_description=str(number)) for number in range(200)]
        made.later(hours=1)
        made.sync()
        made.edit(ids[0], state="11")
        yield made


def refused(sn: SourceHarness, kind: type[SourceError], words: str, **sync: bool) -> str:
    """The error of a cycle that must fail and must leave the cursor and the mirror as they were."""
    cursor, kept = sn.mirror.cursor, sn.mirror.bodies()
    with pytest.raises(kind) as caught:
        sn.sync(**sync)
    assert re.search(words, f"{caught.value}; {to_do(caught.value)}")
    assert sn.mirror.cursor == cursor
    assert sn.mirror.bodies() == kept
    message = f"{caught.value}; {to_do(caught.value)}"
    assert message.startswith("sn: ")
    assert "\n" not in message
    assert PASSWORD not in message
    return message


# --- a query part is dropped -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting",
    [
        {"dropped_fields": ["sys_updated_on"]},
        {"query_range_denied": ["sn_grc_issue.sys_updated_on"]},
        {"repeat_first_page": True},
        {"shuffle_pages": True},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_dropped_part_of_the_query_is_found_out(sn: SourceHarness, setting: dict[str, Any]) -> None:
    """The instance leaves out the cursor's condition or its order: no row of that page is believed."""
    sn.edit(sn.mirror.cursor.state["tables"]["sn_grc_issue"]["at"][1], state="12")
    for name, value in setting.items():
        setattr(sn.tracker.settings, name, value)
    refused(sn, BadAnswer, "left out a part of the query")


@pytest.mark.parametrize("column", ["sys_id", "documentkey"])
def test_a_dropped_key_condition_is_found_out(sn: SourceHarness, column: str) -> None:
    """A backfill by sys_id and the history of a page by documentkey are checked in the same way."""
    sn.tracker.settings.dropped_fields = [column]
    with pytest.raises(Fatal, match=r"who we are|left out a part"):
        sn.again().sync(full=True)


def test_a_dropped_condition_of_the_base_filter_is_found_out() -> None:
    """A row that the settings' own filter excludes shows that the filter was dropped."""
    with source_harness(children=(), query="active=true^stateIN10,11") as sn:
        sn.insert(state="10")
        sn.later(hours=1)
        sn.sync()
        sn.insert(state="3", active="false")
        sn.tracker.settings.dropped_fields = ["state", "active"]
        refused(sn, BadAnswer, "left out a part of the query")


def test_a_filter_on_an_unknown_column_is_refused_before_reading() -> None:
    """The platform would answer with every row; the error names the settings and the column instead."""
    with source_harness(query="active=true^u_kapa=true") as sn:
        sn.insert()
        refused(sn, Fatal, "no column 'u_kapa'")


def test_rows_without_their_update_time_are_refused(sn: SourceHarness) -> None:
    """No right to read sys_updated_on: the reason says which right is missing."""
    sn.tracker.settings.hidden_fields = ["sys_updated_on"]
    refused(sn.again(), BadAnswer, "sys_updated_on|left out a part", full=True)


# --- broken answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["error_member", "cut_json", "error_only"])
@pytest.mark.parametrize("limit", [60, 30])
def test_a_cancelled_transaction_means_smaller_pages(how: str, limit: int) -> None:
    """200 with an error inside, or cut: the page is requested in halves down to 50 rows, then the poll fails."""
    with source_harness(page_size=400, children=()) as sn:
        for number in range(120):
            sn.insert(short_description=str(number))
        sn.later(hours=1)
        sn.source.identify()
        sn.tracker.settings.quota_rows = limit
        sn.tracker.settings.quota_as = how
        if limit == 30:
            refused(sn, Retryable, "at most 50 rows")
            return
        assert len(sn.sync()) == 120
        sizes = {e.query["sysparm_limit"][0] for e in sn.sent() if e.path.endswith("sn_grc_issue")}
        assert "50" in sizes


def test_a_web_page_instead_of_json_is_named(sn: SourceHarness) -> None:
    """A sign-in page with status 200 is no empty table."""
    sn.server.faults.add("html", ("GET", RECORDS), times=None)
    refused(sn, BadAnswer, "a web page")


def test_a_hibernating_instance_is_named(sn: SourceHarness) -> None:
    """A developer instance that hibernates answers HTML; the error says so in one line."""
    sn.tracker.settings.hibernating = True
    refused(sn, BadAnswer, "hibernating")


@pytest.mark.parametrize("kind", ["truncate", "truncate_closed", "drop_before", "drop_after", "proxy_error"])
def test_a_passing_fault_is_ridden_out(sn: SourceHarness, kind: str) -> None:
    """A cut answer, a lost connection or a proxy's error page is retried, and nothing is lost or doubled."""
    sn.server.faults.add(kind, ("GET", RECORDS), times=2)
    sn.server.faults.add(kind, ("GET", AUDIT), times=2)
    assert len(sn.sync()) == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [("drop_before", "was lost"), ("proxy_error", "502"), ("truncate", "broken JSON")],
)
def test_a_lasting_fault_ends_the_cycle_for_now(sn: SourceHarness, kind: str, words: str) -> None:
    """A fault that stays is reported as one that may pass, and the cursor does not move."""
    sn.server.faults.add(kind, ("GET", AUDIT), times=None)
    refused(sn, Retryable, words)


def test_a_lost_history_never_becomes_an_empty_one(sn: SourceHarness) -> None:
    """When sys_audit fails after the records were read, the page is not yielded."""
    sn.server.faults.add("answer", ("GET", AUDIT), times=None, status=500, answer="{}")
    refused(sn, Retryable, "500")


@pytest.mark.parametrize("table", [RECORDS, AUDIT, "/table/sys_journal_field"])
@pytest.mark.parametrize("answer", ["{}", "<html>not here</html>", '{"error":{"message":"No such path"}}'])
def test_a_404_of_another_meaning_is_no_empty_list(sn: SourceHarness, table: str, answer: str) -> None:
    """A proxy answers 404, too; only "No Record found" means that there is none."""
    sn.server.faults.add("answer", ("GET", table), times=None, status=404, answer=answer)
    refused(sn, Fatal, "answered with 404|No such path.*is the address that of a ServiceNow instance")


def test_an_older_instance_answers_an_empty_list_with_404(sn: SourceHarness) -> None:
    """Its words say so; the record is read, with an empty history."""
    said = '{"error":{"message":"No Record found","detail":""},"status":"failure"}'
    sn.server.faults.add("answer", ("GET", "/table/sys_journal_field"), times=None, status=404, answer=said)
    assert len(sn.sync()) == 1


def test_a_row_that_makes_no_ticket_is_named_and_the_rest_goes_on(sn: SourceHarness) -> None:
    """A record whose creation instant is no instant is skipped with its reason; its neighbours are read."""
    broken = sn.insert(short_description="broken")
    sn.tracker.as_user("admin").update("sn_grc_issue", broken, {"sys_created_on": "soon"}, auto_sys_fields=False)
    assert broken not in sn.sync()
    (skipped,) = [entry for page in sn.mirror.pages for entry in page.skipped]
    assert skipped[0] == broken
    assert skipped[1].startswith("ISS")
    assert skipped[2] == "sys_created_on or sys_updated_on is missing"
    with pytest.raises(Skippable, match="sys_created_on"):
        list(sn.source.read_tickets([broken]))


def test_a_stop_ends_reading_at_once(sn: SourceHarness) -> None:
    """When we are shutting down no further request is sent and the cursor stays."""
    stop = threading.Event()
    source, _ = build_servicenow(sn.options, sn.tracker.clock, stop, sn.mirror)
    stop.set()
    sn.sent()
    with pytest.raises(Retryable, match="stopped"):
        list(source.read_changes(sn.mirror.cursor))
    assert sn.sent() == []


def test_an_address_that_is_too_long_is_asked_in_halves(sn: SourceHarness) -> None:
    """414 on a list of ids: fewer ids a query, and the same history."""
    sn.tracker.settings.max_url_length = 900
    made = sn.again()
    assert len(made.sync(full=True)) == 200
    assert all(made.ticket(sys_id).history_complete for sys_id in made.mirror.parts)


# --- who may not -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "auth", [ServiceNowAuth("basic", "capa_sync", "wrong"), ServiceNowAuth("api-key", "", "wrong")]
)
def test_a_wrong_secret_is_an_authentication_error(sn: SourceHarness, auth: ServiceNowAuth) -> None:
    """401 is reported as a sign-in that was not accepted, without the secret."""
    assert "wrong" not in refused(sn.again(auth=auth), Authentication, "not accepted")
    assert "wrong" not in repr(sn.again(auth=auth).options)


def test_an_unknown_table_is_named(sn: SourceHarness) -> None:
    """400 "Invalid table" is one line with the table and a hint."""
    refused(sn.again(table="sn_grc_isue"), NoSuchTable, "sn_grc_isue.*plug-in")


@pytest.mark.parametrize("retry_after", [3, None])
def test_a_short_rate_limit_is_waited_for(sn: SourceHarness, retry_after: int | None) -> None:
    """429 with a few seconds, or without, is waited for and retried."""
    sn.server.faults.add("rate_limit", ("GET", RECORDS), retry_after=retry_after)
    assert len(sn.sync()) == 1


def test_an_hourly_limit_is_left_to_the_scheduler(sn: SourceHarness) -> None:
    """A wait of most of an hour is not slept: the instant is raised to the caller."""
    sn.tracker.settings.rate_limit_per_hour = 1
    with pytest.raises(NotBefore) as caught:
        sn.sync()
    assert timedelta(minutes=30) < caught.value.until - sn.tracker.now() <= timedelta(minutes=60)


def test_a_redirect_is_never_followed(sn: SourceHarness) -> None:
    """Credentials are not sent to another host."""
    sn.server.faults.add("answer", ("GET", RECORDS), status=302, headers={"Location": "http://localhost:1/"})
    refused(sn, Fatal, "redirects elsewhere")


def test_plain_http_is_for_loopback_only() -> None:
    """A password is not sent unencrypted to another machine."""
    with source_harness() as sn, pytest.raises(Fatal, match="unencrypted"):
        sn.again(url="http://example.com")


# --- every way to sign in --------------------------------------------------------------------------------------

OAUTH = ServiceNowAuth("oauth-client-credentials", OAUTH_CLIENT.client_id, OAUTH_CLIENT.secret)


def test_api_key_signs_in(sn: SourceHarness) -> None:
    """The key is sent in its header, and the instance says whose it is."""
    made = sn.again(auth=ServiceNowAuth("api-key", "", API_KEY))
    assert made.source.identify().me.aliases == ("capa_sync",)
    assert len(made.sync()) == 1


def test_client_credentials_sign_in_and_renew(sn: SourceHarness) -> None:
    """One token serves until 60 s before its end; a revoked one is replaced once, without an error."""
    sn.tracker.set_property(CLIENT_CREDENTIALS, "true")
    made = sn.again(auth=OAUTH)
    assert made.source.identify().me.aliases == ("capa_sync",)
    made.sync()

    def sign_ins() -> int:
        return sum(e.path == "/oauth_token.do" for e in made.sent())

    assert sign_ins() == 1
    made.sync()
    assert sign_ins() == 0
    made.later(seconds=made.tracker.settings.token_lifetime_s - 50)
    made.sync()
    assert sign_ins() == 1
    made.tracker.accounts.tokens.clear()
    made.tracker.accounts.sessions.clear()
    made.sync()
    assert sign_ins() == 1


def test_the_token_is_fetched_from_the_address_that_was_given(sn: SourceHarness) -> None:
    """`token_url` names another server: the sign-in goes there alone, with its path, and serves on the instance."""
    sn.tracker.set_property(CLIENT_CREDENTIALS, "true")
    with SandboxServer(sn.tracker, mount="/identity") as giver:
        made = sn.again(auth=replace(OAUTH, token_url=f"{giver.url}/oauth_token.do"))
        made.sent()
        assert made.source.identify().me.aliases == ("capa_sync",)
        assert len(made.sync()) == 1
        assert [(e.method, e.path) for e in giver.requests] == [("POST", "/identity/oauth_token.do")]
        asked = {e.path for e in made.sent()}
    assert asked
    assert "/oauth_token.do" not in asked


def test_client_credentials_switched_off_are_explained(sn: SourceHarness) -> None:
    """The platform's switch for the grant type is off by default: the message says so, without the secret."""
    sn.tracker.set_property(CLIENT_CREDENTIALS, "false")
    message = refused(sn.again(auth=OAUTH), Authentication, "client_credentials switched on")
    assert OAUTH_CLIENT.secret not in message


def test_a_session_cookie_that_expired_is_no_lost_sign_in(sn: SourceHarness) -> None:
    """Cookies are a convenience of the platform; without them the next request signs in again."""
    sn.tracker.accounts.sessions.clear()
    assert len(sn.sync()) == 1


def test_requests_carry_our_name_and_explicit_parameters(sn: SourceHarness) -> None:
    """The client's own name is replaced, references come without links, and every query has its order."""
    sn.sent()
    sn.sync()
    for exchange in sn.sent():
        assert exchange.request.header("user-agent").startswith("capa-sync/")
        assert exchange.query["sysparm_exclude_reference_link"] == ["True"]
        assert len(exchange.request.target) < 2000
