"""The census: reads all ids in scope, and the projects that we see; complete, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capa_sync.errors import BadAnswer, Fatal, Retryable
from capa_sync.model.site import Census
from capa_sync.sources.advance import MOST_OF_ONE, Advance
from capa_sync.sources.jira.client import BadRequest, JiraClient
from capa_sync.sources.jira.facts import prove_identity
from capa_sync.sources.jira.out_of_scope import OutOfScope
from capa_sync.sources.jira.paging import Shifted
from capa_sync.sources.jira.shapes import is_count, rows_of
from capa_sync.sources.jira.site import SiteReader

_CLOUD_IDS, _OFFSET_IDS = 5000, 1000
_ATTEMPTS = 3
_PROJECTS = 50


def take_census(site: SiteReader, out_of_scope: OutOfScope) -> Census:
    """Read ids and projects. Raises when anything is incomplete, or when our identity changed meanwhile."""
    prove_identity(site.client, site.facts.me)
    ids, count = _all_ids(site)
    out_of_scope.learn(ids)
    actions = site.listed(out_of_scope.ids())
    containers = read_roster(site.client, site.lookup.containers(site.name))
    prove_identity(site.client, site.facts.me)
    witness = max(ids, key=_number, default="")
    return Census(ids | actions, containers, count=count, in_query=len(ids), witness=witness, named=ids)


def read_roster(client: JiraClient, expected: Iterable[str] = ()) -> dict[str, str]:
    """Return the projects that we see, by key, with their status. Raises SourceError.

    Each of the `expected` keys that the list leaves out is requested by itself.
    """
    found = _cloud_roster(client) if client.is_cloud else _offset_roster(client)
    for key in expected:
        if key and key not in found:
            alone = client.find(f"project/{key}")
            if isinstance(alone, dict) and alone.get("key"):
                found[key] = "archived" if alone.get("archived") else "deleted" if alone.get("deleted") else "live"
    return found


def _number(id_: str) -> int:
    return int(id_) if id_.isdigit() else 0


def _all_ids(site: SiteReader) -> tuple[frozenset[str], int | None]:
    """Read all ids; read them again when pages contradict each other: a ticket twice, or a total not reached."""
    size = _CLOUD_IDS if site.client.is_cloud else _OFFSET_IDS
    for _attempt in range(_ATTEMPTS):
        ids: list[str] = []
        total: int | None = None
        try:
            for rows in site.search.pages(site.query.where(), ["id"], size):
                ids += [str(issue["id"]) for issue in rows.issues]
                total = rows.total
        except Shifted:
            continue
        found = frozenset(ids)
        if len(ids) == len(found) and total in (None, len(found)):
            return found, _count(site) if site.client.is_cloud else total
    raise Retryable(site.name, "tickets come and go faster than a census can count them")


def _count(site: SiteReader) -> int | None:
    answer = site.client.post("search/approximate-count", {"jql": f"({site.query.scope})"})
    count = answer.get("count") if isinstance(answer, dict) else None
    return count if isinstance(count, int) else None


def _cloud_roster(client: JiraClient) -> dict[str, str]:
    found: dict[str, str] = {}
    for status in ("live", "archived", "deleted"):
        try:
            found.update((key, status) for key in _project_keys(client, status))
        except (BadRequest, Fatal):
            # only some accounts may list archived and deleted projects; live ones must be listed
            if status == "live":
                raise
    return found


def _project_keys(client: JiraClient, status: str) -> list[str]:
    keys: list[str] = []
    what = "the list of projects"
    advance = Advance(client.source, what, most=MOST_OF_ONE)
    while True:
        params = {"status": status, "startAt": len(keys), "maxResults": _PROJECTS, "orderBy": "key"}
        answer = client.get("project/search", params)
        values = rows_of(client.source, answer, "values", what)
        found, stated = _keys(client, values), answer.get("total")
        keys += found
        total = stated if is_count(stated) else None
        if answer.get("isLast") or (total is not None and len(keys) >= total):
            return keys
        advance.note(found, total=total)
        if not values:
            raise BadAnswer(client.source, "the list of projects ends early; the census is given up")


def _offset_roster(client: JiraClient) -> dict[str, str]:
    """Return Data Center's projects, which come without paging; archived ones come only on request."""
    live = _listed_keys(client, {})
    archived = _listed_keys(client, {"includeArchived": "true"}) - live
    return {**dict.fromkeys(archived, "archived"), **dict.fromkeys(live, "live")}


def _listed_keys(client: JiraClient, params: dict[str, str]) -> set[str]:
    answer: Any = client.get("project", params)
    rows = rows_of(client.source, {"projects": answer}, "projects", "the list of projects")
    wants_archived = bool(params)
    return set(_keys(client, [row for row in rows if wants_archived or not row.get("archived")]))


def _keys(client: JiraClient, projects: list[dict[str, Any]]) -> list[str]:
    keys = [project.get("key") for project in projects]
    if not all(isinstance(key, str) and key for key in keys):
        raise BadAnswer(client.source, "a project in the list has no key; the census is given up")
    return [str(key) for key in keys]
