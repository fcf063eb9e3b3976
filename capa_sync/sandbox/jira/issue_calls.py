"""The issue endpoints: read, create, edit, transition, assign, delete, move, link."""

from __future__ import annotations

from typing import Any

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.render import FieldChoice
from capa_sync.sandbox.jira.site import BAD_PAYLOAD, JiraCall, JiraSite
from capa_sync.sandbox.jira.state import Issue, Json
from capa_sync.sandbox.jira.values import NOT_SETTABLE, kind_of
from capa_sync.sandbox.messages import Reply

_NO_TRANSITION = "Missing 'transition' identifier"


def get_issue(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /issue/X` by id, key or a former key; the answer has the current key."""
    issue = site.issue(call.viewer, call.parts[0])
    choice = FieldChoice.of(call.many("fields"), "*all")
    found = call.render.issue(issue, choice, call.many("expand"), call.many("properties"))
    found.setdefault("fields", {})
    if "transitions" in call.many("expand"):
        found["transitions"] = _transitions(site, call, issue)
    if "editmeta" in call.many("expand"):
        found["editmeta"] = {"fields": _editable(site, issue)}
    return Reply(200, found)


def create_issue(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /issue`."""
    site.access.require(call.viewer, "CREATE_ISSUES", "create issues in this project")
    asked = call.body()
    lag = int(site.settings.index_lag_s * 1000)
    fields, update = asked.get("fields") or {}, asked.get("update") or {}
    issue = site.lifecycle.create(call.viewer, fields, update, wants_adf=call.wants_adf, lag_ms=lag)
    return Reply(201, {"id": str(issue.id), "key": issue.key, "self": f"{call.render.root}/issue/{issue.id}"})


def edit_issue(site: JiraSite, call: JiraCall) -> Reply:
    """`PUT /issue/X`; Cloud ignores the request if it has notifyUsers=false without the permission for it."""
    issue, asked = site.issue(call.viewer, call.parts[0]), call.body()
    if not _may_notify(site, call):
        return Reply(204)
    site.access.require(call.viewer, "EDIT_ISSUES", "edit issues in this project")
    fields, update = asked.get("fields") or {}, asked.get("update") or {}
    site.edits.edit(call.viewer, issue, fields, update, wants_adf=call.wants_adf)
    for pair in asked.get("properties") or ():
        issue.properties[pair["key"]] = pair["value"]
    if call.flag("returnIssue", default=False):
        return Reply(200, call.render.issue(issue, FieldChoice.of(None, "*all")))
    return Reply(204)


def _may_notify(site: JiraSite, call: JiraCall) -> bool:
    if call.flag("notifyUsers", default=True) or site.settings.notify_users_permission:
        return True
    if site.access.has(call.viewer, "ADMINISTER_PROJECTS"):
        return True
    if not site.is_cloud:
        message = "To discard the user notification either admin or project admin permissions are required."
        raise JiraError(403, message)
    return False


def delete_issue(site: JiraSite, call: JiraCall) -> Reply:
    """`DELETE /issue/X`."""
    issue = site.issue(call.viewer, call.parts[0])
    site.access.require(call.viewer, "DELETE_ISSUES", "delete issues in this project")
    site.lifecycle.delete(call.viewer, issue, with_subtasks=call.flag("deleteSubtasks", default=False))
    return Reply(204)


def assign_issue(site: JiraSite, call: JiraCall) -> Reply:
    """`PUT /issue/X/assignee`."""
    issue, asked = site.issue(call.viewer, call.parts[0]), call.body()
    site.access.require(call.viewer, "ASSIGN_ISSUES", "assign this issue")
    name = asked.get("accountId" if site.is_cloud else "name")
    given = None if name is None else {"accountId" if site.is_cloud else "name": name}
    site.edits.edit(call.viewer, issue, {"assignee": given}, {}, wants_adf=call.wants_adf)
    return Reply(204)


def list_transitions(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /issue/X/transitions`."""
    issue = site.issue(call.viewer, call.parts[0])
    wanted = call.text("transitionId")
    found = [transition for transition in _transitions(site, call, issue) if not wanted or transition["id"] == wanted]
    return Reply(200, {"expand": "transitions", "transitions": found})


def _transitions(site: JiraSite, call: JiraCall, issue: Issue) -> list[Json]:
    if not site.access.has(call.viewer, "TRANSITION_ISSUES"):
        return []
    found = []
    for transition in site.lifecycle.transitions(issue):
        shown: Json = {"id": str(transition["id"]), "name": transition["name"], "to": transition["to"]}
        if site.is_cloud:
            shown |= {
                "hasScreen": False,
                "isGlobal": transition["is_global"],
                "isInitial": False,
                "isAvailable": True,
            }
        found.append(shown)
    return found


def do_transition(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /issue/X/transitions`."""
    issue, asked = site.issue(call.viewer, call.parts[0]), call.body()
    site.access.require(call.viewer, "TRANSITION_ISSUES", "transition this issue")
    wanted = (asked.get("transition") or {}).get("id")
    if wanted is None:
        raise JiraError(400, _NO_TRANSITION)
    fields, update = asked.get("fields") or {}, asked.get("update") or {}
    site.lifecycle.transition(call.viewer, issue, str(wanted), fields, update, wants_adf=call.wants_adf)
    return Reply(204)


def edit_meta(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /issue/X/editmeta`: the fields on the edit screen."""
    return Reply(200, {"fields": _editable(site, site.issue(call.viewer, call.parts[0]))})


def _editable(site: JiraSite, _issue: Issue) -> Json:
    found: Json = {}
    for name, field in site.state.fields.items():
        if name in NOT_SETTABLE | {"resolutiondate", "attachment", "watches", "votes"} | set(
            site.settings.off_screen
        ):
            continue
        is_list = (field.get("schema") or {}).get("type") == "array"
        meta: Json = {
            "required": name == "summary",
            "schema": field.get("schema") or {"type": "any"},
            "name": field["name"],
            "operations": ["add", "set", "remove"] if is_list else ["set"],
        }
        if site.is_cloud:
            meta["key"] = name
        else:
            meta["fieldId"] = name
        if kind_of(field) in ("option", "options"):
            meta["allowedValues"] = site.state.options[name]
        found[name] = meta
    return found


def list_worklogs(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /issue/X/worklog`: the worklogs that were loaded."""
    issue = site.issue(call.viewer, call.parts[0])
    logs = (issue.fields.get("worklog") or {}).get("worklogs") or []
    return Reply(200, {"startAt": 0, "maxResults": len(logs), "total": len(logs), "worklogs": logs})


def create_link(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /issueLink`."""
    asked = call.body()
    site.access.require(call.viewer, "LINK_ISSUES", "link issues in this project")
    wanted = asked.get("type") or {}
    type_ = next(
        (t for t in site.state.link_types.values() if wanted.get("id") == t["id"] or wanted.get("name") == t["name"]),
        None,
    )
    if type_ is None:
        raise JiraError(404, f"No issue link type with name '{wanted.get('name')}' found.")
    inward, outward = (_end(site, call, asked.get(side)) for side in ("inwardIssue", "outwardIssue"))
    site.lifecycle.link(call.viewer, type_, inward, outward)
    return Reply(201)


def _end(site: JiraSite, call: JiraCall, given: Any) -> Issue:
    if not isinstance(given, dict):
        raise JiraError(400, BAD_PAYLOAD)
    return site.issue(call.viewer, str(given.get("id") or given.get("key") or ""))


def delete_link(site: JiraSite, call: JiraCall) -> Reply:
    """`DELETE /issueLink/N`."""
    site.access.require(call.viewer, "LINK_ISSUES", "link issues in this project")
    site.lifecycle.unlink(call.viewer, call.parts[0])
    return Reply(204)


def bulk_move(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /bulk/issues/move` (Cloud): the move is complete when the request is answered."""
    site.access.require(call.viewer, "MOVE_ISSUES", "move issues")
    for target, source in (call.body().get("targetToSourcesMapping") or {}).items():
        for key in source.get("issueIdsOrKeys") or ():
            site.lifecycle.move(call.viewer, site.issue(call.viewer, str(key)), target.split(",")[0])
    return Reply(201, {"taskId": str(site.state.next_id("task"))})
