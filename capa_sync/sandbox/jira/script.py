"""Scripted edits of a sandbox Jira, from Python or over `/_sandbox/act`.

Each edit of an `Actor` runs the same code as an HTTP request of that person at the tracker's current instant.
Values are given in short form: fields by name or id; options, people and statuses by name; rich text as plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from capa_sync.sandbox.jira.access import Viewer
from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.site import JiraSite
from capa_sync.sandbox.jira.state import Issue, Json, User
from capa_sync.sandbox.jira.text import to_document
from capa_sync.sandbox.jira.values import kind_of


class Actor:
    """Makes edits as one person; sees and may do everything, so that scripts can edit hidden tickets too."""

    def __init__(self, site: JiraSite, user: User) -> None:
        self._site = site
        self._user = user

    @property
    def _viewer(self) -> Viewer:
        version = 3 if self._site.is_cloud else 2
        return self._site.access.viewer(self._user, version, "http://sandbox", sees_all=True)

    def _issue(self, key: str) -> Issue:
        return self._site.issue(self._viewer, key)

    def create(self, project: str, issuetype: str, fields: Mapping[str, Any]) -> str:
        """Create an issue and return its key."""
        with self._site.state.lock:
            given = {"project": {"key": project}, "issuetype": {"name": issuetype}, **self._fields(fields)}
            lag = int(self._site.settings.index_lag_s * 1000)
            adf = self._site.is_cloud
            return self._site.lifecycle.create(self._viewer, given, {}, wants_adf=adf, lag_ms=lag).key

    def edit(self, key: str, fields: Mapping[str, Any]) -> None:
        """Edit fields in one save."""
        with self._site.state.lock:
            given = self._fields(fields)
            self._site.edits.edit(self._viewer, self._issue(key), given, {}, wants_adf=self._site.is_cloud)

    def label(self, key: str, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> None:
        """Add and remove labels one by one."""
        with self._site.state.lock:
            orders = [{"add": label} for label in add] + [{"remove": label} for label in remove]
            self._site.edits.edit(self._viewer, self._issue(key), {}, {"labels": orders}, wants_adf=False)

    def transition(self, key: str, to: str, fields: Mapping[str, Any] | None = None) -> None:
        """Carry out the transition with that name, else the first one to the status with that name."""
        with self._site.state.lock:
            issue = self._issue(key)
            found = self._site.lifecycle.transitions(issue)
            by_name = [t for t in found if t["name"] == to] or [t for t in found if t["to"]["name"] == to]
            if not by_name:
                raise JiraError(400, f"There is no transition '{to}' from here.")
            given, id_ = self._fields(fields or {}), str(by_name[0]["id"])
            self._site.lifecycle.transition(self._viewer, issue, id_, given, {}, wants_adf=self._site.is_cloud)

    def comment(self, key: str, text: str, properties: Mapping[str, Any] | None = None) -> str:
        """Add a comment and return its id."""
        with self._site.state.lock:
            issue = self._issue(key)
            self._site.edits.begin(issue, self._viewer)
            listed = [{"key": name, "value": value} for name, value in (properties or {}).items()]
            made = self._site.edits.add_comment(self._viewer, issue, self._rich(text), {"properties": listed})
            self._site.edits.touch(issue)
            return str(made.id)

    def edit_comment(self, key: str, comment: str, text: str) -> None:
        """Rewrite a comment, whoever wrote it."""
        with self._site.state.lock:
            issue = self._issue(key)
            self._site.edits.begin(issue, self._viewer)
            found = next(candidate for candidate in issue.comments if str(candidate.id) == comment)
            found.body, found.updated, found.update_author = self._rich(text), self._site.now(), self._user.raw
            self._site.edits.touch(issue)

    def delete_comment(self, key: str, comment: str) -> None:
        """Delete a comment, whoever wrote it."""
        with self._site.state.lock:
            issue = self._issue(key)
            self._site.edits.begin(issue, self._viewer)
            issue.comments = [kept for kept in issue.comments if str(kept.id) != comment]
            self._site.state.comment_owner.pop(int(comment), None)
            self._site.edits.touch(issue)

    def move(self, key: str, project: str) -> str:
        """Move an issue to another project and return its new key."""
        with self._site.state.lock:
            issue = self._issue(key)
            self._site.lifecycle.move(self._viewer, issue, project)
            return issue.key

    def link(self, inward: str, type_name: str, outward: str) -> str:
        """Link two issues ("outward blocks inward" reads `link(inward, "Blocks", outward)`), return the link's id."""
        with self._site.state.lock:
            type_ = next(t for t in self._site.state.link_types.values() if t["name"] == type_name)
            return self._site.lifecycle.link(self._viewer, type_, self._issue(inward), self._issue(outward))

    def unlink(self, link_id: str) -> None:
        """Remove a link."""
        with self._site.state.lock:
            self._site.lifecycle.unlink(self._viewer, link_id)

    def delete(self, key: str) -> None:
        """Delete an issue and its sub-tasks."""
        with self._site.state.lock:
            self._site.lifecycle.delete(self._viewer, self._issue(key), with_subtasks=True)

    def _fields(self, given: Mapping[str, Any]) -> Json:
        found: Json = {}
        for name, value in given.items():
            field = self._site.state.field_by(name)
            if field is None:
                raise JiraError(400, f"There is no field '{name}'.")
            found[field["id"]] = self._value(field, value)
        return found

    def _value(self, field: Json, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value({**field, "schema": _item_schema(field)}, member) for member in value]
        if not isinstance(value, str) or value == "":
            return value
        if field["id"] == "parent":
            return {"key": value}
        forms: dict[str, Callable[[str], Any]] = {
            "text": self._rich,
            "option": lambda text: {"value": text},
            "user": self._person,
            "named": lambda text: {"name": text},
        }
        form = forms.get(kind_of(field))
        return form(value) if form else value

    def _rich(self, text: str) -> Any:
        return to_document(text) if self._site.is_cloud else text

    def _person(self, text: str) -> Json:
        user = self._site.state.user_by(text)
        if user is None:
            raise JiraError(400, f"There is nobody called '{text}'.")
        return {"accountId" if self._site.is_cloud else "name": user.account}


def _item_schema(field: Json) -> Json:
    schema = field.get("schema") or {}
    return {"type": schema.get("items", "any")}
