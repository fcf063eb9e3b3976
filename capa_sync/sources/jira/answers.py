"""Decides what a Jira's answer means: valid content, or the error that says what to do; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from capa_sync.errors import AccessDenied, Authentication, BadAnswer, Fatal, SourceError, WriteRefused
from capa_sync.model.visible import one_line
from capa_sync.model.write import TICKET_GONE
from capa_sync.redaction import redacted
from capa_sync.sources.answer_heads import NOT_FINAL, is_final
from capa_sync.sources.decoding import decode_json
from capa_sync.sources.retry import NOT_BY_TRACKER

_LONGEST = 300
_OWN_KEYS = frozenset({"errorMessages", "errors", "errorMessage", "message", "status-code"})
_MOST_READ = 20_000
"""Characters that are searched for secrets: an error answer may be as long as any, and little of it is shown."""
IS_A_JIRA = "check `url`: is the address that of a Jira?"


def decode(source: str, what: str, headers: Mapping[str, str], content: bytes) -> Any:
    """Return the JSON of a 2xx answer. Raises BadAnswer for a sign-in page, a proxy's page or a cut answer."""
    # redact before the case changes: a secret in other letters would not be recognised
    kind = one_line(redacted(headers.get("Content-Type", ""))).partition(";")[0].strip().lower()
    if kind not in ("application/json", "text/json") and not kind.endswith("+json"):
        message = f"{what}: the answer is {kind or 'of no type'} instead of JSON{_guess(content)}"
        raise BadAnswer(source, message, do=IS_A_JIRA)
    try:
        return decode_json(content)
    except ValueError as error:
        message = f"{what}: the answer is cut short or no JSON ({len(content)} bytes)"
        raise BadAnswer(source, message) from error


def _guess(content: bytes) -> str:
    head = content[:4000].lower()
    if b"<html" in head or b"<!doctype html" in head:
        sign_in = b"log in" in head or b"login" in head or b"sign in" in head
        return "; it is a sign-in page" if sign_in else "; a proxy or a maintenance page answered"
    return ""


def error_text(content: bytes) -> str:
    """Return Jira's own error message, on one line and short; "" when there is none (HTML, no body).

    Whatever the answer holds, this raises nothing: the status has already said whether a write was applied.
    """
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(found, dict):
        return ""
    messages, errors = found.get("errorMessages"), found.get("errors")
    words = [*messages] if isinstance(messages, list) else [messages]
    if isinstance(errors, dict):
        words += [f"{name}: {text}" for name, text in errors.items() if isinstance(text, str)]
    words += [found.get(name) for name in ("errorMessage", "message", "error_description")]
    said = " ".join(" ".join(word for word in words if word and isinstance(word, str)).split())[:_MOST_READ]
    # redact before cutting: half a secret would not be recognised
    return " ".join(one_line(redacted(said)).split())[:_LONGEST]


def decides(path: str) -> bool:
    """Tell whether a refusal of this path means that a ticket, comment or project is gone, or its history closed.

    Other paths only inform us; a gateway with a list of paths that it lets through may close them for good.
    """
    head, _, rest = path.partition("/")
    if head == "project":
        return "/" not in rest
    return head in ("issue", "comment", "changelog", "search") and not rest.endswith("/editmeta")


def is_own_refusal(path: str, content: bytes) -> bool:
    """Tell whether Jira itself answered 403 or 404: it does so with an object of JSON that has its words.

    Where a property is read, an answer without a body counts too: it decides only what is written into that property.
    """
    if not content:
        return "/properties/" in path
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and not _OWN_KEYS.isdisjoint(found)


def sign_in_problem(source: str, status: int, headers: Mapping[str, str]) -> SourceError | None:
    """Return the error of a lost or refused sign-in, also for a 200: an anonymous answer holds fewer rows."""
    reason = headers.get("X-Seraph-LoginReason", "")
    if headers.get("X-Authentication-Denied-Reason") or "AUTHENTICATION_DENIED" in reason:
        ask = "sign in once with a browser as our account, then mend its secret"
        return Authentication(source, "Jira wants a CAPTCHA after failed sign-ins", do=ask)
    if status == 401 or "AUTHENTICATED_FAILED" in reason:
        return Authentication(source, "Jira does not accept the sign-in (401)")
    if headers.get("X-AUSERNAME", "").lower() == "anonymous":
        return Authentication(source, "Jira answers us as anonymous: the sign-in is lost, nothing is believed")
    return None


def read_refusal(source: str, what: str, status: int, content: bytes) -> SourceError:
    """Return the error of a read that was finally refused."""
    words = error_text(content)
    if not is_final(status):
        return BadAnswer(source, f"{what}: {NOT_FINAL} ({status})", do=IS_A_JIRA)
    if 300 <= status < 400:
        return BadAnswer(source, f"{what}: the server sends us elsewhere ({status})", do=IS_A_JIRA)
    if status == 403:
        ask = "give our account the permission Browse projects"
        return AccessDenied(source, f"{what}: not permitted (403){_colon(words)}", do=ask)
    if status == 404:
        return Fatal(source, f"{what}: not found (404){_colon(words)}", do=IS_A_JIRA)
    if status == 410:
        ask = "look for a newer version of capa-sync"
        return Fatal(source, f"{what}: this interface was removed (410){_colon(words)}", do=ask)
    return Fatal(source, f"{what}: refused ({status}){_colon(words)}")


def write_refusal(source: str, what: str, status: int, content: bytes) -> SourceError:
    """Return the error of a write that was refused and so not applied."""
    words = _colon(error_text(content))
    advice = {
        400: "",
        403: "; the account needs Add comments, Edit own comments and Edit issues there",
        404: f"; the ticket {TICKET_GONE}",
        409: "; somebody else is changing it",
        413: "; the ticket holds as many comments as Jira allows",
    }
    message = f"{what}: refused ({status}){words}"
    if status in (403, 404) and not is_own_refusal("", content):  # nothing is known of the ticket, and it may pass
        said = f"{message}; {NOT_BY_TRACKER.format(status=status)}"
        return WriteRefused(source, said, permanent=False)
    return WriteRefused(source, f"{message}{advice.get(status, '')}", permanent=status not in (408, 409, 423, 425))


def _colon(words: str) -> str:
    return f": {words}" if words else ""
