"""Adds tickets of the sandbox's file format to a Jira; raw objects are kept unchanged."""

from __future__ import annotations

from typing import Any

from capa_sync.sandbox.jira.defaults import CATEGORIES
from capa_sync.sandbox.jira.state import ChangeGroup, Comment, Issue, JiraState, Json, Project, User, account_of
from capa_sync.sandbox.jira.times import parse_ms

_HISTORY_KEYS = frozenset({"id", "created", "items"})
_COMMENT_KEYS = frozenset({"id", "body", "created", "updated", "properties", "self"})
_ISSUE_KEYS = frozenset(
    {"id", "key", "self", "fields", "changelog", "properties", "oldKeys", "sandbox", "comments", "renderedFields"}
)
_USER_FIELDS = ("assignee", "reporter", "creator")


class IssueLoader:
    """Adds tickets one by one, and adds unknown people, statuses, types and fields to the site's lists."""

    def __init__(self, state: JiraState) -> None:
        self._state = state
        self._named = {
            "status": state.statuses,
            "priority": state.priorities,
            "resolution": state.resolutions,
            "issuetype": state.issue_types,
        }

    def add(self, raw: Json) -> Issue:
        """Add one ticket.

        Raises:
            KeyError: the ticket has no key.
        """
        fields: Json = dict(raw.get("fields") or {})
        listed = fields.pop("comment", None)
        created, updated = parse_ms(fields.pop("created", None)), parse_ms(fields.pop("updated", None))
        key = str(raw["key"])
        project = self._project(key, fields)
        fields["issuetype"] = fields.get("issuetype") or {"name": "Task"}  # Jira has one for every issue
        for name in list(fields):
            fields[name] = self._known(name, fields[name])
        issue = Issue(self._id(raw), key, project.id, fields, created, updated)
        issue.extra = {name: value for name, value in raw.items() if name not in _ISSUE_KEYS}
        issue.histories = self._histories(raw, created or 0)
        comments = raw.get("comments") or (listed or {}).get("comments") or []
        issue.comments = [self._comment(comment, created or 0) for comment in comments]
        issue.comments.sort(key=lambda comment: (comment.created, comment.id))
        issue.has_comment_field = listed is not None or bool(comments)
        issue.properties = dict(raw.get("properties") or {})
        issue.old_keys = _old_keys(issue, raw)
        issue.is_hidden = bool((raw.get("sandbox") or {}).get("hidden"))
        self._note_links(fields)
        self._state.add_issue(issue)
        return issue

    def _id(self, raw: Json) -> int:
        given = str(raw.get("id") or "")
        if not given.isdecimal():
            return self._state.next_id("issue")
        self._state.note_id("issue", int(given))
        return int(given)

    def _project(self, key: str, fields: Json) -> Project:
        raw = fields.get("project") or {"key": key.rpartition("-")[0]}
        found = self._state.projects.get(str(raw.get("id"))) or self._state.project_by(str(raw.get("key")))
        if found is None:
            id_ = str(raw.get("id") or self._state.next_id("project"))
            raw = {"id": id_, "name": raw.get("key"), **raw}
            found = self._state.projects[id_] = Project(id_, str(raw["key"]), raw)
        if all(found.raw.get(name) == value for name, value in raw.items()):
            fields["project"] = found.raw
        return found

    def _known(self, name: str, value: Any) -> Any:
        """Return the value, with the listed object for one that adds nothing to it; list unknown objects."""
        if name in self._named and isinstance(value, dict):
            return self._listed(name, value)
        if name not in self._state.fields:
            self._state.fields[name] = _guessed_field(name, value)
        if isinstance(value, dict):
            return self._known_reference(name, value)
        if isinstance(value, list) and name.startswith("customfield_"):
            return [self._known_reference(name, member) if isinstance(member, dict) else member for member in value]
        return value

    def _listed(self, name: str, value: Json) -> Json:
        known = self._named[name]
        wanted, title = str(value.get("id", "")), value.get("name")
        found = known.get(wanted)
        if found is None and not wanted:
            found = next((entry for entry in known.values() if entry.get("name") == title), None)
        if found is None:
            raw = {**value, "id": wanted or str(self._state.next_id(name))}
            if name == "status":
                raw.setdefault("statusCategory", CATEGORIES["new"])
            if name == "issuetype":
                raw.setdefault("subtask", False)
            found = known[raw["id"]] = raw
            return raw
        if name == "issuetype" and "subtask" not in value:
            value = {**value, "subtask": found.get("subtask", False)}
        return found if _adds_nothing(value, found) else value

    def _known_reference(self, name: str, value: Json) -> Json:
        if "displayName" in value or name in _USER_FIELDS:
            return self._person(value)
        if "value" in value and name.startswith("customfield_"):
            options = self._state.options[name]
            for option in options:
                if _adds_nothing(value, option):
                    return {key: option[key] for key in ("self", "value", "id") if key in option}
            if "id" in value and all(str(option.get("id")) != str(value["id"]) for option in options):
                options.append(value)
        return value

    def _person(self, value: Json) -> Json:
        account = account_of(value)
        if not account:
            return value
        known = self._state.users.get(account)
        if known is None:
            self._state.users[account] = User(account, value)
            return value
        return known.raw if _adds_nothing(value, known.raw) else value

    def _histories(self, raw: Json, fallback: int) -> list[ChangeGroup]:
        listed = list((raw.get("changelog") or {}).get("histories") or [])
        dated = [(parse_ms(entry.get("created")), entry) for entry in listed]
        if len(dated) > 1 and (dated[0][0] or 0) > (dated[-1][0] or 0):
            dated.reverse()
        found = [self._history(entry, fallback if at is None else at) for at, entry in dated]
        return sorted(found, key=lambda entry: (entry.at, entry.id))

    def _history(self, raw: Json, at: int) -> ChangeGroup:
        given = str(raw.get("id") or "")
        id_ = int(given) if given.isdecimal() else self._state.next_id("history")
        self._state.note_id("history", id_)
        author = raw.get("author")
        extra = {k: v for k, v in raw.items() if k not in _HISTORY_KEYS and (k != "author" or v is None)}
        items = raw.get("items") or []
        if not self._state.is_cloud:
            items = [{k: v for k, v in item.items() if k != "fieldId"} for item in items]
        return ChangeGroup(id_, at, self._person(author) if author else None, items, extra)

    def _comment(self, raw: Json, fallback: int) -> Comment:
        given = str(raw.get("id") or "")
        id_ = int(given) if given.isdecimal() else self._state.next_id("comment")
        self._state.note_id("comment", id_)
        created = parse_ms(raw.get("created"))
        updated = parse_ms(raw.get("updated"))
        created = fallback if created is None else created
        people = {name: self._person(raw[name]) for name in ("author", "updateAuthor") if raw.get(name)}
        return Comment(
            id_,
            people.get("author"),
            raw.get("body"),
            created,
            created if updated is None else updated,
            people.get("updateAuthor"),
            _properties(raw.get("properties")),
            {k: v for k, v in raw.items() if k not in _COMMENT_KEYS and k not in people},
        )

    def _note_links(self, fields: Json) -> None:
        for link in fields.get("issuelinks") or ():
            if str(link.get("id", "")).isdecimal():
                self._state.note_id("link", int(link["id"]))


def _adds_nothing(value: Json, known: Json) -> bool:
    return all(known.get(name) == given for name, given in value.items())


def _properties(given: Any) -> Json:
    if isinstance(given, dict):
        return dict(given)
    return {pair["key"]: pair["value"] for pair in given or ()}


def _old_keys(issue: Issue, raw: Json) -> list[str]:
    former = [
        str(item.get("fromString"))
        for entry in issue.histories
        for item in entry.items
        if item.get("field") == "Key" and item.get("fromString")
    ]
    return [key for key in dict.fromkeys([*(raw.get("oldKeys") or ()), *former]) if key != issue.key]


def _guessed_field(name: str, value: Any) -> Json:
    sample = value[0] if isinstance(value, list) and value else value
    type_ = "any"
    if isinstance(sample, dict):
        type_ = "user" if "displayName" in sample else "option" if "value" in sample else "any"
    elif isinstance(sample, str) and isinstance(value, list):
        type_ = "string"
    elif isinstance(sample, int | float) and not isinstance(sample, bool):
        type_ = "number"
    schema: Json = {"type": "array", "items": type_} if isinstance(value, list) else {"type": type_}
    is_custom = name.startswith("customfield_")
    number = name.removeprefix("customfield_")
    if is_custom and number.isdecimal():
        schema["customId"] = int(number)
    return {
        "id": name,
        "key": name,
        "name": name,
        "custom": is_custom,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": [f"cf[{number}]"] if is_custom else [name],
        "schema": schema,
    }
