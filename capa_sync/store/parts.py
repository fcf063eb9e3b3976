"""Versions of a ticket's raw parts: whole records, and lists of which each version stores only new entries.

A version has a FORM. `whole`: the body is the complete part. `list`: the body is a list of entries that later
versions extend. `append`, `prepend`: the body holds the entries added at that end. `[…]`, the ids of all entries in
order: the body holds the new or changed entries, the others come from earlier versions. The list may be inside an
ENVELOPE, an object that contains no other list; each version stores the envelope of its own read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from capa_sync.model.light import light
from capa_sync.model.ticket import Part
from capa_sync.store.columns import json_value
from capa_sync.store.unreadable import reading, unreadable

LIST_KINDS = frozenset({"history", "audit", "journal", "comments"})
WHOLE, LIST, APPEND, PREPEND = "whole", "list", "append", "prepend"


@light
class Stored:
    """One stored version of a part, as the table `part` holds it."""

    kind: str
    version: int
    form: str
    digest: str
    body: bytes


def first_form(kind: str) -> str:
    """Return the form of a kind's first version."""
    return LIST if kind in LIST_KINDS else WHOLE


def next_version(before: Sequence[Stored], part: Part) -> Stored:
    """Return the version to store so that `part` follows `before` (versions of its kind, ascending)."""
    whole = Stored(part.kind, before[-1].version + 1 if before else 1, first_form(part.kind), part.digest, part.body)
    if not before or part.kind not in LIST_KINDS:
        return whole
    old, new = _opened(merged(before).body), _opened(part.body)
    if old is None or new is None or old.place != new.place:
        return whole
    added = _added(old.entries, new.entries)
    if added is None:
        return whole
    form, entries = added
    return Stored(part.kind, whole.version, form, part.digest, new.around(entries))


def merged(versions: Sequence[Stored]) -> Part:
    """Return the newest whole part, combined from these versions of one kind (ascending)."""
    newest = versions[-1]
    if newest.form in (WHOLE, LIST):
        return Part(newest.kind, newest.body, newest.digest)
    with reading("versions of a ticket that do not fit together"):
        start = max(index for index, stored in enumerate(versions) if stored.form in (WHOLE, LIST))
        entries: list[Any] = []
        for stored in versions[start:]:
            entries = _built(entries, stored)
        return Part(newest.kind, _list_in(newest.body).around(entries), newest.digest)


def newest_parts(versions: Iterable[Stored]) -> tuple[Part, ...]:
    """Return the newest part of each kind, in the order of first appearance."""
    kinds: dict[str, list[Stored]] = {}
    for stored in versions:
        kinds.setdefault(stored.kind, []).append(stored)
    return tuple(merged(stored) for stored in kinds.values())


@light
class _List:
    """The list in a body: `place` is its key in the envelope, None without an envelope."""

    entries: list[Any]
    place: str | None = None
    envelope: Mapping[str, Any] | None = None

    def around(self, entries: list[Any]) -> bytes:
        """Return a body with this envelope and other entries."""
        content = entries if self.place is None else {**(self.envelope or {}), self.place: entries}
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _opened(body: bytes) -> _List | None:
    """Return the list in a body, None when there is not exactly one."""
    content = orjson.loads(body)
    if isinstance(content, list):
        return _List(content)
    lists = [name for name, value in content.items() if isinstance(value, list)] if isinstance(content, dict) else []
    return _List(content[lists[0]], lists[0], content) if len(lists) == 1 else None


def _list_in(body: bytes) -> _List:
    """Return the list in the stored body of a list's version."""
    opened = _opened(body)
    if opened is None:
        raise unreadable("a version of a list that holds no list")
    return opened


def _built(entries: list[Any], stored: Stored) -> list[Any]:
    new = _list_in(stored.body).entries
    if stored.form == LIST:
        return new
    if stored.form == APPEND:
        return entries + new
    if stored.form == PREPEND:
        return new + entries
    by_id = {entry_id(entry): entry for entry in (*entries, *new)}
    return [by_id[wanted] for wanted in json_value(stored.form)]


def _added(old: list[Any], new: list[Any]) -> tuple[str, list[Any]] | None:
    """Return form and entries that turn `old` into `new`; None when entries lack ids, so that all must be stored."""
    count = len(old)
    if new[:count] == old:
        return APPEND, new[count:]
    if new[-count:] == old:
        return PREPEND, new[:-count]
    before, after = _by_id(old), _by_id(new)
    if before is None or after is None:
        return None
    fresh = [entry for wanted, entry in after.items() if before.get(wanted) != entry]
    return orjson.dumps(list(after)).decode(), fresh


def _by_id(entries: list[Any]) -> Mapping[str, Any] | None:
    found = {entry_id(entry): entry for entry in entries}
    return None if "" in found or len(found) < len(entries) else found


def entry_id(entry: Any) -> str:
    """Return a list entry's own id (`id` in Jira, `sys_id` in ServiceNow, plain or as `{"value": …}`), "" none."""
    if not isinstance(entry, dict):
        return ""
    found = entry.get("id") or entry.get("sys_id") or ""
    if isinstance(found, dict):
        found = found.get("value") or ""
    return str(found)
