"""The newest tickets in scope as Jira sends them, and what their projects show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Issue = dict[str, Any]


@dataclass(slots=True)
class Seen:
    """The sample of tickets, and what is known of their projects.

    Attributes:
        issues: the newest in scope. projects: key -> kind of project (`service_desk`, …). screens: field id -> its
            description on an edit screen, with the options of all screens together; None when no screen may be read.
        has_all_screens: the screens are those of every project and issue type of the sample.
    """

    issues: list[Issue]
    projects: dict[str, str] = field(default_factory=dict)
    screens: dict[str, Mapping[str, Any]] | None = None
    has_all_screens: bool = False


def fields_of(issue: Issue) -> dict[str, Any]:
    """Return the fields of a ticket, none where its answer holds none."""
    found = issue.get("fields")
    return found if isinstance(found, dict) else {}


def kind_of(issue: Issue) -> tuple[str, str]:
    """Return the project and the issue type of a ticket, which decide its screen."""
    project, kind = (fields_of(issue).get(name) for name in ("project", "issuetype"))
    return _member(project, "key"), _member(kind, "name")


def is_subtask(issue: Issue) -> bool:
    """Return whether a ticket is of a type of sub-tasks."""
    kind = fields_of(issue).get("issuetype")
    return isinstance(kind, dict) and kind.get("subtask") is True


def _member(value: Any, name: str) -> str:
    return str(value.get(name)) if isinstance(value, dict) else ""
