"""Jira's field values and history strings as Raw values; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from capa_sync.model.patterns import CASCADE, CONTROL, ID_LIST, ISO, PROSE, SPRINT_DUMP, without_addresses
from capa_sync.model.values import BLANK, LINE_IN_CELL, Raw
from capa_sync.sources.jira.adf import adf_text, is_document
from capa_sync.sources.jira.times import in_utc
from capa_sync.sources.jira.wiki import wiki_text

PLAIN_TEXT = frozenset({"summary", "duedate", "resolutiondate", "created", "labels"})
"""Fields whose strings never hold markup."""
_DEEPEST = 20


def clean(text: str) -> str:
    """Make text readable and comparable: no control characters, LF line ends, no address, no lone surrogate."""
    if text.isascii() and text.isprintable():
        return without_addresses(text).strip()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = CONTROL.sub("", text).encode("utf-8", "replace").decode("utf-8")
    return without_addresses(text).strip()


def is_ticking(value: Any) -> bool:
    """Tell whether a value has the shape of a JSM SLA, whose elapsed time is not content."""
    return (
        isinstance(value, dict) and ("ongoingCycle" in value or "completedCycles" in value) and not is_document(value)
    )


def field_value(field_id: str, value: Any, depth: int = 0) -> Raw | None:
    """Read one field of an issue; None for a JSM SLA, which is not content.

    Raises nothing for any shape, because it is called when a ticket has long been accepted; nested lists are read
    down to a depth that no field has.
    """
    if value is None:
        return BLANK
    if isinstance(value, str):
        return text_value(value, is_plain=field_id in PLAIN_TEXT)
    if isinstance(value, bool):
        return Raw((word := "true" if value else "false",), (), word)
    if isinstance(value, int | float):
        word = number_text(value)
        return Raw((word,), (), word)
    if isinstance(value, dict):
        return _object(value)
    return _list(value, depth + 1) if isinstance(value, list) and depth < _DEEPEST else BLANK


def number_text(value: float) -> str:
    """Return a number as history writes it: 5.0 is `5`."""
    return str(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)


def text_value(value: str, *, is_plain: bool = False) -> Raw:
    """Read a string: text, date, number; wiki markup becomes plain text unless the field never has any."""
    if PROSE.fullmatch(value):  # most texts: nothing below would change them
        return Raw((value,), (), value)
    text = clean(value)
    if not text:
        return BLANK
    if text[0].isdigit() and ISO.fullmatch(text):  # most texts are no date: a cheap test first
        text = in_utc(text)
        return Raw((text,), (), text)
    if is_plain:
        return Raw((text,), (), text)
    if "@" in value and (dump := SPRINT_DUMP.fullmatch(value)):
        return _dumped(dump[1])
    text, has_media = wiki_text(text)
    return Raw((text,) if text else (), (), text, media_only=has_media and not text)


def _dumped(inside: str) -> Raw:
    found = {key: rest for key, _eq, rest in (part.partition("=") for part in inside.split(",")) if _eq}
    name = clean(found.get("name", ""))
    return Raw((found.get("id", name),), (name,), name)


def _object(value: Mapping[str, Any]) -> Raw | None:
    if is_document(value):
        text, has_media = adf_text(value, LINE_IN_CELL)
        text = clean(text)
        return Raw((text,) if text else (), (), text, media_only=has_media and not text)
    if is_ticking(value):
        return None
    child = value.get("child")
    if "value" in value and isinstance(child, dict):
        parent, parent_shown = _named(value)
        own, shown = _named(child)
        name = clean(shown)
        return Raw((own,), (name,), f"{clean(parent_shown)} - {name}", parent=parent)
    return _coded(*_named(value))


@lru_cache(maxsize=4096)
def _coded(id_: str, shown: str) -> Raw:
    """Return the value of an option, a status, a person; cached, because the same few occur on every ticket."""
    name = clean(shown)
    return Raw((id_,), (name,), name) if id_ or name else BLANK


def account_of(user: Any) -> str:
    """Return a user object's account id: `accountId` on Cloud, the user name on Data Center, "" when it has none."""
    if not isinstance(user, dict):
        return ""
    return str(user.get("accountId") or user.get("name") or user.get("key") or "")


def _named(value: Mapping[str, Any]) -> tuple[str, str]:
    """Return id and name as received, the name not cleaned yet."""
    if "displayName" in value or "accountId" in value:
        account = account_of(value)
        return account, str(value.get("displayName") or account)
    inner = value.get("requestType")  # JSM customer request type
    if isinstance(inner, dict):
        return _named(inner)
    id_ = value.get("id")
    shown = value.get("value") or value.get("name") or value.get("key") or value.get("title") or ""
    # a user of an old Data Center answer has only name and key; an issue as parent has id and key
    return str(id_ if id_ is not None else value.get("groupId") or shown), str(shown)


def _list(values: list[Any], depth: int) -> Raw:
    if not values:
        return BLANK
    ids: list[str] = []
    names: list[str] = []
    text: list[str] = []
    has_media = False
    for item in _read_all(values, depth):
        ids += item.ids
        names += item.names or item.ids
        has_media = has_media or item.media_only
        text.append(item.text)
    return Raw(tuple(ids), tuple(names), ", ".join(text), media_only=has_media and not ids)


def _read_all(values: list[Any], depth: int) -> Iterator[Raw]:
    for value in values:
        found = field_value("labels" if isinstance(value, str) and "[" not in value else "", value, depth)
        if found is not None and not found.is_blank:
            yield found


def history_value(field_id: str, id_: Any, shown: Any, accounts: Mapping[str, str]) -> Raw:
    """Read one side of a history item.

    Args:
        field_id: the field.
        id_: `from` or `to`: an id, a list of ids, an ISO date, or nothing for text.
        shown: `fromString` or `toString`.
        accounts: Data Center's user key -> user name, as far as this ticket shows it.
    """
    text = shown if isinstance(shown, str) else "" if shown is None else str(shown)
    code = id_ if isinstance(id_, str) else "" if id_ is None else str(id_)
    if not text and not code:
        return BLANK
    if field_id == "labels":
        words = tuple(clean(text).split())
        return Raw(words, words, ", ".join(words)) if words else BLANK
    if not code or code.startswith('{"id":"ari:'):
        return _cascade(text) or text_value(text, is_plain=field_id in PLAIN_TEXT)
    if ISO.fullmatch(code):
        return text_value(code)
    found = ID_LIST.fullmatch(code)
    if found:
        return _many(found[1], clean(text), accounts)
    name = clean(text)
    return Raw((accounts.get(code, code),), (name,) if name else (), name or code)


def _cascade(text: str) -> Raw | None:
    found = CASCADE.fullmatch(text) if text.startswith("Parent values: ") else None
    if found is None:
        return None
    parent_name, parent, name, own = found.groups()
    if own is None:
        return Raw((parent,), (parent_name,), parent_name)
    return Raw((own,), (name,), f"{parent_name} - {name}", parent=parent)


def _many(inside: str, text: str, accounts: Mapping[str, str]) -> Raw:
    ids = tuple(accounts.get(part, part) for part in (piece.strip() for piece in inside.split(",")) if part)
    if not ids:
        return BLANK
    names = tuple(piece.strip() for piece in text.split(","))
    # with a comma inside an option the names cannot be counted: then only the text is used
    return Raw(ids, names if len(names) == len(ids) else (), text)
