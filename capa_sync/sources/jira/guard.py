"""The write guard: the allow-list of requests that may change anything on a Jira (docs/contract.md 8); pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from capa_sync.model.write import OWN_LABELS, PROPERTY_KEY

INTERNAL_KEY = "sd.public.comment"
_ISSUE = r"issue/\d+"
_READING_POSTS = frozenset(
    {"search", "search/jql", "search/approximate-count", "changelog/bulkfetch", "issue/bulkfetch", "comment/list"}
)
_UPDATE_VERBS = frozenset({"add", "remove"})


class ForbiddenWriteError(AssertionError):
    """A bug of ours: a request outside the allow-list; it was not sent."""


def check_reading_post(path: str) -> None:
    """Raise ForbiddenWriteError unless a POST to this path only reads."""
    if path not in _READING_POSTS:
        raise ForbiddenWriteError(f"POST {path} is not known to read only")


def check_write(method: str, path: str, params: Mapping[str, str], body: Any) -> None:
    """Raise ForbiddenWriteError unless this is one of the few writes that capa-sync makes.

    They are: our comment created (with our property and, in a service desk, as internal) or its body updated; our
    labels added or removed by `update` verbs; the property `capa-sync` of an issue or comment set; our comment and
    our property deleted (the caller first proves that they are ours).

    Args:
        method: HTTP verb.
        path: below `rest/api/N/`.
        params: query parameters.
        body: the JSON body.
    """
    if unquote(path) != path or ".." in path:
        raise ForbiddenWriteError(f"{method} {path}: an encoded path is not sent")
    for verb, pattern, is_ours in _ALLOWED:
        if verb == method and re.fullmatch(pattern, path) and set(params) <= {"notifyUsers"} and is_ours(body):
            return
    raise ForbiddenWriteError(f"{method} {path} with this body is no write that capa-sync makes")


def _is_new_comment(body: Any) -> bool:
    if not isinstance(body, dict) or set(body) != {"body", "properties"} or not _is_text(body["body"]):
        return False
    properties = body["properties"]
    keys = [prop.get("key") for prop in properties]
    if keys not in ([PROPERTY_KEY], [PROPERTY_KEY, INTERNAL_KEY]):
        return False
    return len(keys) == 1 or properties[1]["value"] == {"internal": True}


def _is_comment_text(body: Any) -> bool:
    return isinstance(body, dict) and set(body) == {"body"} and _is_text(body["body"])


def _is_text(body: Any) -> bool:
    return isinstance(body, str) or (isinstance(body, dict) and body.get("type") == "doc")


def _is_own_labels(body: Any) -> bool:
    if not isinstance(body, dict) or set(body) != {"update"} or set(body["update"]) != {"labels"}:
        return False
    orders = body["update"]["labels"]
    return bool(orders) and all(
        len(order) == 1 and set(order) <= _UPDATE_VERBS and set(order.values()) <= OWN_LABELS for order in orders
    )


def _is_nothing(body: Any) -> bool:
    return body is None


def _is_object(body: Any) -> bool:
    return isinstance(body, dict) and bool(body)


_ALLOWED: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("POST", rf"{_ISSUE}/comment", _is_new_comment),
    ("PUT", rf"{_ISSUE}/comment/\d+", _is_comment_text),
    ("PUT", _ISSUE, _is_own_labels),
    ("DELETE", rf"{_ISSUE}/comment/\d+", _is_nothing),
    ("PUT", rf"{_ISSUE}/properties/{re.escape(PROPERTY_KEY)}", _is_object),
    ("DELETE", rf"{_ISSUE}/properties/{re.escape(PROPERTY_KEY)}", _is_nothing),
    ("PUT", rf"comment/\d+/properties/{re.escape(PROPERTY_KEY)}", _is_object),
)
