"""Each trap of docs/jira.md, modelled by the sandbox and turned on by a setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.contract.jira_world import START, Json, Web, make_tracker

Make = Callable[..., Web]
DOC = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "t"}]}]}


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a running site with `issues` issues in CAPA, one minute apart."""
    with ExitStack() as stack:

        def build(face: str = "cloud", issues: int = 3, **settings: Any) -> Web:
            tracker = make_tracker(face, **settings)
            for number in range(issues):
                tracker.as_user("Ann Arbor").create("CAPA", "Nonconformity", {"summary": f"n{number}"})
                tracker.clock.advance(timedelta(minutes=1))
            return stack.enter_context(Web(tracker))

        yield build


def pages(web: Web, jql: str, **params: Any) -> list[Json]:
    """All pages of a Cloud search, at most ten."""
    found, token = [], None
    while len(found) < 10:
        found.append(web.search(jql, **params, **({"nextPageToken": token} if token else {})))
        token = found[-1].get("nextPageToken")
        if token is None:
            break
    return found


def keys(page: Json) -> list[str]:
    """The keys on a page."""
    return [issue["key"] for issue in page["issues"]]


def test_page_caps_depend_on_the_fields_asked_for(make: Make) -> None:
    """100 issues once a field is requested, thousands when only ids are."""
    web = make(issues=120)

    assert len(web.search("project = CAPA", fields="summary", maxResults=5000)["issues"]) == 100
    ids = web.search("project = CAPA", maxResults=5000)
    assert (len(ids["issues"]), ids["isLast"], "nextPageToken" in ids, "total" in ids) == (120, True, False, False)
    assert set(ids["issues"][0]) == {"expand", "id", "self", "key"}


def test_short_pages_and_two_pages_always(make: Make) -> None:
    """A page may hold less than requested, and a list of two takes two pages when set so."""
    web = make(issues=5, short_pages=2)
    assert [len(page["issues"]) for page in pages(web, "project = CAPA", maxResults=50)] == [2, 2, 1]

    web.tracker.settings.short_pages, web.tracker.settings.serve_lists_in_two_pages = 0, True
    assert [len(page["issues"]) for page in pages(web, "project = CAPA", maxResults=50)] == [3, 2]
    web.tracker.as_user("Ann Arbor").edit("CAPA-1", {"labels": ["a"]})
    web.tracker.as_user("Ann Arbor").edit("CAPA-1", {"labels": ["b"]})
    assert web.get("issue/CAPA-1/changelog")["isLast"] is False
    bulk = web.post("changelog/bulkfetch", {"issueIdsOrKeys": ["CAPA-1"]})
    assert "nextPageToken" in bulk


def test_an_empty_page_may_carry_a_token(make: Make) -> None:
    """The second page is empty and the third holds the rest."""
    web = make(issues=3, empty_page_at=2)

    found = pages(web, "project = CAPA ORDER BY key", maxResults=2)

    assert [keys(page) for page in found] == [["CAPA-1", "CAPA-2"], [], ["CAPA-3"]]


def test_tokens_repeat_expire_and_belong_to_their_query(make: Make) -> None:
    """A repeating token never ends; an old, foreign or forged one answers 400."""
    web = make(issues=6, repeat_token_from=2)
    tokens = [page.get("nextPageToken") for page in pages(web, "project = CAPA", maxResults=1)]
    assert len(tokens) == 10
    assert len(set(tokens)) == 1

    web.tracker.settings.repeat_token_from = 0
    token = web.search("project = CAPA", maxResults=1)["nextPageToken"]
    other = web.call("GET", "search/jql", params={"jql": "key = CAPA-1", "nextPageToken": token})
    forged = web.call("GET", "search/jql", params={"jql": "project = CAPA", "nextPageToken": "x"})
    web.tracker.clock.advance(timedelta(days=8))
    late = web.call("GET", "search/jql", params={"jql": "project = CAPA", "nextPageToken": token})
    assert [answer.status_code for answer in (other, forged, late)] == [400, 400, 400]


def test_rows_that_change_while_paging_move_in_the_order(make: Make) -> None:
    """Ordered by updated, an issue edited between two pages comes again at the end; offsets skip one."""
    cloud, dc = make(issues=4), make("datacenter", issues=4)
    jql = "project = CAPA ORDER BY updated"

    first = cloud.search(jql, maxResults=2, fields="key")
    cloud.tracker.as_user("Ann Arbor").edit("CAPA-1", {"summary": "again"})
    second = cloud.search(jql, maxResults=5, fields="key", nextPageToken=first["nextPageToken"])
    assert (keys(first), keys(second)) == (["CAPA-1", "CAPA-2"], ["CAPA-3", "CAPA-4", "CAPA-1"])

    before = dc.search(jql, maxResults=2)
    dc.tracker.as_user("Ann Arbor").edit("CAPA-1", {"summary": "again"})
    after = dc.search(jql, maxResults=2, startAt=2)
    assert (keys(before), keys(after)) == (["CAPA-1", "CAPA-2"], ["CAPA-4", "CAPA-1"])


def test_data_center_caps_its_pages_and_returns_the_total(make: Make) -> None:
    """The answered maxResults is the server's, not the requested one; a start behind the end is empty."""
    web = make("datacenter", issues=5, dc_page_cap=2)

    page = web.search("project = CAPA ORDER BY key", maxResults=1000)

    assert (page["maxResults"], page["total"], keys(page)) == (2, 5, ["CAPA-1", "CAPA-2"])
    assert web.search("project = CAPA", startAt=9)["issues"] == []


def test_a_page_can_say_a_wrong_length(make: Make) -> None:
    """Rows are withheld although the total counts them."""
    dc, cloud = make("datacenter", withhold_rows=1), make(withhold_rows=1)

    page = dc.search("project = CAPA")
    assert (page["total"], len(page["issues"])) == (3, 2)
    assert len(cloud.search("project = CAPA")["issues"]) == 2
    assert cloud.post("search/approximate-count", {"jql": "project = CAPA"}) == {"count": 3}


def test_the_search_index_lags_and_reconcile_overrides_it(make: Make) -> None:
    """An edit and a new issue show after the lag; the ids to reconcile show at once; GET is never late."""
    web = make(index_lag_s=90)
    web.tracker.clock.advance(timedelta(seconds=120))
    web.tracker.as_user("Ann Arbor").edit("CAPA-1", {"labels": ["fresh"]})
    web.tracker.as_user("Ann Arbor").create("CAPA", "Nonconformity", {"summary": "new"})

    assert web.keys("labels = fresh") == []
    assert web.keys("project = CAPA order by key") == ["CAPA-1", "CAPA-2", "CAPA-3"]
    assert keys(web.search("labels = fresh", reconcileIssues=10001)) == ["CAPA-1"]
    assert web.get("issue/CAPA-1")["fields"]["labels"] == ["fresh"]
    web.tracker.settings.stale_fields = True
    stale = web.search("key = CAPA-1", fields="labels,updated")["issues"][0]["fields"]
    web.tracker.settings.stale_stamps = False
    torn = web.search("key = CAPA-1", fields="labels,updated")["issues"][0]["fields"]
    now = web.get("issue/CAPA-1")["fields"]
    assert stale["labels"] == torn["labels"] == []
    assert stale["updated"] < torn["updated"] == now["updated"]

    web.tracker.clock.advance(timedelta(seconds=91))
    assert web.keys("labels = fresh") == ["CAPA-1"]
    assert web.keys("project = CAPA order by key") == ["CAPA-1", "CAPA-2", "CAPA-3", "CAPA-4"]


def test_an_index_that_no_longer_lags_answers_nothing_old(make: Make) -> None:
    """What a search found while the index lagged is not kept for the same search afterwards."""
    web = make(index_lag_s=90)
    web.tracker.clock.advance(timedelta(seconds=120))
    web.tracker.as_user("Ann Arbor").edit("CAPA-1", {"labels": ["fresh"]})
    assert web.keys("labels = fresh") == []

    web.tracker.set_settings({"index_lag_s": 0.0})
    assert web.keys("labels = fresh") == ["CAPA-1"]


def test_inline_changelogs_are_cut_to_the_newest(make: Make) -> None:
    """40 of 50 entries are inside the issue, newest first, with the total; the paged list is whole, oldest first."""
    web = make(issues=1)
    for number in range(50):
        web.tracker.as_user("Ann Arbor").edit("CAPA-1", {"summary": f"edit {number}"})

    inline = web.search("key = CAPA-1", fields="key", expand="changelog")["issues"][0]["changelog"]
    paged = web.get("issue/CAPA-1/changelog")

    assert (len(inline["histories"]), inline["total"]) == (40, 50)
    assert inline["histories"][0]["items"][0]["toString"] == "edit 49"
    assert [entry["items"][0]["toString"] for entry in paged["values"]] == [f"edit {n}" for n in range(50)]
    assert len({entry["created"] for entry in paged["values"]}) == 1
    web.tracker.settings.inline_changelog_cap = 5
    assert len(web.get("issue/CAPA-1", expand="changelog")["changelog"]["histories"]) == 5


def test_bulk_changelogs_are_split_over_issues_and_pages(make: Make) -> None:
    """Sorted by date over all issues; `created` is ISO or a number; filtered by field; hidden issues are absent."""
    web = make(issues=2)
    for key in ("CAPA-1", "CAPA-2", "CAPA-1"):
        web.tracker.clock.advance(timedelta(seconds=1))
        web.tracker.as_user("Ann Arbor").edit(key, {"summary": f"s {web.tracker.now()}"})
    body = {"issueIdsOrKeys": ["CAPA-1", "10002", "CAPA-9"], "maxResults": 2}

    first = web.post("changelog/bulkfetch", body)
    second = web.post("changelog/bulkfetch", {**body, "nextPageToken": first["nextPageToken"]})

    assert [entry["issueId"] for entry in first["issueChangeLogs"]] == ["10001", "10002"]
    assert [entry["issueId"] for entry in second["issueChangeLogs"]] == ["10001"]
    assert "nextPageToken" not in second
    web.tracker.settings.bulk_created_form = "ms"
    number = web.post("changelog/bulkfetch", body)["issueChangeLogs"][0]["changeHistories"][0]["created"]
    assert number == int((START + timedelta(minutes=2, seconds=1)).timestamp() * 1000)
    assert web.post("changelog/bulkfetch", {**body, "fieldIds": ["status"]}) == {"issueChangeLogs": []}
    web.tracker.admin.hide("CAPA-1")
    assert len(web.post("changelog/bulkfetch", body)["issueChangeLogs"]) == 1
    assert web.call("POST", "changelog/bulkfetch", json={"issueIdsOrKeys": []}).status_code == 400


def test_data_center_history_has_no_field_ids_and_either_order(make: Make) -> None:
    """The whole history is inside the issue; its items have a name only."""
    web = make("datacenter", issues=1, dc_history_order="newest")
    for number in range(45):
        web.tracker.as_user("ann").edit("CAPA-1", {"Root cause": f"why {number}"})

    log = web.search("key = CAPA-1", expand="changelog")["issues"][0]["changelog"]

    assert (len(log["histories"]), log["total"]) == (45, 45)
    assert log["histories"][0]["items"] == [
        {
            "field": "Root cause",
            "fieldtype": "custom",
            "from": None,
            "fromString": "why 43",
            "to": None,
            "toString": "why 44",
        }
    ]


def test_instants_are_written_in_the_profile_zone(make: Make) -> None:
    """Instants have an offset without colon, of the zone and of the season."""
    web = make(issues=1)
    web.tracker.admin.set_user("capa-sync", {"timeZone": "America/St_Johns"})
    assert web.get("issue/CAPA-1")["fields"]["created"] == "2026-03-01T05:30:00.000-0330"

    web.tracker.admin.set_user("capa-sync", {"timeZone": "Asia/Kathmandu"})
    assert web.get("myself")["timeZone"] == "Asia/Kathmandu"
    assert web.get("issue/CAPA-1")["fields"]["created"] == "2026-03-01T14:45:00.000+0545"
    web.tracker.admin.set_user("capa-sync", {"timeZone": "Europe/London"})
    web.tracker.clock.advance(timedelta(days=60))
    web.tracker.as_user("Ann Arbor").edit("CAPA-1", {"summary": "summer"})
    assert web.get("issue/CAPA-1")["fields"]["updated"].endswith("+0100")


def test_a_tracker_with_a_wrong_clock_dates_by_it(make: Make) -> None:
    """Ten minutes ahead, in serverInfo, in the Date header and in `updated`."""
    web = make(issues=1, clock_skew_s=600)

    assert web.get("serverInfo")["serverTime"] == "2026-03-01T09:11:00.000+0000"
    assert web.get("issue/CAPA-1")["fields"]["created"] == "2026-03-01T09:10:00.000+0000"
    assert web.call("GET", "myself").headers["Date"] == "Sun, 01 Mar 2026 09:11:00 GMT"


def test_moved_deleted_and_hidden_issues(make: Make) -> None:
    """A move keeps the id and the old key answers with the new one; deleted and hidden look alike."""
    web = make(issues=3)
    assert web.tracker.as_user("Ann Arbor").move("CAPA-1", "OPS") == "OPS-1"
    web.tracker.as_user("Ann Arbor").delete("CAPA-2")
    web.tracker.admin.hide("CAPA-3")

    moved = web.get("issue/CAPA-1", expand="changelog")
    items = moved["changelog"]["histories"][0]["items"]
    gone, hidden = web.call("GET", "issue/CAPA-2"), web.call("GET", "issue/CAPA-3")

    assert (moved["key"], moved["id"]) == ("OPS-1", "10001")
    assert [(i["field"], i["fromString"], i["toString"]) for i in items] == [
        ("project", "Corrective actions", "Operations"),
        ("Key", "CAPA-1", "OPS-1"),
    ]
    assert web.keys("project = CAPA") == []
    assert (gone.status_code, gone.json()) == (hidden.status_code, hidden.json())
    assert web.post("issue/bulkfetch", {"issueIdsOrKeys": ["CAPA-1", "CAPA-2", "CAPA-3"]})["issueErrors"] == []
    web.tracker.admin.hide("CAPA-3", hidden=False)
    assert web.keys("project = CAPA") == ["CAPA-3"]
    assert web.tracker.as_user("Ann Arbor").move("OPS-1", "CAPA") == "CAPA-1"


@pytest.mark.parametrize("face", ["cloud", "datacenter"])
def test_archived_trashed_and_forbidden_projects(make: Make, face: str) -> None:
    """Their issues vanish from search and GET; the lists of projects distinguish the three."""
    web = make(face, issues=1)
    admin = web.tracker.admin

    def roster(status: str) -> list[str]:
        if face == "cloud":
            return [project["key"] for project in web.get("project/search", status=status)["values"]]
        return [project["key"] for project in web.get("project", includeArchived=str(status == "archived").lower())]

    for status in ("archived", "deleted"):
        admin.set_project_status("CAPA", status)
        assert web.call("GET", "issue/CAPA-1").status_code == 404
        assert ("CAPA" in roster(status)) == (face == "cloud" or status == "archived")
        assert "CAPA" not in roster("live")
    admin.set_project_status("CAPA", "live")
    admin.hide_project("CAPA")
    assert all("CAPA" not in roster(status) for status in ("live", "archived", "deleted"))
    path = "search/jql" if face == "cloud" else "search"
    refused = web.call("GET", path, params={"jql": "project = CAPA"})
    assert refused.status_code == 400
    assert "The value 'CAPA' does not exist for the field 'project'." in refused.text


def test_a_lost_sign_in_answers_like_an_empty_site(make: Make) -> None:
    """Every request counts as anonymous: search finds nothing with 200, myself says 401."""
    web = make()
    web.tracker.settings.ignores_sign_in = True

    assert web.search("created > 0")["issues"] == []
    assert web.call("GET", "myself").status_code == 401
    web.tracker.settings.anonymous_projects = ["CAPA"]
    assert len(web.search("created > 0")["issues"]) == 3
    assert web.call("POST", "issue/CAPA-1/comment", json={"body": DOC}).status_code == 401


def test_anonymous_requests_are_refused_unless_the_site_allows_them(make: Make) -> None:
    """Without a token 401, or what is public; a wrong token 401, or anonymous where the setting allows it."""
    web = make()
    web.session.auth = None
    assert web.call("GET", "search/jql", params={"jql": "created > 0"}).status_code == 401
    web.tracker.settings.anonymous_allowed = True
    assert web.search("created > 0")["issues"] == []
    web.session.auth = ("capa-sync@example.com", "wrong")
    assert web.call("GET", "search/jql", params={"jql": "created > 0"}).status_code == 401
    web.tracker.settings.wrong_sign_in_is_anonymous = True
    assert web.search("created > 0")["issues"] == []


def test_values_that_differ_at_every_read_and_silent_changes(make: Make) -> None:
    """A volatile field changes without an edit; an altered value leaves `updated` and history alone."""
    web = make(issues=1, volatile_fields=["customfield_10007"])
    web.tracker.as_user("Ann Arbor").edit("CAPA-1", {"Reference": "com.example.Thing"})
    before = web.get("issue/CAPA-1", expand="changelog")
    web.tracker.clock.advance(timedelta(minutes=5))
    web.tracker.admin.alter("CAPA-1", {"customfield_10001": DOC})
    after = web.get("issue/CAPA-1", expand="changelog")

    assert before["fields"]["customfield_10007"] != after["fields"]["customfield_10007"]
    assert before["fields"]["updated"] == after["fields"]["updated"]
    assert before["changelog"] == after["changelog"]
    assert after["fields"]["customfield_10001"] == DOC


@pytest.mark.parametrize(("face", "status"), [("cloud", 204), ("datacenter", 403)])
def test_notify_users_false_needs_a_permission(make: Make, face: str, status: int) -> None:
    """Without it Cloud ignores the edit silently and Data Center refuses it."""
    web = make(face, issues=1)
    edit = {"update": {"labels": [{"add": "capa-warning"}]}}

    assert web.call("PUT", "issue/CAPA-1?notifyUsers=false", json=edit).status_code == status
    assert web.get("issue/CAPA-1")["fields"]["labels"] == []
    web.tracker.settings.notify_users_permission = True
    assert web.call("PUT", "issue/CAPA-1?notifyUsers=false", json=edit).status_code == 204
    assert web.get("issue/CAPA-1")["fields"]["labels"] == ["capa-warning"]


def test_labels_off_screen_and_with_spaces_are_refused(make: Make) -> None:
    """An error names the field and nothing of the request is applied."""
    web = make(issues=1, off_screen=["labels"])
    edit = {"update": {"labels": [{"add": "x"}]}, "fields": {"summary": "changed"}}
    refused = web.call("PUT", "issue/CAPA-1", json=edit)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["labels"])
    assert "labels" not in web.get("issue/CAPA-1/editmeta")["fields"]

    web.tracker.settings.off_screen = []
    spaced = web.call("PUT", "issue/CAPA-1", json={"update": {"labels": [{"add": "a b"}]}})
    assert "contains spaces" in spaced.json()["errors"]["labels"]
    assert web.get("issue/CAPA-1")["fields"]["summary"] == "n0"


def test_comment_limits(make: Make) -> None:
    """Too long, too many (413), no document, no such comment, a comment of another author."""
    web = make(issues=1, max_comments=1, text_limit=100)
    long = {**DOC, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "x" * 101}]}]}
    other = web.tracker.as_user("Ann Arbor").comment("CAPA-1", "hers")

    answers = [
        web.call("POST", "issue/CAPA-1/comment", json={"body": long}),
        web.call("POST", "issue/CAPA-1/comment", json={"body": DOC}),
        web.call("POST", "issue/CAPA-1/comment", json={"body": "plain"}),
        web.call("PUT", "issue/CAPA-1/comment/9", json={"body": DOC}),
        web.call("PUT", f"issue/CAPA-1/comment/{other}", json={"body": DOC}),
        web.call("DELETE", f"issue/CAPA-1/comment/{other}"),
    ]

    assert [answer.status_code for answer in answers] == [400, 413, 400, 404, 403, 403]
    assert "exceeds the allowed limit of 100 characters" in answers[0].text


def test_comment_properties_come_with_the_creating_request(make: Make) -> None:
    """Set in one request, read by comment or in bulk, shown by the list only where the site does so."""
    web = make(issues=1)
    own = [{"key": "capa-sync", "value": {"ticket": "10001"}}]
    internal = {"key": "sd.public.comment", "value": {"internal": True}}
    made = web.post("issue/CAPA-1/comment", {"body": DOC, "properties": [*own, internal]})

    assert made["jsdPublic"] is False
    assert web.get(f"comment/{made['id']}/properties/capa-sync")["value"] == {"ticket": "10001"}
    listed = web.post("comment/list?expand=properties", {"ids": [int(made["id"])]})["values"][0]
    assert own[0] in listed["properties"]
    assert "properties" not in web.get("issue/CAPA-1/comment", expand="properties")["comments"][0]
    web.tracker.settings.comment_list_expands_properties = True
    assert "properties" in web.get("issue/CAPA-1/comment", expand="properties")["comments"][0]
    kept = web.call("PUT", f"issue/CAPA-1/comment/{made['id']}", json={"body": DOC}).json()
    assert kept["jsdPublic"] is False


def test_own_writes_move_updated_and_properties_do_not(make: Make) -> None:
    """Comments and labels bump `updated`, comments without history; entity properties only when the site says so."""
    web = make(issues=1)

    def after(write: Callable[[], object]) -> tuple[bool, int]:
        before = web.get("issue/CAPA-1")["fields"]["updated"]
        web.tracker.clock.advance(timedelta(minutes=1))
        write()
        now = web.get("issue/CAPA-1", expand="changelog")
        return now["fields"]["updated"] > before, now["changelog"]["total"]

    edit = {"update": {"labels": [{"add": "a"}]}}
    assert after(lambda: web.post("issue/CAPA-1/comment", {"body": DOC})) == (True, 0)
    assert after(lambda: web.call("PUT", "issue/CAPA-1", json=edit)) == (True, 1)
    assert after(lambda: web.call("PUT", "issue/CAPA-1", json=edit)) == (False, 1)
    assert after(lambda: web.call("PUT", "issue/CAPA-1/properties/p", json={"a": 1})) == (False, 1)
    web.tracker.settings.properties_bump_updated = True
    assert after(lambda: web.call("PUT", "issue/CAPA-1/properties/p", json={"a": 2})) == (True, 1)


def test_writes_to_one_issue_and_bursts_are_limited(make: Make) -> None:
    """429 with the reason of the limit, for that issue or that endpoint only."""
    web = make(issues=2, issue_write_limit=2)
    writes = [web.call("POST", "issue/CAPA-1/comment", json={"body": DOC}) for _ in range(3)]
    assert [answer.status_code for answer in writes] == [201, 201, 429]
    assert writes[2].headers["RateLimit-Reason"] == "jira-per-issue-on-write"
    assert writes[2].headers["Retry-After"] == "2"
    assert web.call("POST", "issue/CAPA-2/comment", json={"body": DOC}).status_code == 201
    web.tracker.clock.advance(timedelta(seconds=2))
    assert web.call("POST", "issue/CAPA-1/comment", json={"body": DOC}).status_code == 201

    web.tracker.settings.burst_limit = 1
    answers = [web.call("GET", "myself") for _ in range(5)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert limited[0].headers["RateLimit-Reason"] == "jira-burst-based"
    assert web.call("GET", "field").status_code == 200


def test_data_center_says_who_asks_and_limits_by_node(make: Make) -> None:
    """The user's name in a header; a limit with the token bucket's headers and no reason."""
    web = make("datacenter", burst_limit=1)
    answers = [web.call("GET", "myself") for _ in range(5)]
    limited = next(answer for answer in answers if answer.status_code == 429)

    assert answers[0].headers["X-AUSERNAME"] == "capa-sync"
    assert limited.headers["X-RateLimit-FillRate"] == "1"
    assert "RateLimit-Reason" not in limited.headers


def test_a_comment_whose_answer_is_lost_is_there_once(make: Make) -> None:
    """The cut connection hides the success; the property finds the comment; a retry would make a second one."""
    web = make(issues=1)
    web.server.faults.add("drop_after", ("POST", "/comment$"))
    body = {"body": DOC, "properties": [{"key": "capa-sync", "value": {"ticket": "10001"}}]}

    with pytest.raises(requests.ConnectionError):
        web.call("POST", "issue/CAPA-1/comment", json=body)

    listed = web.get("issue/CAPA-1/comment", orderBy="-created")["comments"]
    assert [web.get(f"comment/{comment['id']}/properties")["keys"][0]["key"] for comment in listed] == ["capa-sync"]


def test_unbounded_queries_and_unknown_body_keys_are_refused(make: Make) -> None:
    """Cloud refuses a query without a restriction, an offset, and too large a page."""
    web = make(issues=1)
    bodies: list[Json] = [
        {"jql": "order by key desc"},
        {"jql": ""},
        {"jql": "project = CAPA", "startAt": 0},
        {"jql": "project = CAPA", "maxResults": 5001},
        {"jql": "project = CAPA", "properties": list("abcdef")},
        {"jql": "project = CAPA", "reconcileIssues": list(range(51))},
    ]

    assert [web.call("POST", "search/jql", json=body).status_code for body in bodies] == [400] * 6
    assert web.call("GET", "search", params={"jql": "project = CAPA"}).status_code == 410


def test_missing_rights_are_shown_and_enforced(make: Make) -> None:
    """A missing right shows in mypermissions and answers 403; accounts with the right are not affected."""
    web = make(issues=1, revoked_permissions=["ADD_COMMENTS", "EDIT_ISSUES"])
    permissions = web.get("mypermissions", permissions="ADD_COMMENTS,EDIT_ISSUES,BROWSE_PROJECTS,ADMINISTER")[
        "permissions"
    ]
    edit = {"update": {"labels": [{"add": "a"}]}}

    assert {name: permission["havePermission"] for name, permission in permissions.items()} == {
        "ADD_COMMENTS": False,
        "EDIT_ISSUES": False,
        "BROWSE_PROJECTS": True,
        "ADMINISTER": False,
    }
    assert web.call("POST", "issue/CAPA-1/comment", json={"body": DOC}).status_code == 403
    assert web.call("PUT", "issue/CAPA-1", json=edit).status_code == 403
    web.tracker.admin.set_secrets("capa-sync", {"admin": True})
    assert web.call("PUT", "issue/CAPA-1", json=edit).status_code == 204


def test_cloud_v2_speaks_wiki_text_and_v3_documents(make: Make) -> None:
    """One comment, two forms; the changelog shows plain text."""
    web = make(issues=1)
    web.post("issue/CAPA-1/comment", {"body": DOC})
    web.tracker.as_user("Ann Arbor").edit("CAPA-1", {"Root cause": "a\nb\n\nc"})
    url = web.server.url + "/rest/api/2/issue/CAPA-1"

    old, new = web.session.get(url).json()["fields"], web.get("issue/CAPA-1", expand="changelog")

    assert (old["comment"]["comments"][0]["body"], old["customfield_10001"]) == ("t", "a\nb\n\nc")
    assert new["fields"]["comment"]["comments"][0]["body"] == DOC
    assert new["fields"]["customfield_10001"]["type"] == "doc"
    assert new["changelog"]["histories"][0]["items"][0]["toString"] == "a\nb\n\nc"


def test_another_process_can_script_the_tracker(make: Make) -> None:
    """`/_sandbox/act` edits as a person and changes rights as the administrator."""
    web = make(issues=1)
    control = web.server.url + "/_sandbox/act"

    edited = web.session.post(control, json={"as": "Ann Arbor", "do": "edit", "key": "CAPA-1", "fields": {"Cost": 5}})
    hidden = web.session.post(control, json={"do": "hide", "key": "CAPA-1"})
    wrong = web.session.post(control, json={"as": "Ann Arbor", "do": "edit", "key": "CAPA-9", "fields": {}})
    secret = web.session.post(control, json={"do": "_issue", "key": "CAPA-1"})

    assert [answer.status_code for answer in (edited, hidden, wrong, secret)] == [200, 200, 400, 400]
    assert web.call("GET", "issue/CAPA-1").status_code == 404
    web.tracker.admin.hide("CAPA-1", hidden=False)
    assert web.get("issue/CAPA-1")["fields"]["customfield_10011"] == 5


def test_a_person_can_open_a_ticket_and_its_text_is_inert(make: Make) -> None:
    """The page for the browser escapes what tickets say."""
    web = make(issues=1)
    web.tracker.as_user("Ann Arbor").edit("CAPA-1", {"summary": "<script>alert(1)</script>"})

    page = web.session.get(web.server.url + "/browse/CAPA-1")

    assert "text/html" in page.headers["Content-Type"]
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
