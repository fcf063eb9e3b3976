"""The state of the sandbox Jira: issues with history and comments, people, projects and the site's lists."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from capa_sync.sandbox.jira.defaults import LINK_TYPES, PRIORITIES, RESOLUTIONS, SYSTEM_FIELDS

Json = dict[str, Any]


@dataclass(slots=True)
class ChangeGroup:
    """One changelog entry; `at` is in epoch ms; `extra` has the unknown keys of a loaded entry."""

    id: int
    at: int
    author: Json | None
    items: list[Json]
    extra: Json = field(default_factory=dict)


@dataclass(slots=True)
class Comment:
    """One comment; the body is ADF or wiki text, as given."""

    id: int
    author: Json | None
    body: Any
    created: int
    updated: int
    update_author: Json | None = None
    properties: Json = field(default_factory=dict)
    extra: Json = field(default_factory=dict)


@dataclass(slots=True)
class Snapshot:
    """An issue as the search index has it."""

    key: str
    project: str
    fields: Json
    created: int
    updated: int


@dataclass(slots=True)
class Issue:
    """One issue.

    Attributes:
        project: the project's id.
        fields: raw values by field id, without comment, created and updated.
        created: epoch ms, None if a loaded issue has none.
        updated: epoch ms, None if a loaded issue has none.
        histories: oldest first.
        old_keys: the keys that it had before it was moved.
        is_hidden: the API users cannot see it (issue security).
        extra: unknown top-level keys of a loaded issue.
        stale: (until epoch ms, what the index has until then), oldest first; None means "not in the index".
    """

    id: int
    key: str
    project: str
    fields: Json
    created: int | None
    updated: int | None
    histories: list[ChangeGroup] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    properties: Json = field(default_factory=dict)
    old_keys: list[str] = field(default_factory=list)
    is_hidden: bool = False
    has_comment_field: bool = True
    extra: Json = field(default_factory=dict)
    stale: deque[tuple[int, Snapshot | None]] = field(default_factory=deque)

    def snapshot(self) -> Snapshot:
        """Return the issue as the index would store it now."""
        return Snapshot(self.key, self.project, dict(self.fields), self.created or 0, self.updated or 0)

    def indexed(self, now: int) -> Snapshot | None:
        """Return the issue as the search index has it at an instant (epoch ms)."""
        while self.stale and self.stale[0][0] <= now:
            self.stale.popleft()
        return self.stale[0][1] if self.stale else self.live()

    def live(self) -> Snapshot:
        """Return the issue as it is now; the snapshot shares its fields."""
        return Snapshot(self.key, self.project, self.fields, self.created or 0, self.updated or 0)


@dataclass(slots=True)
class Project:
    """One project; `status` is live, archived or deleted (in the trash)."""

    id: str
    key: str
    raw: Json
    status: str = "live"
    is_hidden: bool = False
    last_number: int = 0


@dataclass(slots=True)
class User:
    """One account; no answer contains `secrets`: token, password, admin, permissions."""

    account: str
    raw: Json
    secrets: Json = field(default_factory=dict)

    @property
    def is_admin(self) -> bool:
        """Whether the account administers the site."""
        return bool(self.secrets.get("admin"))


class JiraState:
    """All data of one sandbox Jira, guarded by `lock`; `version` rises with every change."""

    def __init__(self, *, is_cloud: bool) -> None:
        self.is_cloud = is_cloud
        self.lock = threading.RLock()
        self.version = 0
        self.site: Json = {}
        self.issues: dict[int, Issue] = {}
        self.ids_by_key: dict[str, int] = {}
        self.comment_owner: dict[int, int] = {}
        self.children: defaultdict[int, set[int]] = defaultdict(set)
        self._parents: dict[int, int] = {}
        self.projects: dict[str, Project] = {}
        self.users: dict[str, User] = {}
        self.fields: dict[str, Json] = {f["id"]: dict(f) for f in SYSTEM_FIELDS}
        self.statuses: dict[str, Json] = {}
        self.issue_types: dict[str, Json] = {}
        self.priorities = _builtin("priority", PRIORITIES)
        self.resolutions = _builtin("resolution", RESOLUTIONS)
        self.link_types = _builtin("issueLinkType", LINK_TYPES)
        self.options: defaultdict[str, list[Json]] = defaultdict(list)
        self.workflows: list[Json] = []
        self.files: dict[str, tuple[int, Json, bytes]] = {}
        """Attachment id -> its issue, its member of the field, its content."""
        self._last: defaultdict[str, int] = defaultdict(lambda: 10_000)

    def next_id(self, kind: str) -> int:
        """Return a new number for an issue, changelog entry, comment or link."""
        self._last[kind] += 1
        return self._last[kind]

    def note_id(self, kind: str, used: int) -> None:
        """Record that a loaded object has this number; new numbers are higher."""
        self._last[kind] = max(self._last[kind], used)

    def add_issue(self, issue: Issue) -> None:
        """Add an issue under its current and former keys."""
        self.issues[issue.id] = issue
        for key in (*issue.old_keys, issue.key):
            self.ids_by_key[key.upper()] = issue.id
        for comment in issue.comments:
            self.comment_owner[comment.id] = issue.id
        self.note_parent(issue)
        project = self.projects[issue.project]
        number = issue.key.rpartition("-")[2]
        if number.isdecimal():
            project.last_number = max(project.last_number, int(number))
        self.version += 1

    def forget(self, issue: Issue) -> None:
        """Remove an issue; its keys and its number are never used again."""
        del self.issues[issue.id]
        for key in [key for key, id_ in self.ids_by_key.items() if id_ == issue.id]:
            del self.ids_by_key[key]
        for comment in issue.comments:
            self.comment_owner.pop(comment.id, None)
        issue.fields = {**issue.fields, "parent": None}
        self.note_parent(issue)
        self.version += 1

    def note_parent(self, issue: Issue) -> None:
        """Update the index of children from the issue's parent field."""
        before = self._parents.pop(issue.id, None)
        if before is not None:
            self.children[before].discard(issue.id)
        parent = parent_id(issue)
        if parent is not None:
            self._parents[issue.id] = parent
            self.children[parent].add(issue.id)

    def find(self, key_or_id: str) -> Issue | None:
        """Return an issue by id or by any current or former key."""
        found = self.ids_by_key.get(key_or_id.upper())
        if found is None and key_or_id.isdecimal():
            found = int(key_or_id)
        return self.issues.get(found) if found is not None else None

    def project_by(self, key_or_id: str) -> Project | None:
        """Return a project by id, key or name; the case of key and name does not matter."""
        if key_or_id in self.projects:
            return self.projects[key_or_id]
        wanted = key_or_id.casefold()
        for project in self.projects.values():
            if wanted in (project.key.casefold(), str(project.raw.get("name", "")).casefold()):
                return project
        return None

    def user_by(self, text: str) -> User | None:
        """Return a user by account id, user name, key, e-mail address or display name."""
        if text in self.users:
            return self.users[text]
        wanted = text.casefold()
        for user in self.users.values():
            if wanted in user_words(user.raw):
                return user
        return None

    def field_by(self, name_or_id: str) -> Json | None:
        """Return a field by id or else by name; the case of the name does not matter."""
        if name_or_id in self.fields:
            return self.fields[name_or_id]
        wanted = name_or_id.casefold()
        return next((f for f in self.fields.values() if str(f.get("name", "")).casefold() == wanted), None)

    def in_order(self) -> Iterator[Issue]:
        """Iterate over all issues by id."""
        return iter(sorted(self.issues.values(), key=lambda issue: issue.id))


def _builtin(path: str, listed: tuple[Json, ...]) -> dict[str, Json]:
    return {entry["id"]: {"self": f"http://localhost/rest/api/2/{path}/{entry['id']}", **entry} for entry in listed}


def account_of(raw: Json | None) -> str:
    """Return what identifies a user object: accountId on Cloud, name or key on Data Center."""
    raw = raw or {}
    return str(raw.get("accountId") or raw.get("name") or raw.get("key") or "")


def user_words(raw: Json) -> set[str]:
    """Return the case-folded words that may name a user."""
    names = ("accountId", "name", "key", "emailAddress", "displayName")
    return {str(raw[name]).casefold() for name in names if raw.get(name)}


def parent_id(issue: Issue) -> int | None:
    """Return the id of an issue's parent, or None."""
    parent = issue.fields.get("parent")
    if isinstance(parent, dict) and str(parent.get("id", "")).isdecimal():
        return int(parent["id"])
    return None
