"""The sandbox Jira's answers, and requests to it, against the vendor's OpenAPI documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from capa_sync.sandbox.http import Reply, Request
from tests.absent_data import SPECS, needs
from tests.contract.jira_openapi import check, check_exchange
from tests.contract.jira_world import Web, make_tracker

pytestmark = needs(SPECS)
DOC = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "t"}]}]}


@pytest.fixture(params=["cloud", "datacenter"])
def web(request: pytest.FixtureRequest) -> Iterator[Web]:
    """A site of each Jira version with one issue that has a history."""
    tracker = make_tracker(request.param)
    ann = tracker.as_user("Ann Arbor")
    key = ann.create("CAPA", "Nonconformity", {"summary": "Backups fail", "Severity": "Minor"})
    ann.edit(key, {"Root cause": "Disk full", "Severity": "Major", "duedate": "2026-05-01", "assignee": "Ben Bow"})
    ann.edit(key, {"Sites": ["London"], "Reviewer": "Ann Arbor", "Review on": "2026-06-01", "Cost": 3})
    ann.transition(key, "Start")
    ann.comment(key, "On it.")
    with Web(tracker) as running:
        yield running


def use_everything(web: Web) -> None:
    """Send the requests that a daemon sends, and write what it writes."""
    is_cloud = web.tracker.face == "cloud"
    body = DOC if is_cloud else "text"
    for path in ("serverInfo", "myself", "field", "status", "priority", "resolution", "issuetype", "project"):
        web.get(path)
    web.get("mypermissions", **({"permissions": "BROWSE_PROJECTS,ADMINISTER"} if is_cloud else {}))
    web.get("project/CAPA")
    web.get("project/CAPA/statuses")
    web.search("project = CAPA ORDER BY updated ASC", fields="*all", expand="changelog", maxResults=50)
    web.get("issue/CAPA-1", expand="changelog", properties="capa-sync")
    web.get("issue/CAPA-1/editmeta")
    web.get("issue/CAPA-1/transitions")
    made = web.post(
        "issue/CAPA-1/comment", {"body": body, "properties": [{"key": "capa-sync", "value": {"ticket": "1"}}]}
    )
    comment = f"issue/CAPA-1/comment/{made['id']}"
    web.get("issue/CAPA-1/comment", orderBy="-created")
    web.get(comment)
    assert web.call("PUT", comment, json={"body": body}).status_code == 200
    web.get(f"comment/{made['id']}/properties/capa-sync")
    labels = {"update": {"labels": [{"add": "capa-warning"}]}}
    assert web.call("PUT", "issue/CAPA-1", json=labels).status_code == 204
    assert web.call("PUT", "issue/CAPA-1/properties/capa-sync", json={"commentId": "1"}).status_code == 201
    web.get("issue/CAPA-1/properties")
    web.get("issue/CAPA-1/properties/capa-sync")
    assert web.call("DELETE", comment).status_code == 204
    assert web.call("GET", "issue/CAPA-99").status_code == 404
    if is_cloud:
        use_cloud(web, made["id"])


def use_cloud(web: Web, comment: str) -> None:
    """Send the requests that only Cloud answers."""
    web.post("search/jql", {"jql": "project = CAPA", "fields": ["*all"], "maxResults": 1, "expand": "changelog"})
    web.post("search/approximate-count", {"jql": "project = CAPA"})
    web.post("changelog/bulkfetch", {"issueIdsOrKeys": ["CAPA-1"], "maxResults": 2})
    web.get("issue/CAPA-1/changelog", maxResults=2)
    web.post("issue/bulkfetch", {"issueIdsOrKeys": ["CAPA-1"], "fields": ["summary", "status"]})
    web.post("jql/match", {"jqls": ["project = CAPA"], "issueIds": [10001]})
    web.post("comment/list?expand=properties", {"ids": [10001, int(comment)]})
    web.get("project/search", status="live")
    web.get("field/search", type="custom")


def test_every_answer_and_request_fits_the_vendors_document(web: Web) -> None:
    """The daemon's requests and the sandbox's answers fit a document that their author did not write."""
    use_everything(web)

    found = [line for exchange in web.server.requests for line in check_exchange(exchange, web.tracker.face)]

    assert found == []
    assert len(web.server.requests) >= 24


MUTATIONS = [
    ("search/jql", "cloud", lambda body: body.update(total=1)),
    ("search/jql", "cloud", lambda body: body["issues"][0].update(key=7)),
    ("changelog/bulkfetch", "cloud", lambda body: body["issueChangeLogs"][0].update(issueId=1)),
    (
        "changelog/bulkfetch",
        "cloud",
        lambda body: body["issueChangeLogs"][0]["changeHistories"][0].update(items=None),
    ),
    ("CAPA-1/changelog", "cloud", lambda body: body["values"][0]["items"][0].update(surprise="x")),
    ("serverInfo", "cloud", lambda body: body.update(versionNumbers="10")),
    ("CAPA-1/comment", "datacenter", lambda body: body["comments"][0].update(body={"type": "doc"})),
    ("/search", "datacenter", lambda body: body.update(total="many")),
    ("/search", "datacenter", lambda body: body["issues"][0]["changelog"]["histories"][0].update(items="none")),
    ("/myself", "datacenter", lambda body: body.update(active="yes")),
    ("/field", "datacenter", lambda body: body[0].update(custom="no")),
]


@pytest.mark.parametrize(("path", "web", "mutate"), MUTATIONS, indirect=["web"])
def test_a_mutated_answer_fails_the_validator(web: Web, path: str, mutate: Callable[[Any], None]) -> None:
    """The relaxations keep the validator strict: each wrong shape is found."""
    use_everything(web)
    exchange = next(
        request
        for request in web.server.requests
        if request.path.endswith(path) and request.status == 200 and request.answer != b"[]"
    )
    assert exchange.answer is not None
    body = json.loads(exchange.answer)
    mutate(body)

    assert check(exchange.request, Reply(200, body), web.tracker.face) != []


BAD_REQUESTS = [
    ("cloud", "POST", "/rest/api/3/search/jql", {"jql": "project = CAPA", "startAt": 0}),
    ("cloud", "POST", "/rest/api/3/search/jql", {"jql": "project = CAPA", "expand": None}),
    ("cloud", "POST", "/rest/api/3/changelog/bulkfetch", {"maxResults": 10}),
    ("cloud", "POST", "/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": ["A-1"], "maxResults": 20_000}),
    ("cloud", "GET", "/rest/api/3/no/such/path", None),
    ("datacenter", "POST", "/rest/api/2/search", {"jql": "project = CAPA", "maxResults": "ten"}),
    ("datacenter", "GET", "/rest/api/2/search/jql", None),
]


@pytest.mark.parametrize(("face", "method", "path", "body"), BAD_REQUESTS)
def test_a_request_that_the_vendor_would_refuse_is_found(
    face: str, method: str, path: str, body: dict[str, object] | None
) -> None:
    """Wrong types, unknown keys and unknown paths in a request are violations."""
    sent = json.dumps(body).encode() if body is not None else b""
    headers = {"authorization": "Basic ***", "content-type": "application/json"}

    assert check(Request(method, path, headers, sent), None, face) != []
