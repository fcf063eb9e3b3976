"""The edit screens of a sample of tickets: which fields they show, and which options they offer there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from capa_sync.sources.jira.sample import Seen, fields_of, kind_of
from capa_sync.sources.jira.site import SiteReader

_SCREENS = 8
"""Most edit screens that are read: one for each project and issue type."""
_ALLOWED = "allowedValues"


def read_screens(site: SiteReader, seen: Seen) -> None:
    """Read the edit screen of one ticket of each project and type into the sample."""
    chosen = {kind_of(issue): str(issue["id"]) for issue in seen.issues}
    found: dict[str, Mapping[str, Any]] = {}
    shown = 0
    for id_ in list(chosen.values())[:_SCREENS]:
        answer = site.client.find_shown(f"issue/{id_}/editmeta")
        fields = answer.get("fields") if isinstance(answer, dict) else None
        if isinstance(fields, dict):
            shown += 1
            for name, meta in fields.items():
                if isinstance(meta, dict):
                    found[name] = _together(found.get(name), meta)
    seen.screens, seen.has_all_screens = found or None, shown == len(chosen)


def _together(before: Mapping[str, Any] | None, meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a field's description with the options of both screens: projects may offer different ones."""
    lists = [described.get(_ALLOWED) for described in (before, meta) if described is not None]
    options = [option for listed in lists if isinstance(listed, list) for option in listed]
    return {**meta, _ALLOWED: options} if options else meta


def options_of(meta: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return (id, name) of the options that screens offer; a child of a cascading option is `parent - child`."""
    allowed = meta.get(_ALLOWED)
    found: dict[tuple[str, str], None] = {}
    for option in allowed if isinstance(allowed, list) else ():
        if isinstance(option, dict):
            name = str(option.get("value") or option.get("name") or "")
            found.update({(str(option.get("id")), name): None} if name else {})
            children = option.get("children")
            for child in children if isinstance(children, list) else ():
                if isinstance(child, dict):
                    found[str(child.get("id")), f"{name} - {child.get('value')}"] = None
    return tuple(found)


def offered(seen: Seen, samples: Mapping[str, Sequence[str]]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return field id -> the options that tickets like those of the sample may hold, and what these hold.

    Nothing where a screen was not read, and no field whose options a screen only completes as one types.
    """
    screens = seen.screens if seen.has_all_screens and seen.screens else {}
    known = {name: options_of(meta) for name, meta in screens.items() if not meta.get("autoCompleteUrl")}
    return {
        name: (*options, *(("", text) for text in samples.get(name, ())))
        for name, options in known.items()
        if options
    }


def count_subtasks(seen: Seen) -> dict[str, int]:
    """Return type of sub-tasks -> how many of it the sample's tickets name."""
    found: Counter[str] = Counter()
    for issue in seen.issues:
        listed = fields_of(issue).get("subtasks")
        for subtask in listed if isinstance(listed, list) else ():
            name = kind_of(subtask)[1] if isinstance(subtask, dict) else ""
            found.update([name] if name else [])
    return dict(found)
