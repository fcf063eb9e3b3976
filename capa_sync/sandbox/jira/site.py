"""The parts of one sandbox Jira, and one call to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from capa_sync.sandbox.jira.access import JiraAccess, Viewer
from capa_sync.sandbox.jira.edits import Edits
from capa_sync.sandbox.jira.errors import JiraError, no_such_issue
from capa_sync.sandbox.jira.lifecycle import Lifecycle
from capa_sync.sandbox.jira.render import IssueRenderer
from capa_sync.sandbox.jira.search import Finder
from capa_sync.sandbox.jira.settings import JiraSandboxSettings
from capa_sync.sandbox.jira.state import Issue, JiraState, Json
from capa_sync.sandbox.messages import BadJsonError, Request

BAD_PAYLOAD = "Invalid request payload. Refer to the REST API documentation and try again."


class JiraSite:
    """The state, permissions, edits and search of one Jira.

    Args:
        settings: the sandbox settings.
        now: returns the tracker's instant in epoch ms.
        is_cloud: whether the face is Cloud, else Data Center.
    """

    def __init__(self, settings: JiraSandboxSettings, now: Callable[[], int], *, is_cloud: bool) -> None:
        self.is_cloud = is_cloud
        self.settings = settings
        self.now = now
        self.state = JiraState(is_cloud=is_cloud)
        self.access = JiraAccess(self.state, settings)
        self.edits = Edits(self.state, self.access, settings, now)
        self.lifecycle = Lifecycle(self.state, self.access, self.edits)
        self.finder = Finder(self.state, self.access, settings, now)

    def issue(self, viewer: Viewer, key_or_id: str) -> Issue:
        """Return an issue that the viewer sees.

        Raises:
            JiraError: 404; it does not show whether the issue was deleted, is hidden or never existed.
        """
        found = self.state.find(key_or_id)
        if found is None or not self.access.can_see(viewer, found):
            raise no_such_issue(is_cloud=self.is_cloud)
        return found

    def page_size(self, asked: int, total: int, cap: int) -> int:
        """Return how many items a page of a plain list holds."""
        size = min(asked, cap)
        if self.settings.short_pages:
            size = min(size, self.settings.short_pages)
        if self.settings.serve_lists_in_two_pages and total > 1:
            size = min(size, (total + 1) // 2)
        return max(0, size)


@dataclass
class JiraCall:
    """One request, its viewer, and methods that read its parameters.

    Attributes:
        parts: the groups that the route's pattern matched in the path.
    """

    request: Request
    viewer: Viewer
    render: IssueRenderer
    parts: tuple[str, ...]

    @property
    def wants_adf(self) -> bool:
        """Whether rich text is sent as ADF."""
        return self.viewer.version == 3

    def text(self, name: str, default: str = "") -> str:
        """Return a query parameter."""
        return self.request.parameter(name) or default

    def number(self, name: str, default: int) -> int:
        """Return a query parameter that is a whole number.

        Raises:
            JiraError: 400.
        """
        return whole(self.request.parameter(name), name, default)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a query parameter that is true or false."""
        return (self.request.parameter(name) or str(default)).lower() == "true"

    def many(self, name: str) -> list[str]:
        """Return the values of a query parameter that may be repeated and may contain commas."""
        return [w for text in self.request.query.get(name, []) for w in text.split(",") if w]

    def body(self, allowed: frozenset[str] | None = None) -> Json:
        """Return the JSON object in the body.

        Args:
            allowed: the keys of the vendor's schema; another key is refused.

        Raises:
            JiraError: 400.
        """
        try:
            found = self.request.json() if self.request.body else {}
        except BadJsonError as error:
            raise JiraError(400, BAD_PAYLOAD) from error
        if not isinstance(found, dict) or (allowed is not None and set(found) - allowed):
            raise JiraError(400, BAD_PAYLOAD)
        return found

    def json_body(self) -> Any:
        """Return the body as any JSON value.

        Raises:
            JiraError: 400.
        """
        try:
            return json.loads(self.request.body)
        except ValueError as error:
            raise JiraError(400, BAD_PAYLOAD) from error


def whole(value: Any, name: str, default: int) -> int:
    """Return a whole number that is given as text or number.

    Raises:
        JiraError: 400.
    """
    if value is None or value == "":
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise JiraError(400, f"The value '{value}' of '{name}' is not a whole number.") from error


def listed(value: Any) -> list[str]:
    """Return the members of a body value that is a list, a comma-separated string or absent."""
    if value is None:
        return []
    if isinstance(value, str):
        return [word for word in value.split(",") if word]
    return [str(member) for member in value]
