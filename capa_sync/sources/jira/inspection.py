"""Looks at a Jira for `doctor` and `mapping`: the newest tickets in scope, what their projects have, our rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from capa_sync.model.inspection import ChildKind, Inspection
from capa_sync.model.site import FieldDef, StatusDef
from capa_sync.sources.jira.facts import is_status, read_status
from capa_sync.sources.jira.paging import ALL_FIELDS
from capa_sync.sources.jira.parse import BOOKKEEPING
from capa_sync.sources.jira.query import NEWEST_FIRST
from capa_sync.sources.jira.rights import check_rights
from capa_sync.sources.jira.sample import Issue, Seen, fields_of, is_subtask, kind_of
from capa_sync.sources.jira.screens import count_subtasks, offered, options_of, read_screens
from capa_sync.sources.jira.site import SiteReader
from capa_sync.sources.jira.values import field_value

_TICKETS = 50
_PROJECTS = 20
_SAMPLES = 12
_ALWAYS = frozenset({"summary", "description", "status", "assignee", "reporter", "creator", "issuetype", "resolution",
                     "duedate", "priority", "labels", "components", "created", "environment"})  # fmt: skip
"""System fields that every ticket has, whatever its screens show."""


def inspect(site: SiteReader, *, writes: bool) -> Inspection:
    """Return what a Jira shows; see `ports.Source`."""
    jql = site.query.where(order=NEWEST_FIRST)
    issues = site.search.page(jql, ALL_FIELDS, _TICKETS).issues
    seen = Seen([issue for issue in issues if not is_subtask(issue)] or issues)  # a sub-task is an action, no record
    for issue in seen.issues:
        project = fields_of(issue).get("project")
        if isinstance(project, dict) and project.get("key") and len(seen.projects) < _PROJECTS:
            seen.projects.setdefault(str(project["key"]), str(project.get("projectTypeKey") or ""))
    read_screens(site, seen)
    samples = _samples(seen.issues)
    return Inspection(
        tickets=len(seen.issues),
        keys=tuple(str(issue.get("key")) for issue in seen.issues),
        fields=tuple(_known_fields(site, seen, samples)),
        statuses=_statuses(site, seen),
        samples=samples,
        children=tuple(_children(site)),
        offered=offered(seen, samples),
        subtasks=count_subtasks(seen),
        checks=tuple(check_rights(site, seen, writes=writes)),
    )


def _samples(issues: Iterable[Issue]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for issue in issues:
        for name, value in fields_of(issue).items():
            raw = None if name in BOOKKEEPING else field_value(name, value)
            texts = raw.names or ((raw.text,) if raw.text else ()) if raw is not None else ()
            values = found.setdefault(name, {})
            values.update(dict.fromkeys(texts[: _SAMPLES - len(values)]))
    return {name: tuple(values) for name, values in found.items() if values}


def _known_fields(site: SiteReader, seen: Seen, samples: Mapping[str, Sequence[str]]) -> Iterator[FieldDef]:
    """Yield the fields that a ticket in scope can show; all of them where no screen and no ticket tells."""
    screens = seen.screens or {}
    kinds = tuple(dict.fromkeys(name for _, name in map(kind_of, seen.issues) if name))
    lists = {"issuetype": tuple((name, name) for name in kinds), "resolution": _named(site, "resolution")}
    for known in site.facts.fields:
        if seen.issues and known.id not in _ALWAYS and known.id not in screens and known.id not in samples:
            continue
        options = lists.get(known.id) or options_of(screens.get(known.id, {}))
        yield replace(known, options=options)


def _named(site: SiteReader, path: str) -> tuple[tuple[str, str], ...]:
    rows = _objects(site.client.find_shown(path))
    return tuple((str(row.get("id")), row["name"]) for row in rows if _is_text(row.get("name")))


def _objects(listed: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, none where it is no list."""
    return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _statuses(site: SiteReader, seen: Seen) -> tuple[StatusDef, ...] | None:
    """Return the statuses that the tickets' projects use for the issue types seen; None when no project tells.

    A project whose list is not of Jira's form does not tell, and the others alone would tell too little.
    """
    kinds, found, is_told = {kind_of(issue) for issue in seen.issues}, dict[str, StatusDef](), False
    for project in seen.projects:
        answer = site.client.find_shown(f"project/{project}/statuses")
        for row in answer if isinstance(answer, list) else ():
            if not isinstance(row, dict) or (project, str(row.get("name"))) not in kinds:
                continue
            listed = row.get("statuses")
            if not isinstance(listed, list) or not all(map(is_status, listed)):
                return None
            is_told = True
            found.update((raw["id"], read_status(raw)) for raw in listed)
    return tuple(found.values()) if is_told else None


def _children(site: SiteReader) -> Iterator[ChildKind]:
    for row in _objects(site.client.find_shown("issuetype")):
        if row.get("subtask") is True and _is_text(row.get("name")):
            yield ChildKind("subtask", row["name"])
    links = site.client.find_shown("issueLinkType")
    for row in _objects(links.get("issueLinkTypes") if isinstance(links, dict) else None):
        yield from (
            ChildKind("link", row[side], label=str(row.get("name")))
            for side in ("inward", "outward")
            if _is_text(row.get(side))
        )
