"""Changes to a sandbox Jira that the API does not show: rights, renames, silent changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.site import JiraSite
from capa_sync.sandbox.jira.state import Issue, Project, account_of
from capa_sync.sandbox.jira.times import jira_instant, zone_of


class Admin:
    """An administrator of the site; no change adds a history entry or moves `updated`."""

    def __init__(self, site: JiraSite) -> None:
        self._site = site

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._site.state.lock:
            yield
            self._site.state.version += 1

    def _issue(self, key: str) -> Issue:
        found = self._site.state.find(key)
        if found is None:
            raise JiraError(404, f"There is no issue '{key}'.")
        return found

    def _project(self, key: str) -> Project:
        found = self._site.state.project_by(key)
        if found is None:
            raise JiraError(404, f"There is no project '{key}'.")
        return found

    def hide(self, key: str, *, hidden: bool = True) -> None:
        """Hide an issue from all API users by issue security, or show it again."""
        with self._changing():
            self._issue(key).is_hidden = hidden

    def hide_project(self, key: str, *, hidden: bool = True) -> None:
        """Revoke Browse on a project from all API users, or grant it again."""
        with self._changing():
            self._project(key).is_hidden = hidden

    def set_project_status(self, key: str, status: str) -> None:
        """Set a project's status: `live`, `archived` or `deleted` (in the trash)."""
        with self._changing():
            self._project(key).status = status

    def alter(self, key: str, fields: Mapping[str, Any]) -> None:
        """Change raw field values without a history entry and without moving `updated` (docs/real-tickets.md 7)."""
        with self._changing():
            issue = self._issue(key)
            issue.fields.update(fields)
            self._site.state.note_parent(issue)

    def attach(self, key: str, name: str, content: bytes, media_type: str = "application/octet-stream") -> str:
        """Attach a file to an issue, and return its id."""
        with self._changing():
            issue, state = self._issue(key), self._site.state
            file_id = str(state.next_id("attachment"))
            created = jira_instant(self._site.now(), zone_of("UTC"))
            member = {"id": file_id, "filename": name, "size": len(content), "mimeType": media_type}
            member |= {"created": created, "author": issue.fields.get("reporter")}
            state.files[file_id] = (issue.id, member, content)
            issue.fields["attachment"] = [*(issue.fields.get("attachment") or ()), member]
        return file_id

    def rename_status(self, name: str, new_name: str) -> None:
        """Rename a status; tickets show the new name, their history keeps the old one."""
        with self._changing():
            for status in self._site.state.statuses.values():
                if status["name"] == name:
                    status["name"] = new_name
            for issue in self._site.state.issues.values():
                status = issue.fields.get("status") or {}
                if status.get("name") == name:
                    issue.fields["status"] = {**status, "name": new_name}
            for flow in self._site.state.workflows:
                _rename_in_workflow(flow, name, new_name)

    def rename_field(self, name: str, new_name: str) -> None:
        """Rename a field; past history entries keep the old name."""
        with self._changing():
            field = self._site.state.field_by(name)
            if field is None:
                raise JiraError(404, f"There is no field '{name}'.")
            field["name"] = new_name

    def set_user(self, account: str, values: Mapping[str, Any]) -> None:
        """Change a profile: `active`, `timeZone`, `displayName`, …; every object that holds the user shows it."""
        with self._changing():
            user = self._site.state.user_by(account)
            if user is None:
                raise JiraError(404, f"There is nobody called '{account}'.")
            user.raw.update(values)
            for issue in self._site.state.issues.values():
                for name, value in issue.fields.items():
                    if isinstance(value, dict) and value is not user.raw and account_of(value) == user.account:
                        issue.fields[name] = {**value, **values}

    def set_secrets(self, account: str, values: Mapping[str, Any]) -> None:
        """Change the credentials and rights of an account: `token`, `password`, `admin`, `permissions`."""
        with self._changing():
            user = self._site.state.user_by(account)
            if user is None:
                raise JiraError(404, f"There is nobody called '{account}'.")
            user.secrets.update(values)


def _rename_in_workflow(flow: dict[str, Any], name: str, new_name: str) -> None:
    if flow.get("initial") == name:
        flow["initial"] = new_name
    for transition in flow["transitions"]:
        transition["from"] = [new_name if status == name else status for status in transition.get("from") or ()]
        transition["to"] = new_name if transition["to"] == name else transition["to"]
