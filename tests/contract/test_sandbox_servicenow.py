"""The sandbox ServiceNow over HTTP: Table and Aggregate API, headers, errors, sign-in, limits."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.servicenow import ServiceNowTracker
from tests.patience import PATIENCE

START = datetime(2026, 3, 1, 9, 20, tzinfo=UTC)
ISSUES = "/api/now/table/sn_grc_issue"


@dataclass
class Api:
    """A signed-in session on one sandbox."""

    server: SandboxServer
    tracker: ServiceNowTracker
    session: requests.Session

    def get(self, path: str = ISSUES, **parameters: str) -> requests.Response:
        """GET with parameters; `query`, `fields`, `limit`, `offset` and so on mean the sysparm of that name."""
        return self.session.get(self.server.url + path, params={f"sysparm_{k}": v for k, v in parameters.items()})

    def rows(self, path: str = ISSUES, **parameters: str) -> list[dict[str, Any]]:
        """The result of a GET that must succeed."""
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["result"]
        return found

    def send(self, method: str, path: str, body: Any, **headers: str) -> requests.Response:
        """Send a write."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.request(method, self.server.url + path, json=body, headers=names)


@pytest.fixture
def api() -> Iterator[Api]:
    """Three issues of lee's on an instance whose clock stands still, read by the integration user."""
    tracker = ServiceNowTracker(SandboxClock(START, ticking=False))
    tracker.add_account("lee", name="Lee Wong", password=None)
    for title in ("one", "two", "three"):
        owner = tracker.accounts.caller("lee").sys_id
        tracker.as_user("lee").insert("sn_grc_issue", {"short_description": title, "assigned_to": owner})
    with SandboxServer(tracker) as server, requests.Session() as session:
        session.auth = ("capa_sync", "sandbox")
        yield Api(server, tracker, session)
        assert server.crashes == []


def error_of(answer: requests.Response) -> dict[str, Any]:
    """The error of an answer, whose shape is always the same."""
    body = answer.json()
    assert set(body) == {"error", "status"}
    assert set(body["error"]) == {"message", "detail"}
    assert body["status"] == "failure"
    found: dict[str, Any] = body["error"]
    return found


def test_values_are_strings_and_references_links(api: Api) -> None:
    """Numbers and booleans are text, empty is "", a reference is link and value."""
    (row,) = api.rows(query="short_description=two")
    lee = api.tracker.accounts.caller("lee").sys_id
    assert (row["active"], row["priority"], row["due_date"]) == ("true", "4", "")
    assert row["assigned_to"] == {"link": f"{api.server.url}/api/now/table/sys_user/{lee}", "value": lee}
    assert all(isinstance(value, str | dict) for value in row.values())


def test_reference_links_can_be_left_out(api: Api) -> None:
    """Then a reference is a plain sys_id."""
    (row,) = api.rows(query="short_description=two", exclude_reference_link="True")
    assert row["assigned_to"] == api.tracker.accounts.caller("lee").sys_id


def test_fields_are_chosen_also_by_path_and_unknown_ones_ignored(api: Api) -> None:
    """Only the requested fields come, dotted paths included; a wrong name is left out."""
    (row,) = api.rows(
        query="short_description=two", fields="number,assigned_to.name,assigned_to.manager.name,nonsense"
    )
    assert row == {"number": row["number"], "assigned_to.name": "Lee Wong", "assigned_to.manager.name": ""}


@pytest.mark.parametrize("version", ["", "/v1", "/v2"])
def test_all_versions_of_the_path_answer(api: Api, version: str) -> None:
    """`/api/now`, `/api/now/v1` and `/api/now/v2` are the same table."""
    assert len(api.rows(f"/api/now{version}/table/sn_grc_issue")) == 3


def test_an_empty_list_is_404_in_v1_alone(api: Api) -> None:
    """Where nothing matches, v1 answers 404 and not an empty list."""
    assert api.rows(query="number=none") == []
    assert api.get("/api/now/v1/table/sn_grc_issue", query="number=none").status_code == 404


def test_display_values_are_in_the_users_zone_and_words(api: Api) -> None:
    """Times in the caller's zone, labels of choices, names of references, notes as one text."""
    api.tracker.settings.user_time_zone = "Asia/Kathmandu"
    issue = api.rows(query="short_description=two")[0]["sys_id"]
    api.tracker.as_user("lee").update("sn_grc_issue", issue, {"work_notes": "first"})
    api.tracker.as_user("lee").update("sn_grc_issue", issue, {"work_notes": "second"})
    fields = "sys_created_on,state,assigned_to,work_notes,short_description"
    (row,) = api.rows(query="short_description=two", fields=fields, display_value="true")
    assert row["sys_created_on"] == "2026-03-01 15:05:00"
    assert row["state"] == "New"
    assert row["assigned_to"]["display_value"] == "Lee Wong"
    heading = "2026-03-01 15:05:00 - Lee Wong (Work notes)"
    assert row["work_notes"] == f"{heading}\nsecond\n\n{heading}\nfirst\n\n"
    (both,) = api.rows(
        query="short_description=two", fields=fields, display_value="all", exclude_reference_link="true"
    )
    assert both["sys_created_on"] == {"display_value": "2026-03-01 15:05:00", "value": "2026-03-01 09:20:00"}
    assert both["state"] == {"display_value": "New", "value": "10"}
    assert set(both["assigned_to"]) == {"display_value", "value"}
    assert both["work_notes"]["value"] == ""


def test_a_forged_note_header_looks_real(api: Api) -> None:
    """In the display text an entry's own words look like a header (docs/servicenow.md 3)."""
    issue = api.rows(query="short_description=two")[0]["sys_id"]
    forged = "ok\n\n2026-01-01 00:00:00 - Boss (Work notes)\napproved"
    api.tracker.as_user("lee").work_note("sn_grc_issue", issue, forged)
    (row,) = api.rows(query="short_description=two", display_value="true")
    assert row["work_notes"].count("(Work notes)") == 2


def test_pages_have_a_total_and_links(api: Api) -> None:
    """X-Total-Count and Link as on a real instance, the odd `prev` of the first page included."""
    answer = api.get(limit="1")
    stem = f"<{api.server.url}{ISSUES}?sysparm_limit=1&sysparm_offset="
    assert answer.headers["X-Total-Count"] == "3"
    assert answer.headers["Link"] == ",".join(
        f'{stem}{offset}>;rel="{rel}"' for rel, offset in (("first", 0), ("prev", -1), ("next", 1), ("last", 2))
    )
    assert "next" not in api.get(limit="1", offset="2").headers["Link"]


def test_the_links_and_the_count_can_be_switched_off(api: Api) -> None:
    """`no_count` saves the count, `suppress_pagination_header` the echo of a long query."""
    answer = api.get(limit="1", no_count="true")
    assert "X-Total-Count" not in answer.headers
    assert 'rel="next"' in answer.headers["Link"]
    assert "Link" not in api.get(suppress_pagination_header="True").headers


def test_following_prev_of_the_first_page_is_an_error(api: Api) -> None:
    """A negative offset is not allowed."""
    assert api.get(offset="-1").status_code == 400


def test_one_record(api: Api) -> None:
    """GET by sys_id gives an object, through the parent table too, which shows its own columns only."""
    row = api.rows(query="short_description=one")[0]
    assert api.get(f"{ISSUES}/{row['sys_id']}").json()["result"]["number"] == row["number"]
    seen_from_task = api.get(f"/api/now/table/task/{row['sys_id']}").json()["result"]
    assert seen_from_task["sys_class_name"] == "sn_grc_issue"
    assert "u_root_cause" not in seen_from_task


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_missing_record_is_404(api: Api, method: str) -> None:
    """The words are the same whether it is gone or hidden."""
    answer = api.send(method, f"{ISSUES}/{'0' * 32}", {"u_grade": "minor"})
    assert answer.status_code == 404
    assert error_of(answer)["message"] == "No Record found"


def test_an_unknown_table_is_400(api: Api) -> None:
    """The answer is that of an instance where a plugin is not installed."""
    answer = api.get("/api/now/table/sn_grc_isue")
    assert (answer.status_code, error_of(answer)["message"]) == (400, "Invalid table sn_grc_isue")
    api.tracker.settings.unlicensed_tables = ["sn_grc_issue"]
    assert api.get().status_code == 400


@pytest.mark.parametrize("path", ["/api/now/nonsense", "/nonsense", "/api/now/table"])
def test_an_unknown_path_is_an_error(api: Api, path: str) -> None:
    """No other path is served."""
    assert api.get(path).status_code == 400


def test_a_verb_that_does_not_fit_is_405(api: Api) -> None:
    """A list cannot be deleted."""
    assert api.send("DELETE", ISSUES, None).status_code == 405
    assert api.send("POST", "/api/now/stats/task", {}).status_code == 405
    assert api.send("POST", f"{ISSUES}/x", {}).status_code == 405


def test_a_create_answers_201_with_the_record(api: Api) -> None:
    """The answer has the status, the location and the whole record."""
    answer = api.send("POST", ISSUES, {"short_description": "new", "work_notes": "n"})
    made = answer.json()["result"]
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{api.server.url}{ISSUES}/{made['sys_id']}"
    assert (made["short_description"], made["work_notes"], made["sys_created_by"]) == ("new", "", "capa_sync")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_update_writes_what_is_named(api: Api, method: str) -> None:
    """PUT is as partial as PATCH; the answer is the record after it; unknown names vanish."""
    row = api.rows(query="short_description=one")[0]
    api.tracker.clock.advance(timedelta(minutes=1))
    answer = api.send(method, f"{ISSUES}/{row['sys_id']}", {"u_grade": "minor", "nonsense": 1, "work_notes": "w"})
    after = answer.json()["result"]
    assert answer.status_code == 200
    assert (after["u_grade"], after["work_notes"], after["short_description"]) == ("minor", "", "one")
    assert (after["sys_mod_count"], after["sys_updated_by"]) == ("1", "capa_sync")
    assert after["sys_updated_on"] == "2026-03-01 09:21:00"
    assert "nonsense" not in after
    audit = api.rows("/api/now/table/sys_audit", query=f"documentkey={row['sys_id']}^fieldname=u_grade")
    assert [(entry["user"], entry["newvalue"]) for entry in audit] == [("capa_sync", "minor")]


def test_a_delete_answers_204_and_leaves_proof(api: Api) -> None:
    """There is no body; the deletion audit has the sys_id."""
    row = api.rows(query="short_description=one")[0]
    answer = api.send("DELETE", f"/api/now/table/task/{row['sys_id']}", None)
    assert (answer.status_code, answer.content) == (204, b"")
    (proof,) = api.rows("/api/now/table/sys_audit_delete", query="tablename=sn_grc_issue")
    assert proof["documentkey"] == row["sys_id"]


def test_writes_can_go_without_an_answer_or_by_another_verb(api: Api) -> None:
    """`X-no-response-body` and `X-http-method-override` work."""
    row = api.rows(query="short_description=one")[0]
    path = f"{ISSUES}/{row['sys_id']}"
    assert api.send("PATCH", path, {"u_grade": "minor"}, X_no_response_body="true").content == b""
    assert api.send("POST", path, {"u_grade": "major"}, X_http_method_override="PATCH").status_code == 200
    assert api.rows(query="short_description=one")[0]["u_grade"] == "major"


def test_display_values_can_be_written(api: Api) -> None:
    """With `input_display_value` times are in the user's zone, labels and names are looked up."""
    api.tracker.settings.user_time_zone = "Europe/Berlin"
    body = {"state": "Review", "assigned_to": "Lee Wong", "due_date": "2026-07-01 12:00:00"}
    row = api.send("POST", f"{ISSUES}?sysparm_input_display_value=true&sysparm_exclude_reference_link=true", body)
    made = row.json()["result"]
    assert (made["state"], made["due_date"]) == ("13", "2026-07-01 10:00:00")
    assert made["assigned_to"] == api.tracker.accounts.caller("lee").sys_id


@pytest.mark.parametrize("body", [b"{not json", b"", b"[1]"])
def test_a_broken_body_is_400(api: Api, body: bytes) -> None:
    """Neither cut JSON nor a list is accepted as a record."""
    url = api.server.url + ISSUES
    answer = api.session.post(url, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert error_of(answer)["message"] == "Exception while reading request"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": None}, 400),
        ({"Accept": "text/plain"}, 406),
        ({"Content-Type": None}, 400),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
def test_headers_are_demanded(api: Api, headers: dict[str, str | None], status: int) -> None:
    """A request without Accept, or a body without Content-Type, is refused."""
    full = {"Accept": "application/json", "Content-Type": "application/json", **headers}
    answer = api.session.post(api.server.url + ISSUES, data=b"{}", headers=full)
    assert answer.status_code == status
    assert len(api.rows()) == 3


def test_xml_is_given_where_asked(api: Api) -> None:
    """The Accept header chooses the form."""
    url = f"{api.server.url}{ISSUES}?sysparm_fields=number&sysparm_limit=1&sysparm_query=ORDERBYnumber"
    answer = api.session.get(url, headers={"Accept": "application/xml"})
    assert answer.headers["Content-Type"] == "application/xml;charset=UTF-8"
    assert "<response><result><number>ISS0010001</number></result></response>" in answer.text


def test_long_addresses_are_refused(api: Api) -> None:
    """414 beyond the limit, as measured with 700 table names."""
    answer = api.get(query="u_gradeIN" + ",".join(["ISS0000000"] * 800))
    assert answer.status_code == 414
    error_of(answer)


def test_answers_carry_the_standing_headers(api: Api) -> None:
    """Content type, server, date by the instance's own clock, no-store."""
    answer = api.get(limit="1")
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert answer.headers["Server"] == "snow_adc"
    assert answer.headers["Date"] == "Sun, 01 Mar 2026 09:20:00 GMT"
    assert answer.headers["X-Is-Logged-In"] == "true"
    assert "no-store" in answer.headers["Cache-Control"]


def test_answers_can_be_compressed(api: Api) -> None:
    """Real instances send gzip; the body is the same."""
    api.tracker.settings.compresses = True
    answer = api.session.get(api.server.url + ISSUES, stream=True)
    packed = answer.raw.read(decode_content=False)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed).startswith(b'{"result":')


# --- pages for a person -------------------------------------------------------------------------------------------


def test_a_person_can_open_a_ticket_in_a_browser(api: Api) -> None:
    """The link in the register opens a page with fields, notes and history; hostile text is escaped."""
    made = api.tracker.as_user("lee").insert("sn_grc_issue", {"short_description": "<script>x</script>"})
    changes = {"state": "13", "work_notes": "<b>note</b>"}
    api.tracker.as_user("lee").update("sn_grc_issue", made["sys_id"], changes)
    link = f"{api.server.url}/nav_to.do?uri=sn_grc_issue.do%3Fsys_id%3D{made['sys_id']}"
    page = requests.get(link, timeout=PATIENCE)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<script>" not in page.text
    for said in ("&lt;script&gt;x", "<th>State</th><td><pre>Review", "&lt;b&gt;note", "state: 10 → 13", "Lee Wong"):
        assert said in page.text


def test_a_person_can_look_round(api: Api) -> None:
    """The first page leads to lists, a list to records."""
    assert (
        'href="/sn_grc_issue_list.do">sn_grc_issue</a> 3' in requests.get(f"{api.server.url}/", timeout=PATIENCE).text
    )
    listed = requests.get(f"{api.server.url}/sn_grc_issue_list.do", timeout=PATIENCE).text
    assert listed.count("/sn_grc_issue.do?sys_id=") == 3
    for missing in ("nonsense_list.do", "sn_grc_issue.do?sys_id=none"):
        assert requests.get(f"{api.server.url}/{missing}", timeout=PATIENCE).status_code == 404


# --- counting ----------------------------------------------------------------------------------------------------


def test_rows_are_counted(api: Api) -> None:
    """The Aggregate API counts what a query matches, and in groups."""
    assert api.get("/api/now/stats/sn_grc_issue", count="true").json() == {"result": {"stats": {"count": "3"}}}
    narrow = api.get("/api/now/stats/task", count="true", query="short_description=one").json()
    assert narrow["result"]["stats"]["count"] == "1"
    grouped = api.get("/api/now/stats/task", count="true", group_by="sys_class_name").json()["result"]
    groups = [{"field": "sys_class_name", "value": "sn_grc_issue"}]
    assert grouped == [{"stats": {"count": "3"}, "groupby_fields": groups}]


# --- what is known about tables -----------------------------------------------------------------------------------


def test_the_dictionary_lists_columns_audit_flags_and_classes(api: Api) -> None:
    """sys_dictionary, sys_db_object and sys_choice are live rows, enough to write a mapping from."""
    (own,) = api.rows("/api/now/table/sys_dictionary", query="name=sn_grc_issue^elementISEMPTY")
    assert own["audit"] == "true"
    query = "nameINtask,sn_grc_issue^elementISNOTEMPTY"
    columns = {row["element"]: row for row in api.rows("/api/now/table/sys_dictionary", query=query)}
    assert columns["u_root_cause"]["column_label"] == "Root cause"
    assert columns["assigned_to"]["reference"] == "sys_user"
    assert columns["work_notes"]["internal_type"]["value"] == "journal_input"
    choices = api.rows("/api/now/table/sys_choice", query="name=sn_grc_issue^element=state^ORDERBYsequence")
    assert [row["label"] for row in choices][:2] == ["New", "Analyze"]
    (table,) = api.rows("/api/now/table/sys_db_object", query="name=sn_grc_issue", fields="super_class.name")
    assert table == {"super_class.name": "task"}


# --- signing in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("credential", [None, ("capa_sync", "wrong"), ("nobody", "sandbox"), ("lee", "")])
def test_nobody_gets_in_without_a_credential(api: Api, credential: tuple[str, str] | None) -> None:
    """401 with the platform's words and a challenge."""
    answer = requests.get(api.server.url + ISSUES, auth=credential, timeout=PATIENCE)
    assert answer.status_code == 401
    assert error_of(answer) == {"message": "User Not Authenticated", "detail": "Required to provide Auth information"}
    assert answer.headers["WWW-Authenticate"].startswith("BASIC")


def test_a_leaver_does_not_get_in(api: Api) -> None:
    """An inactive or locked user is not authenticated."""
    user = api.tracker.accounts.caller("capa_sync").sys_id
    api.tracker.as_user("admin").update("sys_user", user, {"active": "false"})
    assert api.get().status_code == 401


def test_a_session_cookie_signs_in_until_it_expires(api: Api) -> None:
    """JSESSIONID alone is enough; with a wrong password beside it the request fails; it ends after half an hour."""
    cookie = {"JSESSIONID": api.get().cookies["JSESSIONID"]}
    url = api.server.url + ISSUES
    assert requests.get(url, cookies=cookie, timeout=PATIENCE).status_code == 200
    assert requests.get(url, cookies=cookie, auth=("capa_sync", "no"), timeout=PATIENCE).status_code == 401
    assert "Set-Cookie" not in api.get().headers
    api.tracker.clock.advance(timedelta(minutes=31))
    assert requests.get(url, cookies=cookie, timeout=PATIENCE).status_code == 401


def token_answer(api: Api, **form: str) -> requests.Response:
    """Request a token with the sandbox's OAuth client."""
    own = {"client_id": "capa-sync-client", "client_secret": "sandbox"}
    return requests.post(f"{api.server.url}/oauth_token.do", data={**own, **form}, timeout=PATIENCE)


def status_with(api: Api, token: str) -> int:
    """The status of a list read with a bearer token."""
    header = {"Authorization": f"Bearer {token}"}
    return requests.get(api.server.url + ISSUES, headers=header, timeout=PATIENCE).status_code


def test_client_credentials_give_a_token_without_refresh(api: Api) -> None:
    """The token acts as the application's user and expires; no refresh token is given."""
    answer = token_answer(api, grant_type="client_credentials").json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 1799)
    assert "refresh_token" not in answer
    assert status_with(api, answer["access_token"]) == 200
    api.tracker.clock.advance(timedelta(seconds=1800))
    assert status_with(api, answer["access_token"]) == 401


def test_a_token_can_be_revoked_alone(api: Api) -> None:
    """One revoked token leaves the other valid."""
    first, second = (token_answer(api, grant_type="client_credentials").json()["access_token"] for _ in range(2))
    api.tracker.accounts.revoke(first)
    assert (status_with(api, first), status_with(api, second)) == (401, 200)
    requests.post(f"{api.server.url}/oauth_revoke_token.do?token={second}", timeout=PATIENCE)
    assert status_with(api, second) == 401


def test_password_and_refresh_grants(api: Api) -> None:
    """The password grant gives a refresh token, until the hardening property switches it off."""
    form = {"grant_type": "password", "username": "capa_sync", "password": "sandbox"}
    refresh = token_answer(api, **form).json()["refresh_token"]
    again = token_answer(api, grant_type="refresh_token", refresh_token=refresh).json()
    assert status_with(api, again["access_token"]) == 200
    api.tracker.set_property("glide.oauth.inbound.ropc.grant_type.disabled", "true")
    assert token_answer(api, **form).status_code == 401


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "client_credentials", "client_secret": "wrong"},
        {"grant_type": "client_credentials", "client_id": "unknown"},
        {"grant_type": "password", "username": "capa_sync", "password": "wrong"},
        {"grant_type": "refresh_token", "refresh_token": "made up"},
        {"grant_type": "made_up"},
    ],
)
def test_a_wrong_grant_is_refused(api: Api, form: dict[str, str]) -> None:
    """The answer is 401 in OAuth's own form."""
    answer = token_answer(api, **form)
    assert answer.status_code == 401
    assert set(answer.json()) == {"error", "error_description"}


def test_client_credentials_need_their_property(api: Api) -> None:
    """The grant is off on a new instance."""
    api.tracker.set_property("glide.oauth.inbound.client.credential.grant_type.enabled", "false")
    assert token_answer(api, grant_type="client_credentials").status_code == 401


def test_an_api_key_signs_in(api: Api) -> None:
    """The header `x-sn-apikey` signs in the user that it is bound to."""
    url = api.server.url + ISSUES
    assert requests.get(url, headers={"x-sn-apikey": "sandbox-api-key"}, timeout=PATIENCE).status_code == 200
    assert requests.get(url, headers={"x-sn-apikey": "other"}, timeout=PATIENCE).status_code == 401


# --- limits ------------------------------------------------------------------------------------------------------


def test_the_hourly_limit_answers_429_until_the_hour_is_over(api: Api) -> None:
    """Limits hold per user and clock hour, with Retry-After and the X-RateLimit headers."""
    api.tracker.settings.rate_limit_per_hour = 2
    assert [api.get().status_code for _ in range(2)] == [200, 200]
    answer = api.get()
    assert answer.status_code == 429
    assert error_of(answer)["message"] == "Rate limit exceeded"
    assert answer.headers["Retry-After"] == "2401"
    assert answer.headers["X-RateLimit-Limit"] == "2"
    assert answer.headers["X-RateLimit-Reset"] == str(int(datetime(2026, 3, 1, 10, tzinfo=UTC).timestamp()))
    assert answer.headers["X-RateLimit-Rule"]
    admin = requests.get(api.server.url + ISSUES, auth=("admin", "sandbox"), timeout=PATIENCE)
    assert admin.status_code == 200
    api.tracker.clock.advance(timedelta(minutes=40, seconds=1))
    assert api.get().status_code == 200


# --- the control surface ------------------------------------------------------------------------------------------


def test_people_can_be_played_over_http(api: Api) -> None:
    """`/_sandbox/act` edits as a user, turns audit flags and properties, and revokes tokens."""
    url = f"{api.server.url}/_sandbox/act"
    order: dict[str, Any] = {"do": "insert", "user": "lee", "table": "sn_grc_issue", "values": {"u_grade": "minor"}}
    made = requests.post(url, json=order, timeout=PATIENCE).json()["result"]
    change = {
        "do": "update",
        "user": "lee",
        "table": "sn_grc_issue",
        "sys_id": made["sys_id"],
        "values": {"u_grade": "major"},
    }
    requests.post(url, json={**change, "auto_sys_fields": False}, timeout=PATIENCE).raise_for_status()
    note = {"do": "work_note", "user": "lee", "table": "sn_grc_issue", "sys_id": made["sys_id"], "text": "hi"}
    requests.post(url, json=note, timeout=PATIENCE).raise_for_status()
    row = api.tracker.find("sn_grc_issue", made["sys_id"])
    assert row is not None
    assert (row["u_grade"], row["sys_mod_count"]) == ("major", "1")
    requests.post(
        url, json={"do": "audit", "table": "sn_grc_issue", "on": False}, timeout=PATIENCE
    ).raise_for_status()
    assert api.rows("/api/now/table/sys_dictionary", query="name=sn_grc_issue^elementISEMPTY")[0]["audit"] == "false"
    token = token_answer(api, grant_type="client_credentials").json()["access_token"]
    requests.post(url, json={"do": "revoke_tokens"}, timeout=PATIENCE).raise_for_status()
    assert status_with(api, token) == 401
    gone = {"do": "delete", "table": "sn_grc_issue", "sys_id": made["sys_id"]}
    requests.post(url, json=gone, timeout=PATIENCE).raise_for_status()
    assert api.tracker.find("sn_grc_issue", made["sys_id"]) is None
    assert requests.post(url, json={"do": "dance"}, timeout=PATIENCE).status_code == 400
