"""A small Jira site, written in the sandbox's file form, for the tests of both faces."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import requests

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN, JiraSandboxSettings, JiraTracker

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
Json = dict[str, Any]
_CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"
_CATEGORIES = {
    "new": {"id": 2, "key": "new", "colorName": "blue-gray", "name": "To Do"},
    "indeterminate": {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"},
    "done": {"id": 3, "key": "done", "colorName": "green", "name": "Done"},
}


def field(number: int, name: str, type_: str, custom: str, items: str = "", options: str = "") -> Json:
    """A custom field line; options as `id=value` words."""
    schema: Json = {"type": type_, "custom": _CUSTOM + custom, "customId": number}
    if items:
        schema["items"] = items
    listed = [dict(zip(("id", "value"), word.split("="), strict=True)) for word in options.split()]
    return {
        "kind": "field",
        "id": f"customfield_{number}",
        "key": f"customfield_{number}",
        "name": name,
        "custom": True,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": [f"cf[{number}]", name],
        "schema": schema,
        "options": listed,
    }


def site_lines(face: str) -> list[Json]:
    """The site, its people, projects, types, statuses, fields and one workflow."""
    cloud = face == "cloud"

    def person(name: str, shown: str) -> Json:
        account = {"accountId": f"acc-{name}", "accountType": "atlassian"}
        found = account if cloud else {"name": name, "key": f"JIRAUSER-{name}"}
        return {"kind": "user", **found, "displayName": shown, "active": True, "emailAddress": f"{name}@example.com"}

    def status(id_: str, name: str, category: str) -> Json:
        return {"kind": "status", "id": id_, "name": name, "statusCategory": _CATEGORIES[category]}

    return [
        {"kind": "site", "face": face, "url": "https://example.atlassian.net"},
        person("ann", "Ann Arbor"),
        person("ben", "Ben Bow"),
        {"kind": "project", "id": "10000", "key": "CAPA", "name": "Corrective actions", "projectTypeKey": "software"},
        {"kind": "project", "id": "10001", "key": "OPS", "name": "Operations", "projectTypeKey": "software"},
        {"kind": "issuetype", "id": "1", "name": "Nonconformity", "description": "", "subtask": False},
        {"kind": "issuetype", "id": "2", "name": "Sub-task", "description": "", "subtask": True},
        status("1", "Open", "new"),
        status("3", "In Action", "indeterminate"),
        status("6", "Closed", "done"),
        field(10001, "Root cause", "string", "textarea"),
        field(10002, "Severity", "option", "select", options="21=Major 22=Minor"),
        field(10003, "Sites", "array", "multiselect", "option", "31=London 32=Leeds"),
        field(10004, "Reviewer", "user", "userpicker"),
        field(10005, "Review on", "date", "datepicker"),
        field(10006, "Seen at", "datetime", "datetime"),
        field(10007, "Reference", "string", "textfield"),
        field(10008, "Tags", "array", "labels", "string"),
        field(10009, "Link out", "string", "url"),
        field(10010, "Done so far", "array", "multicheckboxes", "option", "41=Told 42=Trained"),
        field(10011, "Cost", "number", "float"),
        {
            "kind": "workflow",
            "project": "CAPA",
            "initial": "Open",
            "transitions": [
                {"id": "11", "name": "Start", "from": ["Open"], "to": "In Action"},
                {"id": "21", "name": "Close", "from": ["In Action"], "to": "Closed"},
                {"id": "31", "name": "Reopen", "from": ["Closed"], "to": "Open"},
            ],
        },
    ]


def make_tracker(face: str = "cloud", **settings: Any) -> JiraTracker:
    """A tracker with the site loaded and its clock frozen at START."""
    tracker = JiraTracker(face, SandboxClock(START, ticking=False), settings=JiraSandboxSettings(**settings))
    tracker.load(site_lines(face))
    return tracker


def signed_in(face: str = "cloud") -> requests.Session:
    """A session of the API user."""
    session = requests.Session()
    if face == "cloud":
        session.auth = (API_EMAIL, API_TOKEN)
    else:
        session.headers["Authorization"] = f"Bearer {API_TOKEN}"
    return session


class Web:
    """A server with a tracker, and a signed-in session to it."""

    def __init__(self, tracker: JiraTracker) -> None:
        self.tracker = tracker
        self.server = SandboxServer(tracker, keeps_answers=True)
        self.session = signed_in(tracker.face)
        self.version = 3 if tracker.face == "cloud" else 2

    def __enter__(self) -> Web:
        self.server.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.session.close()
        self.server.stop()
        assert self.server.crashes == []

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request to a path below `/rest/api/N/`."""
        return self.session.request(method, f"{self.server.url}/rest/api/{self.version}/{path}", **options)

    def get(self, path: str, **params: Any) -> Any:
        """GET and return the JSON of a success."""
        answer = self.call("GET", path, params=params)
        assert answer.ok, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        """POST and return the JSON of a success."""
        answer = self.call("POST", path, json=body)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def search(self, jql: str, **params: Any) -> Any:
        """Request a search page in the way of the Jira version."""
        path = "search/jql" if self.tracker.face == "cloud" else "search"
        return self.get(path, jql=jql, **params)

    def keys(self, jql: str) -> list[str]:
        """The keys of a search's first page."""
        return [issue["key"] for issue in self.search(jql, fields="key", maxResults=100)["issues"]]
