"""Edits of issues: each adds the history entry and moves `updated` as a real Jira does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from capa_sync.sandbox.jira.access import JiraAccess, Viewer
from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.limits import WriteGate
from capa_sync.sandbox.jira.settings import JiraSandboxSettings
from capa_sync.sandbox.jira.state import ChangeGroup, Comment, Issue, JiraState, Json
from capa_sync.sandbox.jira.values import NOT_SETTABLE, Values, changelog_value, kind_of, same_value

_OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


class Edits:
    """Changes the issues of one site; callers hold the state's lock.

    Args:
        state: the state of the site.
        access: its permissions.
        settings: the sandbox settings.
        now: returns the tracker's instant in epoch ms.
    """

    def __init__(
        self, state: JiraState, access: JiraAccess, settings: JiraSandboxSettings, now: Callable[[], int]
    ) -> None:
        self._state = state
        self._access = access
        self._settings = settings
        self.now = now
        self._gate = WriteGate(settings)

    @property
    def values(self) -> Values:
        """A reader of field values with the current text limit."""
        return Values(self._state, self._settings.text_limit)

    def begin(self, issue: Issue, viewer: Viewer) -> None:
        """Begin a write: refuse it above the issue's write rate, and let the search index lag behind."""
        if not viewer.sees_all:
            self._gate.count(issue.id, self.now())
        if self._settings.index_lag_s > 0:
            issue.stale.append((self.now() + int(self._settings.index_lag_s * 1000), issue.snapshot()))
        self._state.version += 1

    def touch(self, issue: Issue) -> None:
        """Set `updated` to now."""
        issue.updated = self.now()

    def record(self, issue: Issue, viewer: Viewer, items: list[Json]) -> None:
        """Add one history entry with the items, if there are any."""
        if not items:
            return
        if not self._state.is_cloud:
            items = [{key: value for key, value in item.items() if key != "fieldId"} for item in items]
        author = viewer.user.raw if viewer.user else None
        issue.histories.append(ChangeGroup(self._state.next_id("history"), self.now(), author, items))

    def edit(
        self, viewer: Viewer, issue: Issue, fields: Mapping[str, Any], update: Mapping[str, Any], *, wants_adf: bool
    ) -> None:
        """Carry out an edit request; one without a change adds no entry and does not move `updated`.

        Raises:
            JiraError: 400 with the errors by field; then nothing is applied.
        """
        changes, comments = self.plan(issue, fields, update, wants_adf=wants_adf)
        self.apply(viewer, issue, changes, comments)

    def plan(
        self, issue: Issue, fields: Mapping[str, Any], update: Mapping[str, Any], *, wants_adf: bool
    ) -> tuple[dict[str, Any], list[Json]]:
        """Return the new values by field id and the comments to add, without changing anything."""
        errors: dict[str, str] = {}
        changes: dict[str, Any] = {}
        for name, value in fields.items():
            _collect(errors, changes, name, partial(self._new_value, name, value, wants_adf=wants_adf))
        comments: list[Json] = []
        for name, orders in update.items():
            if name == "comment":
                comments += [order["add"] for order in orders if "add" in order]
                continue
            before = changes.get(name, issue.fields.get(name))
            _collect(errors, changes, name, partial(self._updated_value, name, before, orders, wants_adf=wants_adf))
        if "summary" in changes and not changes["summary"]:
            errors["summary"] = "You must specify a summary of the issue."
        if errors:
            raise JiraError(400, errors=errors)
        return changes, comments

    def apply(
        self,
        viewer: Viewer,
        issue: Issue,
        changes: Mapping[str, Any],
        comments: list[Json],
        extra_items: Callable[[], list[Json]] | None = None,
    ) -> None:
        """Set planned values; `extra_items` (of a transition) go into the same history entry."""
        real = {n: v for n, v in changes.items() if not same_value(issue.fields.get(n), v)}
        if not (real or comments or extra_items):
            return
        self.begin(issue, viewer)
        items = [self.item(name, issue.fields.get(name), value) for name, value in real.items()]
        issue.fields.update(real)
        if "parent" in real:
            self._state.note_parent(issue)
        self.record(issue, viewer, items + (extra_items() if extra_items else []))
        for order in comments:
            self.add_comment(viewer, issue, order.get("body"), order)
        self.touch(issue)

    def item(self, field_id: str, before: Any, after: Any) -> Json:
        """Return one changelog item."""
        if field_id == "parent":
            return plain_item("IssueParentAssociation", _parent(before), _parent(after))
        field = self._state.fields[field_id]
        (from_, from_text), (to, to_text) = changelog_value(field, before), changelog_value(field, after)
        is_custom = bool(field.get("custom"))
        return {
            "field": field["name"] if is_custom else _item_name(field_id),
            "fieldtype": "custom" if is_custom else "jira",
            "fieldId": field_id,
            "from": from_,
            "fromString": from_text,
            "to": to,
            "toString": to_text,
        }

    def _field(self, name: str) -> Json:
        field = self._state.fields.get(name)
        if field is None or name in NOT_SETTABLE or name in self._settings.off_screen:
            raise JiraError(400, errors={name: _OFF_SCREEN.format(name)})
        return field

    def _new_value(self, name: str, value: Any, *, wants_adf: bool) -> Any:
        return self.values.read(self._field(name), value, wants_adf=wants_adf)

    def _updated_value(self, name: str, before: Any, orders: list[Json], *, wants_adf: bool) -> Any:
        field = self._field(name)
        is_list = kind_of(field) in ("labels", "options", "users", "named-list")
        value = before
        for order in orders:
            for verb, given in order.items():
                if verb == "set":
                    value = self.values.read(field, given, wants_adf=wants_adf)
                elif verb in ("add", "remove") and is_list:
                    change = self.values.read(field, [given], wants_adf=wants_adf)
                    value = _with(value or [], change) if verb == "add" else _without(value or [], change)
                else:
                    message = f"Field with id '{name}' and name '{field['name']}' does not support operation '{verb}'"
                    raise JiraError(400, errors={name: message})
        return sorted(value) if kind_of(field) == "labels" and value else value

    def add_comment(self, viewer: Viewer, issue: Issue, body: Any, order: Mapping[str, Any]) -> Comment:
        """Add a comment with the properties and visibility of the request; adds no history entry."""
        if len(issue.comments) >= self._settings.max_comments:
            raise JiraError(413, "The issue has reached its limit of comments.")
        author = viewer.user.raw if viewer.user else None
        properties = {pair["key"]: pair["value"] for pair in order.get("properties") or ()}
        extra: Json = {"visibility": order["visibility"]} if order.get("visibility") else {}
        if self._settings.shows_internal_comments:
            properties.pop("sd.public.comment", None)
        internal = properties.get("sd.public.comment")
        if self._state.is_cloud and isinstance(internal, dict):
            extra["jsdPublic"] = not internal.get("internal")
        now = self.now()
        comment = Comment(self._state.next_id("comment"), author, body, now, now, author, properties, extra)
        issue.comments.append(comment)
        issue.has_comment_field = True
        self._state.comment_owner[comment.id] = issue.id
        return comment


def _collect(errors: dict[str, str], changes: dict[str, Any], name: str, read: Callable[[], Any]) -> None:
    try:
        changes[name] = read()
    except JiraError as error:
        errors.update(error.errors or {name: str(error)})


def _with(before: list[Any], added: list[Any]) -> list[Any]:
    return before + [value for value in added if not any(same_value(value, other) for other in before)]


def _without(before: list[Any], removed: list[Any]) -> list[Any]:
    return [value for value in before if not any(same_value(value, other) for other in removed)]


def _item_name(field_id: str) -> str:
    return {"fixVersions": "Fix Version", "versions": "Version", "components": "Component"}.get(field_id, field_id)


def _parent(value: Any) -> tuple[str | None, str | None]:
    return (str(value.get("id")), str(value.get("key"))) if isinstance(value, dict) else (None, None)


def plain_item(field: str, before: tuple[Any, Any], after: tuple[Any, Any]) -> Json:
    """Return a changelog item of a kind that has no field id (Key, Link, IssueParentAssociation)."""
    return {
        "field": field,
        "fieldtype": "jira",
        "from": before[0],
        "fromString": before[1],
        "to": after[0],
        "toString": after[1],
    }
