"""Field values: which ones a write may set, what is stored, and how the changelog shows it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.state import JiraState, Json, account_of
from capa_sync.sandbox.jira.text import is_document, to_wiki
from capa_sync.sandbox.jira.times import parse_ms

NOT_SETTABLE = frozenset(
    {
        "status",
        "created",
        "updated",
        "creator",
        "comment",
        "subtasks",
        "issuelinks",
        "statusCategory",
        "worklog",
        "project",
    }
)
_ADF_ERROR = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"


def kind_of(field: Json) -> str:
    """Return a field's kind: text, line, option(s), user(s), date, datetime, number, labels, named, named-list.

    `named` is a reference to a list of the site (priority, resolution, issue type, component, version).
    """
    schema = field.get("schema") or {}
    custom = str(schema.get("custom", "")).rpartition(":")[2]
    type_, items = schema.get("type"), schema.get("items")
    if field["id"] in ("description", "environment") or custom == "textarea":
        return "text"
    if type_ == "array":
        kinds = {"string": "labels", "option": "options", "user": "users", "group": "users"}
        return kinds.get(str(items), "named-list")
    kinds = {"string": "line", "option": "option", "user": "user", "date": "date", "datetime": "datetime"}
    kinds |= {"number": "number", "any": "line", "option-with-child": "option"}
    return kinds.get(str(type_), "named")


class Values:
    """Reads the values of a write to one site."""

    def __init__(self, state: JiraState, text_limit: int) -> None:
        self._state = state
        self._text_limit = text_limit

    def read(self, field: Json, value: Any, *, wants_adf: bool) -> Any:
        """Return the value to store for the value of a request.

        Raises:
            JiraError: 400 with the field's error in Jira's words.
        """
        if value is None or value == "":
            return [] if kind_of(field) in ("labels", "options", "users", "named-list") else None
        if field["id"] == "parent":
            return self._parent(value)
        reader = getattr(self, "_" + kind_of(field).replace("-", "_"))
        if kind_of(field) == "text":
            return self._text(field, value, wants_adf=wants_adf)
        return reader(field, value)

    def _text(self, field: Json, value: Any, *, wants_adf: bool) -> Any:
        if wants_adf and not is_document(value):
            raise _bad(field, _ADF_ERROR)
        if not wants_adf and not isinstance(value, str):
            raise _bad(field, "Operation value must be a string")
        self.check_length(field["id"], value)
        return value

    def check_length(self, name: str, value: Any) -> None:
        """Raise JiraError 400 for text over the site's limit."""
        if len(to_wiki(value)) > self._text_limit:
            message = f"The entered text is too long. It exceeds the allowed limit of {self._text_limit} characters."
            raise JiraError(400, errors={name: message})

    def _line(self, field: Json, value: Any) -> str:
        if not isinstance(value, str):
            raise _bad(field, "Operation value must be a string")
        limit = 255 if field["id"] == "summary" or field.get("custom") else self._text_limit
        if len(value) > limit:
            raise _bad(field, f"The entered text is too long. It exceeds the allowed limit of {limit} characters.")
        return value.replace("\r", " ").replace("\n", " ") if field["id"] == "summary" else value

    def _option(self, field: Json, value: Any) -> Json:
        if not isinstance(value, dict):
            raise _bad(field, "Specify a valid 'id' or 'name' for " + str(field.get("name")))
        wanted = str(value.get("id") or value.get("value") or "")
        for option in self._state.options[field["id"]]:
            by = "id" if value.get("id") else "value"
            if str(option.get(by)) == wanted and not option.get("disabled"):
                return {key: option[key] for key in ("self", "value", "id") if key in option}
        raise _bad(field, f"Option {'id' if value.get('id') else 'value'} '{wanted}' is not valid")

    def _options(self, field: Json, value: Any) -> list[Json]:
        return [self._option(field, option) for option in _listed(field, value)]

    def _user(self, field: Json, value: Any) -> Json:
        wanted = str((value or {}).get("accountId") or value.get("name") or value.get("key") or value.get("id") or "")
        user = self._state.users.get(wanted)
        if user is None:
            user = next((u for u in self._state.users.values() if u.raw.get("key") == wanted and wanted), None)
        if user is None:
            raise _bad(field, f"User '{wanted}' does not exist.")
        return user.raw

    def _users(self, field: Json, value: Any) -> list[Json]:
        return [self._user(field, user) for user in _listed(field, value)]

    def _date(self, field: Json, value: Any) -> str:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
            raise _bad(field, "Error parsing date string: " + str(value))
        return str(value)

    def _datetime(self, field: Json, value: Any) -> str:
        if parse_ms(value) is None:
            raise _bad(field, "Error parsing date string: " + str(value))
        return str(value)

    def _number(self, field: Json, value: Any) -> float:
        if not isinstance(value, int | float):
            raise _bad(field, "Operation value must be a number")
        return float(value)

    def _labels(self, field: Json, value: Any) -> list[str]:
        found = _listed(field, value)
        for label in found:
            if not isinstance(label, str) or len(label) > 255:
                raise _bad(field, "The label is not a text of at most 255 characters.")
            if re.search(r"\s", label):
                raise _bad(field, f"The label '{label}' contains spaces which is invalid.")
        return sorted(set(found))

    def _named(self, field: Json, value: Any) -> Json:
        lists = {
            "priority": self._state.priorities,
            "resolution": self._state.resolutions,
            "issuetype": self._state.issue_types,
        }
        known = lists.get(field["id"], {})
        wanted = value if isinstance(value, dict) else {"name": value}
        for entry in known.values():
            if str(entry["id"]) == str(wanted.get("id", "")) or (
                "id" not in wanted and str(entry["name"]).casefold() == str(wanted.get("name", "")).casefold()
            ):
                return entry
        named = wanted.get("name") or wanted.get("id")
        raise _bad(field, f"The {field['id']} selected is invalid: {named}")

    def _named_list(self, field: Json, value: Any) -> list[Json]:
        return [dict(entry) for entry in _listed(field, value) if isinstance(entry, dict)]

    def _parent(self, value: Any) -> Json:
        wanted = value.get("key") or value.get("id") if isinstance(value, dict) else value
        found = self._state.find(str(wanted or ""))
        if found is None:
            raise JiraError(400, errors={"parent": "Could not find issue by id or key."})
        return {"id": str(found.id), "key": found.key}


def changelog_value(field: Json, value: Any) -> tuple[str | None, str | None]:
    """Return a value as the changelog shows it: the pair (from, fromString) or (to, toString)."""
    kind = kind_of(field)
    if kind == "labels":
        return "", " ".join(value or [])
    if value is None or value in ([], ""):
        return None, None
    if kind in ("text", "line", "number"):
        return None, f"{value:g}" if kind == "number" else to_wiki(value)
    if kind in ("user", "option", "named"):
        return _reference(value)
    if kind in ("users", "options"):
        pairs = [_reference(reference) for reference in value]
        return f"[{', '.join(str(i) for i, _ in pairs)}]", ",".join(str(name) for _, name in pairs)
    if kind == "named-list":
        return str(value[0].get("id", "")), ", ".join(str(entry.get("name", "")) for entry in value)
    return str(value), _shown_date(str(value), custom=bool(field.get("custom")))


def _reference(value: Json) -> tuple[str, str]:
    if "displayName" in value:
        return str(value.get("accountId") or value.get("key") or value.get("name")), str(value["displayName"])
    if value.get("key") and "fields" not in value and "name" not in value and "value" not in value:
        return str(value.get("id")), str(value["key"])
    return str(value.get("id", "")), str(value.get("value", value.get("name", "")))


def _shown_date(text: str, *, custom: bool) -> str:
    if not custom:
        return text + " 00:00:00.0" if len(text) == 10 else text
    day = datetime.fromisoformat(text[:10])
    clock = "" if len(text) == 10 else f" {text[11:16]}"
    return f"{day.day}/{day:%b}/{day:%y}{clock}"


def same_value(before: Any, after: Any) -> bool:
    """Whether Jira counts two stored values as equal; references are compared by their identity."""
    return bool(_identity(before) == _identity(after))


def _identity(value: Any) -> Any:
    if isinstance(value, list):
        return [_identity(member) for member in value]
    if isinstance(value, dict) and value.get("type") != "doc":
        return account_of(value) if "displayName" in value else str(value.get("id", value))
    return value if value not in ("", []) else None


def _listed(field: Json, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _bad(field, "data was not an array")
    return value


def _bad(field: Json, message: str) -> JiraError:
    return JiraError(400, errors={field["id"]: message})
