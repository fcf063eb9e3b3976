"""Renders the site's objects as JSON for one viewer: chosen fields, text by API version, instants in the zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote

from capa_sync.sandbox.jira.access import JiraAccess, Viewer
from capa_sync.sandbox.jira.settings import JiraSandboxSettings
from capa_sync.sandbox.jira.state import ChangeGroup, Comment, Issue, JiraState, Json, Snapshot
from capa_sync.sandbox.jira.text import to_document, to_wiki
from capa_sync.sandbox.jira.times import jira_instant, parse_ms
from capa_sync.sandbox.jira.values import kind_of

_DATES = frozenset({"resolutiondate", "statuscategorychangedate", "lastViewed"})
_NOT_NAVIGABLE = frozenset({"comment", "worklog", "attachment"})
_SUMMARY_FIELDS = ("summary", "status", "priority", "issuetype")
_addresses = count(0x1A2B3C40, 0x40)


@dataclass(frozen=True)
class FieldChoice:
    """The requested fields: a star form or names, without the excluded ones."""

    star: str
    names: frozenset[str]
    excluded: frozenset[str]

    @classmethod
    def of(cls, asked: Iterable[str] | None, default: str) -> FieldChoice:
        """Read the `fields` parameter: a list whose members may contain commas."""
        words = [w.strip() for member in asked or () for w in str(member).split(",") if w.strip()] or [default]
        stars = [w for w in words if w.startswith("*")]
        excluded = frozenset(w[1:] for w in words if w.startswith("-"))
        names = frozenset(w for w in words if w[0] not in "*-")
        star = "*all" if "*all" in stars else "*navigable" if stars or not names else ""
        return cls(star, names, excluded)

    @property
    def is_id_only(self) -> bool:
        """Whether only id and key are requested."""
        return not self.star and self.names <= {"id", "key"}

    def takes(self, field: str) -> bool:
        """Whether a field is part of the choice."""
        if field in self.excluded:
            return False
        if field in self.names or self.star == "*all":
            return True
        return self.star == "*navigable" and field not in _NOT_NAVIGABLE


class IssueRenderer:
    """Renders objects as JSON for one viewer."""

    def __init__(self, state: JiraState, access: JiraAccess, settings: JiraSandboxSettings, viewer: Viewer) -> None:
        self._state = state
        self._access = access
        self._settings = settings
        self.viewer = viewer
        self.root = f"{viewer.base}/rest/api/{viewer.version}"
        self._special = self._specials()

    def _specials(self) -> dict[str, Callable[[Issue, Any], Any]]:
        found: dict[str, Callable[[Issue, Any], Any]] = {
            "issuelinks": lambda _issue, value: self._links(value),
            "subtasks": self._subtasks,
            "parent": lambda _issue, value: self._short(value),
            "attachment": lambda _issue, value: [self._attachment(member) for member in value],
        }
        for name, field in self._state.fields.items():
            kind = kind_of(field)
            if kind == "text":
                found[name] = lambda _issue, value: self.text(value)
            elif kind == "datetime":
                found[name] = lambda _issue, value: self._in_viewer_zone(value)
        for name in _DATES:
            found[name] = lambda _issue, value: self._in_viewer_zone(value)
        for name in self._settings.volatile_fields:
            found[name] = lambda _issue, value: f"{to_wiki(value)}@{next(_addresses):x}"
        return found

    def _attachment(self, member: Any) -> Any:
        """Return an attachment whose content the site holds with its addresses; another one as it was loaded."""
        if not isinstance(member, dict) or member.get("id") not in self._state.files:
            return member
        place = f"{self.root}/attachment/content/{member['id']}"
        if not self._state.is_cloud:
            place = f"{self.viewer.base}/secure/attachment/{member['id']}/{quote(member['filename'])}"
        return {"self": f"{self.root}/attachment/{member['id']}", **member, "content": place}

    def at(self, ms: int) -> str:
        """Return an instant in the viewer's zone."""
        return jira_instant(ms, self.viewer.zone)

    def text(self, value: Any) -> Any:
        """Return rich text in the form of the viewer's API version."""
        if value is None:
            return None
        if self._state.is_cloud and self.viewer.version == 3:
            return to_document(value) if isinstance(value, str) else value
        return to_wiki(value)

    def _in_viewer_zone(self, value: Any) -> Any:
        ms = parse_ms(value)
        return value if ms is None else self.at(ms)

    def issue(
        self,
        issue: Issue,
        choice: FieldChoice,
        expand: Iterable[str] = (),
        properties: Iterable[str] = (),
        stale: Snapshot | None = None,
    ) -> Json:
        """Return an issue, with its current fields and instants or those of a stale index entry."""
        found: Json = {
            "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
            **issue.extra,
            "id": str(issue.id),
            "self": f"{self.root}/issue/{issue.id}",
            "key": (stale or issue).key,
        }
        if not choice.is_id_only:
            found["fields"] = self._fields(issue, choice, stale or issue)
        expand = set(expand)
        if "changelog" in expand:
            found["changelog"] = self._inline_changelog(issue)
        if "names" in expand:
            found["names"] = {name: self._name(name) for name in found.get("fields", {})}
        wanted = [key for key in properties if key in issue.properties]
        if any(properties):
            found["properties"] = {key: issue.properties[key] for key in wanted}
        return found

    def _name(self, field: str) -> str:
        return str(self._state.fields.get(field, {}).get("name", field))

    def _fields(self, issue: Issue, choice: FieldChoice, source: Issue | Snapshot) -> Json:
        found: Json = {}
        special = self._special
        for name, value in source.fields.items():
            if choice.takes(name):
                found[name] = special[name](issue, value) if value is not None and name in special else value
        for name, ms in (("created", source.created), ("updated", source.updated)):
            if ms is not None and choice.takes(name):
                found[name] = self.at(ms)
        if choice.takes("subtasks") and "subtasks" not in found and self._state.children.get(issue.id):
            found["subtasks"] = self._subtasks(issue, [])
        if issue.has_comment_field and choice.takes("comment"):
            found["comment"] = self._inline_comments(issue)
        return found

    def _inline_comments(self, issue: Issue) -> Json:
        total = len(issue.comments)
        shown = issue.comments[: self._settings.inline_comment_cap] if self._state.is_cloud else issue.comments
        page: Json = {"comments": [self.comment(issue, comment) for comment in shown]}
        if self._state.is_cloud:
            page["self"] = f"{self.root}/issue/{issue.id}/comment"
        return {**page, "maxResults": len(shown), "total": total, "startAt": 0}

    def _inline_changelog(self, issue: Issue) -> Json:
        total = len(issue.histories)
        if self._state.is_cloud:
            cap = self._settings.inline_changelog_cap
            shown = issue.histories[::-1][:cap]
        else:
            shown = issue.histories[:: -1 if self._settings.dc_history_order == "newest" else 1]
        histories = [self.history(entry) for entry in shown]
        return {"startAt": 0, "maxResults": len(shown), "total": total, "histories": histories}

    def history(self, entry: ChangeGroup, created: Any = None) -> Json:
        """Return a changelog entry."""
        found: Json = {"id": str(entry.id), **entry.extra}
        if entry.author is not None:
            found["author"] = entry.author
        found["created"] = self.at(entry.at) if created is None else created
        found["items"] = entry.items
        return found

    def comment(self, issue: Issue, comment: Comment, *, with_properties: bool = False) -> Json:
        """Return a comment, with its properties if requested."""
        found: Json = {
            **comment.extra,
            "self": f"{self.root}/issue/{issue.id}/comment/{comment.id}",
            "id": str(comment.id),
        }
        if comment.author is not None:
            found["author"] = comment.author
        if comment.body is not None:
            found["body"] = self.text(comment.body)
        if comment.update_author is not None:
            found["updateAuthor"] = comment.update_author
        found["created"], found["updated"] = self.at(comment.created), self.at(comment.updated)
        if self._state.is_cloud:
            found.setdefault("jsdPublic", True)
        if with_properties:
            found["properties"] = [{"key": k, "value": v} for k, v in comment.properties.items()]
        return found

    def _short(self, value: Any) -> Any:
        """Return a reference to another issue, with current values if the viewer sees that issue."""
        if not isinstance(value, dict):
            return value
        other = self._state.find(str(value.get("id") or value.get("key") or ""))
        if other is None or not self._access.can_see(self.viewer, other):
            return value
        fields = {name: other.fields[name] for name in _SUMMARY_FIELDS if other.fields.get(name) is not None}
        link = f"{self.root}/issue/{other.id}"
        return {"id": str(other.id), "key": other.key, "self": link, "fields": fields}

    def _links(self, links: Any) -> list[Json]:
        found = []
        for link in links or ():
            side = "inwardIssue" if "inwardIssue" in link else "outwardIssue"
            other = self._state.find(str((link.get(side) or {}).get("id") or ""))
            if other is None or self._access.can_see(self.viewer, other):
                self_link = f"{self.root}/issueLink/{link.get('id')}"
                found.append({**link, "self": self_link, side: self._short(link.get(side))})
        return found

    def _subtasks(self, issue: Issue, value: Any) -> list[Json]:
        known = [self._state.issues[child_id] for child_id in sorted(self._state.children.get(issue.id, ()))]
        shown = [
            self._short({"id": str(child.id)})
            for child in known
            if (child.fields.get("issuetype") or {}).get("subtask") and self._access.can_see(self.viewer, child)
        ]
        unknown = [subtask for subtask in value or () if self._state.find(str(subtask.get("id") or "")) is None]
        return shown + unknown
