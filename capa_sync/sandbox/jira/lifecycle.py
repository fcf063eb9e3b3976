"""Creates, transitions, moves, links and deletes issues, with the history entries that each adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capa_sync.sandbox.jira.access import JiraAccess, Viewer
from capa_sync.sandbox.jira.edits import Edits, plain_item
from capa_sync.sandbox.jira.errors import JiraError, no_such_issue
from capa_sync.sandbox.jira.state import Issue, JiraState, Json, Project
from capa_sync.sandbox.jira.times import jira_instant, zone_of

_NOT_VALID = (
    "It seems that you have tried to perform a workflow operation ({}) that is not valid for the current state "
    "of this issue. Please refresh."
)


class Lifecycle:
    """Changes of whole issues; callers hold the state's lock."""

    def __init__(self, state: JiraState, access: JiraAccess, edits: Edits) -> None:
        self._state = state
        self._access = access
        self._edits = edits

    def create(
        self,
        viewer: Viewer,
        fields: Mapping[str, Any],
        update: Mapping[str, Any],
        *,
        wants_adf: bool,
        lag_ms: int = 0,
    ) -> Issue:
        """Create an issue; its initial values add no history entry.

        Raises:
            JiraError: 400 with errors by field.
        """
        project = self._project(viewer, fields.get("project"))
        type_ = self._issue_type(fields.get("issuetype"))
        rest = {name: value for name, value in fields.items() if name not in ("project", "issuetype")}
        if not rest.get("summary"):
            raise JiraError(400, errors={"summary": "You must specify a summary of the issue."})
        now = self._edits.now()
        blank = self._blank(viewer, project, type_)
        number = project.last_number + 1
        issue = Issue(self._state.next_id("issue"), f"{project.key}-{number}", project.id, blank, now, now)
        changes, comments = self._edits.plan(issue, rest, update, wants_adf=wants_adf)
        issue.fields.update(changes)
        self._state.add_issue(issue)
        for order in comments:
            self._edits.add_comment(viewer, issue, order.get("body"), order)
        if lag_ms:
            issue.stale.append((now + lag_ms, None))
        return issue

    def _project(self, viewer: Viewer, wanted: Any) -> Project:
        named = wanted if isinstance(wanted, dict) else {"key": wanted}
        found = self._state.project_by(str(named.get("id") or named.get("key") or ""))
        if found is None or not self._access.can_browse(viewer, found):
            raise JiraError(400, errors={"project": "Specify a valid project ID or key"})
        return found

    def _issue_type(self, wanted: Any) -> Json:
        named = wanted if isinstance(wanted, dict) else {"name": wanted}
        for type_ in self._state.issue_types.values():
            if str(type_["id"]) == str(named.get("id", "")) or type_["name"] == named.get("name"):
                return type_
        raise JiraError(400, errors={"issuetype": "Specify a valid issue type"})

    def _blank(self, viewer: Viewer, project: Project, type_: Json) -> Json:
        nothing: Json = {
            name: [] if (field.get("schema") or {}).get("type") == "array" else None
            for name, field in self._state.fields.items()
            if name not in ("created", "updated", "comment", "worklog", "statusCategory", "watches", "votes")
        }
        me = viewer.user.raw if viewer.user else None
        medium = next((p for p in self._state.priorities.values() if p["name"] == "Medium"), None)
        status = self._initial_status(project, type_)
        return nothing | {
            "project": project.raw,
            "issuetype": type_,
            "status": status,
            "priority": medium,
            "creator": me,
            "reporter": me,
        }

    def _initial_status(self, project: Project, type_: Json) -> Json:
        workflow = self._workflow(project, type_)
        known = list(self._state.statuses.values())
        if not known:
            raise JiraError(400, "The site has no statuses.")
        wanted = workflow.get("initial") if workflow else None
        if wanted:
            return self._status(str(wanted))
        return next((s for s in known if (s.get("statusCategory") or {}).get("key") == "new"), known[0])

    def _workflow(self, project: Project, type_: Json) -> Json | None:
        for flow in self._state.workflows:
            if flow.get("project") in (None, project.key) and (
                not flow.get("issuetypes") or type_.get("name") in flow["issuetypes"]
            ):
                return flow
        return None

    def _status(self, name_or_id: str) -> Json:
        if name_or_id in self._state.statuses:
            return self._state.statuses[name_or_id]
        for status in self._state.statuses.values():
            if status["name"] == name_or_id:
                return status
        raise JiraError(400, f"There is no status '{name_or_id}'.")

    def transitions(self, issue: Issue) -> list[Json]:
        """Return the transitions open to an issue: its workflow's, or without a workflow one to each status."""
        flow = self._workflow(self._state.projects[issue.project], issue.fields.get("issuetype") or {})
        present = (issue.fields.get("status") or {}).get("name")
        if flow is None:
            return [
                {"id": str(11 + 10 * number), "name": status["name"], "to": status, "is_global": True}
                for number, status in enumerate(self._state.statuses.values())
            ]
        return [
            {**transition, "to": self._status(str(transition["to"])), "is_global": not transition.get("from")}
            for transition in flow["transitions"]
            if not transition.get("from") or present in transition["from"]
        ]

    def transition(
        self, viewer: Viewer, issue: Issue, wanted: str, fields: Json, update: Json, *, wants_adf: bool
    ) -> None:
        """Carry out a transition; fields, resolution and status share one history entry.

        Raises:
            JiraError: 400, the transition is not open or a value is wrong.
        """
        found = next((t for t in self.transitions(issue) if str(t["id"]) == wanted), None)
        if found is None:
            raise JiraError(400, _NOT_VALID.format(wanted))
        changes, comments = self._edits.plan(issue, fields, update, wants_adf=wants_adf)
        if "resolution" not in changes:
            changes |= self._resolution(found, issue)
        self._edits.apply(viewer, issue, changes, comments, lambda: self._set_status(issue, found["to"]))

    def _resolution(self, transition: Json, issue: Issue) -> dict[str, Any]:
        """Return the new resolution: the transition's own, else Done for a done status and none for others."""
        if "resolution" in transition:
            wanted = transition["resolution"]
        elif (transition["to"].get("statusCategory") or {}).get("key") == "done":
            if issue.fields.get("resolution"):
                return {}
            wanted = "Done"
        else:
            wanted = None
        found = next((r for r in self._state.resolutions.values() if r["name"] == wanted), None)
        return {"resolution": found} if found or issue.fields.get("resolution") else {}

    def _set_status(self, issue: Issue, status: Json) -> list[Json]:
        before, now = issue.fields.get("status"), self._edits.now()
        issue.fields["status"] = status
        resolved = jira_instant(now, zone_of("UTC")) if issue.fields.get("resolution") else None
        if bool(resolved) != bool(issue.fields.get("resolutiondate")):
            issue.fields["resolutiondate"] = resolved
        if (before or {}).get("statusCategory") != status.get("statusCategory") and self._state.is_cloud:
            issue.fields["statuscategorychangedate"] = jira_instant(now, zone_of("UTC"))
        same = before is not None and str(before.get("id")) == str(status["id"])
        return [] if same else [self._edits.item("status", before, status)]

    def move(self, viewer: Viewer, issue: Issue, wanted: str) -> None:
        """Move an issue and its sub-tasks to another project: new key, same id; the old key still resolves."""
        target = self._project(viewer, wanted)
        if target.id == issue.project:
            return
        self._move_issue(viewer, issue, target)
        for child in [self._state.issues[child_id] for child_id in sorted(self._state.children.get(issue.id, ()))]:
            if (child.fields.get("issuetype") or {}).get("subtask"):
                self._move_issue(viewer, child, target)

    def _move_issue(self, viewer: Viewer, issue: Issue, target: Project) -> None:
        self._edits.begin(issue, viewer)
        key = next((old for old in issue.old_keys if old.rpartition("-")[0] == target.key), None)
        if key is None:
            target.last_number += 1
            key = f"{target.key}-{target.last_number}"
        items = [
            self._edits.item("project", issue.fields.get("project"), target.raw),
            plain_item("Key", (None, issue.key), (None, key)),
        ]
        issue.old_keys = [old for old in (*issue.old_keys, issue.key) if old != key]
        issue.key, issue.project, issue.fields["project"] = key, target.id, target.raw
        self._state.ids_by_key[key.upper()] = issue.id
        self._edits.record(issue, viewer, items)
        self._edits.touch(issue)

    def delete(self, viewer: Viewer, issue: Issue, *, with_subtasks: bool = False) -> None:
        """Delete an issue with its history; each linked issue gets an entry about the removed link."""
        children = [self._state.issues[child_id] for child_id in sorted(self._state.children.get(issue.id, ()))]
        subtasks = [child for child in children if (child.fields.get("issuetype") or {}).get("subtask")]
        if subtasks and not with_subtasks:
            message = f"The issue '{issue.key}' has subtasks. You must specify the 'deleteSubtasks' parameter."
            raise JiraError(400, message)
        for child in subtasks:
            self.delete(viewer, child)
        for link in list(issue.fields.get("issuelinks") or ()):
            self.unlink(viewer, str(link.get("id")), spare=issue.id)
        self._state.forget(issue)

    def link(self, viewer: Viewer, type_: Json, inward: Issue, outward: Issue) -> str:
        """Link two issues, add a history entry to both, and return the link's id."""
        id_ = str(self._state.next_id("link"))
        sides = (
            (outward, inward, "inwardIssue", type_["inward"]),
            (inward, outward, "outwardIssue", type_["outward"]),
        )
        for here, there, side, words in sides:
            self._edits.begin(here, viewer)
            link = {"id": id_, "type": type_, side: {"id": str(there.id), "key": there.key}}
            here.fields["issuelinks"] = [*(here.fields.get("issuelinks") or ()), link]
            shown = (there.key, f"This issue {words} {there.key}")
            self._edits.record(here, viewer, [plain_item("Link", (None, None), shown)])
            self._edits.touch(here)
        return id_

    def unlink(self, viewer: Viewer, link_id: str, spare: int | None = None) -> None:
        """Remove a link from both issues; the issue `spare`, which is being deleted, gets no entry.

        Raises:
            JiraError: 404, there is no such link.
        """
        found = False
        for issue in list(self._state.issues.values()):
            links = issue.fields.get("issuelinks") or ()
            link = next((link for link in links if str(link.get("id")) == link_id), None)
            if link is None:
                continue
            found = True
            self._edits.begin(issue, viewer)
            issue.fields["issuelinks"] = [other for other in links if other is not link]
            if issue.id != spare:
                side = "inward" if "inwardIssue" in link else "outward"
                key = (link.get(side + "Issue") or {}).get("key")
                shown = (key, f"This issue {(link.get('type') or {}).get(side)} {key}")
                self._edits.record(issue, viewer, [plain_item("Link", shown, (None, None))])
                self._edits.touch(issue)
        if not found:
            raise no_such_issue(is_cloud=self._state.is_cloud)
