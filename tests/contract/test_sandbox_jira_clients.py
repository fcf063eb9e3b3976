"""The unmodified `jira` client works with both versions of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jira
import pytest

from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, API_PASSWORD, API_TOKEN
from tests.contract.jira_world import make_tracker
from tests.patience import PATIENCE

SETUPS = [("cloud", "2"), ("cloud", "3"), ("datacenter", "2")]


def connect(server: SandboxServer, face: str, version: str = "2", **options: Any) -> jira.JIRA:
    """A client as a user would make it, without its own retries."""
    auth: dict[str, Any] = {"basic_auth": (API_EMAIL, API_TOKEN)} if face == "cloud" else {"token_auth": API_TOKEN}
    return jira.JIRA(
        server.url, options={"rest_api_version": version}, max_retries=0, timeout=PATIENCE, **{**auth, **options}
    )


class Harness:
    """A server, a client, and the form of rich text in the client's version."""

    def __init__(self, server: SandboxServer, face: str, version: str) -> None:
        self.server, self.face, self.version = server, face, version
        self.client = connect(server, face, version)

    def rich(self, text: str) -> Any:
        """Text as a body of this API version."""
        if self.version == "2":
            return text
        paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
        return {"type": "doc", "version": 1, "content": [paragraph]}


@pytest.fixture(params=SETUPS, ids=["cloud-v2", "cloud-v3", "datacenter"])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """A site with one issue, and a connected client."""
    face, version = request.param
    tracker = make_tracker(face)
    tracker.as_user("Ann Arbor").create("CAPA", "Nonconformity", {"summary": "Backups fail", "Severity": "Major"})
    with SandboxServer(tracker) as server:
        made = Harness(server, face, version)
        yield made
        made.client.close()
        assert server.crashes == []


def test_the_client_recognises_the_face(harness: Harness) -> None:
    """By serverInfo the client chooses the calls of Cloud or Data Center."""
    assert harness.client._is_cloud == (harness.face == "cloud")
    assert harness.client.myself()["displayName"] == "capa-sync"
    assert {field["id"] for field in harness.client.fields()} > {"summary", "customfield_10001"}
    assert [project.key for project in harness.client.projects()] == ["CAPA", "OPS"]
    assert harness.client.project("CAPA").name == "Corrective actions"


def test_an_issue_lives_through_the_client(harness: Harness) -> None:
    """Create, edit, label, comment, transition, assign, link, delete with the client's own methods."""
    client, reviewer = harness.client, {"accountId": "acc-ann"} if harness.face == "cloud" else {"name": "ann"}
    made = client.create_issue(project="CAPA", issuetype={"name": "Nonconformity"}, summary="Door open")
    made.update(fields={"customfield_10001": harness.rich("Lock broken"), "customfield_10004": reviewer})
    made.update(update={"labels": [{"add": "capa-warning"}]}, notify=True)
    comment = client.add_comment(made, harness.rich("Please fix"))
    comment.update(body=harness.rich("Please fix it"))
    client.transition_issue(made, "Start")
    client.assign_issue(made, "ben@example.com" if harness.face == "cloud" else "ben")
    client.create_issue_link("Blocks", made.key, "CAPA-1")

    seen = client.issue(made.key, expand="changelog")

    assert (seen.fields.status.name, seen.fields.labels) == ("In Action", ["capa-warning"])
    assert seen.fields.assignee.displayName == "Ben Bow"
    assert seen.fields.issuelinks[0].outwardIssue.key == "CAPA-1"
    fields = [item.field for history in seen.changelog.histories for item in history.items]
    assert sorted(fields) == ["Link", "Reviewer", "Root cause", "assignee", "labels", "status"]
    assert client.comment(made.key, comment.id).raw["body"] == harness.rich("Please fix it")

    made.delete()
    with pytest.raises(jira.JIRAError) as gone:
        client.issue(made.key)
    assert gone.value.status_code == 404


def test_the_clients_search_pages_through_all(harness: Harness) -> None:
    """search_issues with maxResults=False fetches every page, by token or by offset."""
    harness.server.tracker.settings.short_pages = 10
    ann = harness.server.tracker.as_user("Ann Arbor")  # type: ignore[attr-defined]
    for number in range(24):
        ann.create("OPS", "Nonconformity", {"summary": f"n{number}"})

    found = harness.client.search_issues("project = OPS ORDER BY key", maxResults=False, fields="summary")

    assert [issue.key for issue in found] == [f"OPS-{number}" for number in range(1, 25)]


def test_the_client_keeps_issue_properties(harness: Harness) -> None:
    """Issue properties are written, listed and read."""
    harness.client.add_issue_property("CAPA-1", "capa-sync", {"commentId": "7"})

    assert [issue_property.key for issue_property in harness.client.issue_properties("CAPA-1")] == ["capa-sync"]
    assert harness.client.issue_property("CAPA-1", "capa-sync").value.commentId == "7"


def test_raw_pages_come_through_the_clients_session(harness: Harness) -> None:
    """json_result=True and the bare session return the answers unchanged."""
    page = harness.client.search_issues("project = CAPA", json_result=True, fields="summary")
    assert isinstance(page, dict)
    assert page["issues"][0]["fields"] == {"summary": "Backups fail"}
    assert ("total" in page) == (harness.face == "datacenter")

    url = harness.client._get_url("issue/CAPA-1")
    assert harness.client._session.get(url).json()["key"] == "CAPA-1"


def test_a_wrong_token_is_refused() -> None:
    """Both versions answer 401 with Jira's words, also without a token."""
    for face in ("cloud", "datacenter"):
        with SandboxServer(make_tracker(face)) as server:
            for auth in ({"basic_auth": (API_EMAIL, "wrong")}, {"token_auth": "wrong"}, {}):
                with pytest.raises(jira.JIRAError, match="authenticated") as refused:
                    jira.JIRA(server.url, max_retries=0, get_server_info=False, **auth).myself()
                assert refused.value.status_code == 401


def test_data_center_takes_a_password_and_not_a_token_in_its_place() -> None:
    """Basic sign-in by name and password; the personal access token is refused as a password."""
    with SandboxServer(make_tracker("datacenter")) as server:
        client = jira.JIRA(server.url, max_retries=0, basic_auth=("capa-sync", API_PASSWORD))
        assert client.myself()["name"] == "capa-sync"
        with pytest.raises(jira.JIRAError, match="not authenticated"):
            jira.JIRA(server.url, max_retries=0, basic_auth=("capa-sync", API_TOKEN))


def test_a_context_path_stands_in_every_link() -> None:
    """Below /jira the client works, also where it follows the links that the server sent."""
    tracker = make_tracker("datacenter")
    key = tracker.as_user("Ann Arbor").create("CAPA", "Nonconformity", {"summary": "s"})
    with SandboxServer(tracker, mount="/jira") as server:
        client = connect(server, "datacenter")
        comment = client.add_comment(key, "one")
        comment.update(body="two")

        assert comment.self.startswith(server.url + "/rest/api/2/issue/")
        assert client.comment(key, comment.id).body == "two"


def test_the_old_search_of_cloud_is_gone() -> None:
    """A client that takes a Cloud for a Data Center gets 410 with what to do."""
    with SandboxServer(make_tracker()) as server:
        client = connect(server, "cloud", get_server_info=False)
        with pytest.raises(jira.JIRAError, match="migrate to the /rest/api/3/search/jql API") as gone:
            client.search_issues("project = CAPA")
        client.close()

    assert gone.value.status_code == 410
