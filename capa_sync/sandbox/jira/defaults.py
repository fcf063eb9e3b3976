"""What every Jira site has before a file is loaded: system fields, priorities, resolutions, link types."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def _field(id_: str, name: str, type_: str, *, items: str = "", clauses: str = "", **extra: object) -> Json:
    schema: Json = {"type": type_, "system": id_}
    if items:
        schema["items"] = items
    return {
        "id": id_,
        "key": id_,
        "name": name,
        "custom": False,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": (clauses or id_).split(),
        "schema": schema,
        **extra,
    }


SYSTEM_FIELDS: tuple[Json, ...] = (
    _field("summary", "Summary", "string"),
    _field("description", "Description", "string"),
    _field("environment", "Environment", "string"),
    _field("issuetype", "Issue Type", "issuetype", clauses="issuetype type"),
    _field("project", "Project", "project"),
    _field("status", "Status", "status", orderable=False),
    _field("statusCategory", "Status Category", "statusCategory", orderable=False),
    _field("resolution", "Resolution", "resolution"),
    _field("resolutiondate", "Resolved", "datetime", clauses="resolutiondate resolved", orderable=False),
    _field("priority", "Priority", "priority"),
    _field("labels", "Labels", "array", items="string"),
    _field("assignee", "Assignee", "user"),
    _field("reporter", "Reporter", "user"),
    _field("creator", "Creator", "user", orderable=False),
    _field("created", "Created", "datetime", clauses="created createdDate", orderable=False),
    _field("updated", "Updated", "datetime", clauses="updated updatedDate", orderable=False),
    _field("duedate", "Due date", "date", clauses="due duedate"),
    _field("parent", "Parent", "issuelink", orderable=False),
    _field("subtasks", "Sub-tasks", "array", items="issuelinks", orderable=False, searchable=False),
    _field("issuelinks", "Linked Issues", "array", items="issuelinks", searchable=False),
    _field("comment", "Comment", "comments-page"),
    _field("attachment", "Attachment", "array", items="attachment"),
    _field("components", "Components", "array", items="component", clauses="component"),
    _field("fixVersions", "Fix versions", "array", items="version", clauses="fixVersion"),
    _field("versions", "Affects versions", "array", items="version", clauses="affectedVersion"),
    _field("worklog", "Log Work", "array", items="worklog", navigable=False),
    _field("watches", "Watchers", "watches", orderable=False, clauses="watchers"),
    _field("votes", "Votes", "votes", orderable=False),
)
PRIORITIES: tuple[Json, ...] = (
    {"id": "1", "name": "Highest"},
    {"id": "2", "name": "High"},
    {"id": "3", "name": "Medium"},
    {"id": "4", "name": "Low"},
    {"id": "5", "name": "Lowest"},
)
RESOLUTIONS: tuple[Json, ...] = (
    {"id": "10000", "name": "Done", "description": "Work has been completed on this issue."},
    {"id": "10001", "name": "Won't do", "description": "This issue won't be actioned."},
    {"id": "10002", "name": "Duplicate", "description": "The problem is a duplicate of an existing issue."},
)
LINK_TYPES: tuple[Json, ...] = (
    {"id": "10000", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"},
    {"id": "10001", "name": "Cloners", "inward": "is cloned by", "outward": "clones"},
    {"id": "10002", "name": "Duplicate", "inward": "is duplicated by", "outward": "duplicates"},
    {"id": "10003", "name": "Relates", "inward": "relates to", "outward": "relates to"},
)
CATEGORIES: dict[str, Json] = {
    "new": {"id": 2, "key": "new", "colorName": "blue-gray", "name": "To Do"},
    "indeterminate": {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"},
    "done": {"id": 3, "key": "done", "colorName": "green", "name": "Done"},
}
PERMISSIONS: tuple[str, ...] = (
    "BROWSE_PROJECTS",
    "CREATE_ISSUES",
    "EDIT_ISSUES",
    "TRANSITION_ISSUES",
    "ASSIGN_ISSUES",
    "ASSIGNABLE_USER",
    "RESOLVE_ISSUES",
    "CLOSE_ISSUES",
    "SCHEDULE_ISSUES",
    "MOVE_ISSUES",
    "DELETE_ISSUES",
    "LINK_ISSUES",
    "MODIFY_REPORTER",
    "ADD_COMMENTS",
    "EDIT_OWN_COMMENTS",
    "DELETE_OWN_COMMENTS",
    "EDIT_ALL_COMMENTS",
    "DELETE_ALL_COMMENTS",
    "WORK_ON_ISSUES",
    "ADMINISTER_PROJECTS",
    "ADMINISTER",
)
ADMIN_ONLY = frozenset({"EDIT_ALL_COMMENTS", "DELETE_ALL_COMMENTS", "ADMINISTER_PROJECTS", "ADMINISTER"})
