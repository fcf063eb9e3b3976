"""Digests of what a rule reads of a record, so that a waiver ends when that has changed."""

from __future__ import annotations

import hashlib
import json
from datetime import date

from capa_sync.model.record import Action
from capa_sync.model.values import Data, Value
from capa_sync.rules.context import Context
from capa_sync.rules.rule import Rule

_NO_CONTENT = frozenset({"stage", "source_status", "presence"})
"""Where a ticket is, not what it says: moving it to another status changes no text."""
_OF_ACTIONS = frozenset({"actions", "action_owners"})


def read_digests(rule: Rule, context: Context) -> dict[str, str]:
    """Return subject -> digest of its present content, for what the rule requires; without what cannot be read now.

    The conditions of scope and severity are left out: they say whether the rule applies, not what it asks for.
    """
    names = {name for line in rule.require.lines for name in line.test.reads} - _NO_CONTENT
    contents = {name: _content(name, context) for name in sorted(names)}
    return {name: _digest(content) for name, content in contents.items() if content is not None}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _content(name: str, context: Context) -> object | None:
    """Return the content of a subject as JSON values; None where it cannot be read now."""
    if name in _OF_ACTIONS and context.actions_unknown:
        return None
    if name == "actions":
        return [_action(action) for action in sorted(context.actions, key=lambda action: action.id)]
    value = context.value(name)
    return _value(value) if value.is_known else None


def _action(action: Action) -> list[object]:
    parts = (action.text, action.owner, action.due_at, action.evidence)
    return [action.id, action.kind.value, action.done_at is not None, *map(_value, parts)]


def _value(value: Value) -> list[object]:
    return [value.state.value, value.media_only, _plain(value.data if value.data is not None else value.text)]


def _plain(data: Data) -> object:
    """Return a value's data as JSON; spaces and line breaks of a text count as nothing."""
    if isinstance(data, str):
        return " ".join(data.split())
    if isinstance(data, date):
        return data.isoformat()
    return list(data) if isinstance(data, tuple) else data
