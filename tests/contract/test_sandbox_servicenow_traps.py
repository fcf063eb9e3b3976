"""The traps of docs/servicenow.md 0, each shown on the sandbox, so that a test can prove the guard against it."""

from __future__ import annotations

import json
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

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
BY_ID = "ORDERBYsys_id"


@dataclass
class Api:
    """A signed-in reader of one sandbox."""

    server: SandboxServer
    tracker: ServiceNowTracker
    session: requests.Session

    def get(self, table: str = "sn_grc_issue", **parameters: str) -> requests.Response:
        """GET a list; parameters without their `sysparm_`."""
        url = f"{self.server.url}/api/now/table/{table}"
        return self.session.get(url, params={f"sysparm_{k}": v for k, v in parameters.items()})

    def rows(self, table: str = "sn_grc_issue", **parameters: str) -> list[dict[str, Any]]:
        """The rows of a list that must succeed."""
        answer = self.get(table, **parameters)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["result"]
        return found

    def ids(self, **parameters: str) -> list[str]:
        """The sys_ids of a list."""
        return [row["sys_id"] for row in self.rows(**parameters)]

    def patch(self, sys_id: str, values: dict[str, Any], table: str = "sn_grc_issue") -> requests.Response:
        """Write to one record."""
        return self.session.patch(f"{self.server.url}/api/now/table/{table}/{sys_id}", json=values)


@pytest.fixture
def api() -> Iterator[Api]:
    """Ten issues, one each hour, on an instance whose clock stands still."""
    tracker = ServiceNowTracker(SandboxClock(START, ticking=False))
    tracker.add_account("lee", name="Lee Wong", password=None)
    for number in range(10):
        tracker.as_user("lee").insert("sn_grc_issue", {"short_description": f"issue {number}", "u_location": "here"})
        tracker.clock.advance(timedelta(hours=1))
    with SandboxServer(tracker) as server, requests.Session() as session:
        session.auth = ("capa_sync", "sandbox")
        yield Api(server, tracker, session)
        assert server.crashes == []


# --- 0.1 dropped query parts ----------------------------------------------------------------------------------


def test_an_unknown_field_in_a_query_returns_everything(api: Api) -> None:
    """The part is ignored: 200, all rows, no hint."""
    assert len(api.rows(query="u_nonsense=1")) == 10
    assert api.get(query="u_nonsense=1").headers["X-Total-Count"] == "10"


def test_a_denied_range_drops_the_cursor_and_the_sorting(api: Api) -> None:
    """Without `query_range` on sys_updated_on a cursor query returns everything, unsorted."""
    query = "sys_updated_on>2026-03-01 17:30:00^ORDERBYDESCsys_updated_on^ORDERBYsys_id"
    assert len(api.rows(query=query)) == 1
    api.tracker.settings.query_range_denied = ["task.sys_updated_on"]
    update_times = [row["sys_updated_on"] for row in api.rows(query=query)]
    assert len(update_times) == 10
    assert update_times != sorted(update_times, reverse=True)
    assert api.tracker.ignored_parts


def test_a_part_can_be_dropped_by_a_setting_over_http(api: Api) -> None:
    """`/_sandbox/knobs` turns traps on in a running sandbox; a wrong name refuses the whole request."""
    url = f"{api.server.url}/_sandbox/knobs"
    requests.post(url, json={"dropped_fields": ["sn_grc_issue.sys_id"]}, timeout=PATIENCE).raise_for_status()
    assert len(api.rows(query="sys_id=none")) == 10
    wrong = requests.post(url, json={"dropped_fields": [], "nonsense": 1}, timeout=PATIENCE)
    assert wrong.status_code == 400
    assert len(api.rows(query="sys_id=none")) == 10


# --- 0.2 limit before row ACL ------------------------------------------------------------------------------------


def test_row_acls_come_after_the_limit(api: Api) -> None:
    """A hidden row leaves a gap: short and even empty pages in mid-table, and a total that counts it."""
    ids = api.ids(query=BY_ID)
    api.tracker.settings.hidden_rows = ids[2:5]
    pages = [api.ids(query=BY_ID, limit="2", offset=str(offset)) for offset in range(0, 10, 2)]
    assert [len(page) for page in pages] == [2, 0, 1, 2, 2]
    answer = api.get(query=BY_ID, limit="2", offset="2")
    assert (answer.json()["result"], answer.headers["X-Total-Count"]) == ([], "10")
    assert 'rel="next"' in answer.headers["Link"]


def test_a_hidden_row_is_as_if_it_were_not_there(api: Api) -> None:
    """404 for the record, for reading and writing, from the parent table too."""
    (hidden, *_) = api.ids(query=BY_ID)
    api.tracker.settings.hidden_rows = [hidden]
    assert api.patch(hidden, {"u_grade": "minor"}).status_code == 404
    assert api.patch(hidden, {"u_grade": "minor"}, "task").status_code == 404


def test_rows_can_be_hidden_by_what_they_hold(api: Api) -> None:
    """A confidential record disappears; the parent table hides it too."""
    (issue, *_) = api.ids(query=BY_ID)
    api.tracker.as_user("lee").update("sn_grc_issue", issue, {"u_confidential": "true"})
    api.tracker.settings.hidden_matching = {"sn_grc_issue": "u_confidential=true"}
    assert len(api.rows()) == len(api.rows("task")) == 9


def test_a_table_can_be_lost_in_two_ways(api: Api) -> None:
    """A table without access answers no rows with a total, or 403."""
    api.tracker.settings.hidden_tables = ["sn_grc_issue"]
    assert (api.rows(), api.rows("task")) == ([], [])
    assert api.get().headers["X-Total-Count"] == "10"
    api.tracker.settings.forbidden_tables = ["sn_grc_issue"]
    assert api.get().status_code == 403


def test_an_instance_may_cap_the_page(api: Api) -> None:
    """Fewer rows than requested, with `next` promising the requested step: offset paging by that step loses rows."""
    api.tracker.settings.page_cap = 3
    answer = api.get(query=BY_ID, limit="5")
    assert len(answer.json()["result"]) == 3
    assert "sysparm_offset=5" in answer.headers["Link"]


def test_rows_can_be_withheld_at_a_pages_end(api: Api) -> None:
    """A page that is shorter than it says: a keyset reader gets the rest next, an offset reader never."""
    api.tracker.settings.withhold_at_end = 1
    met: list[str] = []
    while page := api.ids(query=f"sys_id>{met[-1] if met else ''}^{BY_ID}", limit="4"):
        met += page
    assert len(met) == 9
    assert sum(len(api.ids(query=BY_ID, limit="4", offset=str(o))) for o in (0, 4, 8)) == 7


def test_a_page_can_repeat_or_come_unsorted(api: Api) -> None:
    """An endpoint that never advances, and one that does not sort."""
    api.tracker.settings.repeat_first_page = True
    assert api.ids(limit="3") == api.ids(limit="3", offset="6", query="sys_id>z")
    api.tracker.settings.repeat_first_page = False
    api.tracker.settings.shuffle_pages = True
    assert api.ids(query=BY_ID) != sorted(api.ids(query=BY_ID))


# --- 0.3 and 2.3 ties and late commits ----------------------------------------------------------------------------


def test_a_cursor_on_the_update_time_alone_loses_ties_and_the_keyset_does_not(api: Api) -> None:
    """6 of 10 rows share one second: `>` skips the rest of a tie, (update time, sys_id) does not."""
    for sys_id in api.ids(query=BY_ID)[:6]:
        api.tracker.as_user("lee").update("sn_grc_issue", sys_id, {"u_grade": "minor"})
    by_stamp: list[dict[str, Any]] = []
    order = "ORDERBYsys_updated_on^ORDERBYsys_id"
    while page := api.rows(
        query=f"sys_updated_on>{by_stamp[-1]['sys_updated_on'] if by_stamp else ''}^{order}", limit="5"
    ):
        by_stamp += page
    assert len(by_stamp) < 10
    met = api.rows(query=order, limit="5")
    update_time, last = met[-1]["sys_updated_on"], met[-1]["sys_id"]
    met += api.rows(query=f"sys_updated_on={update_time}^sys_id>{last}^{BY_ID}", limit="50")
    met += api.rows(query=f"sys_updated_on>{update_time}^{order}", limit="50")
    assert sorted(row["sys_id"] for row in met) == sorted(api.ids())


def test_a_row_can_be_committed_after_its_second_was_read(api: Api) -> None:
    """A reader at T sees nothing; later a row with the update time T is there."""
    now = api.tracker.now().strftime("%Y-%m-%d %H:%M:%S")
    assert api.rows(query=f"sys_updated_on>={now}") == []
    api.tracker.clock.advance(timedelta(seconds=5))
    api.tracker.settings.commit_late_s = 5
    api.tracker.as_user("lee").insert("sn_grc_issue", {})
    assert [row["sys_updated_on"] for row in api.rows(query=f"sys_updated_on>={now}")] == [now]


# --- 0.4 time ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns", "UTC", "Asia/Kathmandu"])
def test_database_values_and_plain_literals_do_not_depend_on_the_users_zone(api: Api, zone: str) -> None:
    """Only display values and gs.dateGenerate are in the user's zone."""
    before = api.rows(query=f"sys_updated_on>=2026-03-01 13:00:00^{BY_ID}")
    api.tracker.settings.user_time_zone = zone
    assert api.rows(query=f"sys_updated_on>=2026-03-01 13:00:00^{BY_ID}") == before
    scripted = "sys_updated_on>=javascript:gs.dateGenerate('2026-03-01','13:00:00')"
    assert (len(api.rows(query=scripted)) == len(before)) == (zone == "UTC")


def test_the_instances_clock_can_be_wrong(api: Api) -> None:
    """Update times and the Date header follow the skew together."""
    api.tracker.settings.clock_skew_s = 600
    made = api.tracker.as_user("lee").insert("sn_grc_issue", {})
    assert made["sys_updated_on"] == "2026-03-01 19:10:00"
    assert api.get(limit="1").headers["Date"] == "Sun, 01 Mar 2026 19:10:00 GMT"


# --- 0.5 a cancelled transaction with status 200 ------------------------------------------------------------------


def test_a_cancelled_transaction_is_a_200_with_partial_rows(api: Api) -> None:
    """The answer is valid JSON: some rows, then an error member; a smaller page is complete."""
    api.tracker.settings.quota_rows = 4
    answer = api.get()
    body = answer.json()
    assert (answer.status_code, len(body["result"]), body["status"]) == (200, 4, "failure")
    assert body["error"]["message"].startswith("Transaction cancelled: maximum execution time exceeded")
    assert "error" not in api.get(limit="4").json()


def test_a_cancelled_transaction_can_cut_the_json(api: Api) -> None:
    """The array is not closed before the error."""
    api.tracker.settings.quota_rows, api.tracker.settings.quota_as = 4, "cut_json"
    answer = api.get()
    assert answer.status_code == 200
    assert "Transaction cancelled" in answer.text
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_a_cancelled_transaction_can_hold_the_error_alone(api: Api) -> None:
    """The answer has no result at all."""
    api.tracker.settings.quota_rows, api.tracker.settings.quota_as = 4, "error_only"
    assert set(api.get().json()) == {"error", "status"}


def test_a_hibernating_instance_answers_html_with_200(api: Api) -> None:
    """The page answers every path, signed in or not."""
    api.tracker.settings.hibernating = True
    answer = api.get()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
    assert answer.text.startswith("<!DOCTYPE html>")


# --- 0.6 to 0.8 history -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["sys_audit", "sys_journal_field"])
def test_history_needs_its_right(api: Api, table: str) -> None:
    """Without `audit_viewer` the history tables answer 403, or no rows with a total."""
    (issue, *_) = api.ids(query=BY_ID)
    api.tracker.as_user("lee").update("sn_grc_issue", issue, {"u_grade": "minor", "work_notes": "x"})
    assert api.rows(table)
    api.tracker.settings.audit_readable = False
    assert api.get(table).status_code == 403
    api.tracker.settings.audit_denied_as = "empty"
    assert api.rows(table) == []
    assert api.get(table).headers["X-Total-Count"] != "0"


def test_the_right_belongs_to_the_account(api: Api) -> None:
    """An account without the role reads tickets, not their history."""
    query = "user=javascript:gs.getUserID()"
    assert "audit_viewer" in {
        row["role.name"] for row in api.rows("sys_user_has_role", query=query, fields="role.name")
    }
    api.tracker.accounts.grant("capa_sync", frozenset({"sn_grc.user"}))
    assert api.rows("sys_user_has_role", query=query, fields="role.name") == [{"role.name": "sn_grc.user"}]
    assert api.get("sys_audit").status_code == 403
    assert len(api.rows()) == 10


def test_history_cannot_be_written(api: Api) -> None:
    """Only the platform writes audit and journal rows."""
    (issue, *_) = api.ids(query=BY_ID)
    api.tracker.as_user("lee").update("sn_grc_issue", issue, {"u_grade": "minor"})
    (audit, *_) = api.rows("sys_audit")
    assert api.patch(audit["sys_id"], {"newvalue": "major"}, "sys_audit").status_code == 403


def test_a_journal_column_is_empty_even_in_the_answer_to_its_own_write(api: Api) -> None:
    """Only sys_journal_field and the display text show it."""
    (issue, *_) = api.ids(query=BY_ID)
    assert api.patch(issue, {"work_notes": "x"}).json()["result"]["work_notes"] == ""
    (entry,) = api.rows("sys_journal_field", query=f"element_id={issue}^element=work_notes^valueLIKEx")
    assert entry["value"] == "x"
    assert "sys_updated_on" not in entry


# --- 0.9 and 4 fields and writes -----------------------------------------------------------------------------------


def test_a_hidden_field_is_missing_or_empty(api: Api) -> None:
    """The field ACL leaves no hint: the key is gone, or its value is; also when requested by name."""
    api.tracker.settings.hidden_fields = ["task.short_description", "sn_grc_issue.u_location"]
    (row, *_) = api.rows()
    assert "short_description" not in row
    assert "u_location" not in row
    assert api.rows(fields="u_location,state", limit="1") == [{"state": "10"}]
    api.tracker.settings.hidden_field_as = "empty"
    assert api.rows(limit="1")[0]["u_location"] == ""
    assert api.rows(fields="u_location,state", limit="1") == [{"u_location": "", "state": "10"}]
    assert api.rows(display_value="all", limit="1")[0]["u_location"] == {"display_value": "", "value": ""}


def test_a_read_only_field_is_ignored_in_silence(api: Api) -> None:
    """200, and only the content of the answer shows that the value was not written."""
    (issue, *_) = api.ids(query=BY_ID)
    api.tracker.settings.read_only_fields = ["u_capa_sync_text"]
    answer = api.patch(issue, {"u_capa_sync_text": "x", "u_capa_sync_state": "warning"})
    assert answer.status_code == 200
    assert answer.json()["result"]["u_capa_sync_text"] == ""
    assert answer.json()["result"]["u_capa_sync_state"] == "warning"


@pytest.mark.parametrize(
    ("setting", "value", "detail"),
    [
        ("write_denied", ["task"], "ACL Exception Update Failed due to security constraints"),
        ("business_rule_aborts", {"sn_grc_issue": "Aborted by rule Freeze"}, "Aborted by rule Freeze"),
        ("mandatory_fields", {"task": ["close_notes"]}, "mandatory: close_notes"),
    ],
)
def test_refused_writes_are_403_and_change_nothing(api: Api, setting: str, value: Any, detail: str) -> None:
    """ACL, business rule and data policy each give their reason."""
    (issue, *_) = api.ids(query=BY_ID)
    before = api.tracker.find("sn_grc_issue", issue)
    api.tracker.set_settings({setting: value})
    answer = api.patch(issue, {"u_grade": "minor"})
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == "Operation Failed"
    assert detail in answer.json()["error"]["detail"]
    assert api.tracker.find("sn_grc_issue", issue) == before


def test_a_data_policy_is_content_with_a_filled_field(api: Api) -> None:
    """What the record or the write holds counts."""
    (issue, *_) = api.ids(query=BY_ID)
    api.tracker.settings.mandatory_fields = {"task": ["close_notes"]}
    assert api.patch(issue, {"close_notes": "done"}).status_code == 200
    assert api.patch(issue, {"u_grade": "minor"}).status_code == 200


def test_two_identical_writes_bump_once(api: Api) -> None:
    """Setting a value is idempotent; adding a note is not."""
    (issue, *_) = api.ids(query=BY_ID)
    counts = [api.patch(issue, {"u_capa_sync_text": "x"}).json()["result"]["sys_mod_count"] for _ in range(2)]
    assert counts == ["1", "1"]
    counts = [api.patch(issue, {"work_notes": "x"}).json()["result"]["sys_mod_count"] for _ in range(2)]
    assert counts == ["2", "3"]
