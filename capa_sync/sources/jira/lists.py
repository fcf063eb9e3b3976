"""Reads the lists of a Jira that show whether the names in a mapping exist: types of issues and links, options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capa_sync.errors import Authentication, SourceError
from capa_sync.model.site import SiteLists
from capa_sync.sources.jira.client import JiraClient

_OPTIONS = ("resolution",)
"""Fields whose options Jira lists for the whole site; those of other fields depend on project and issue type."""


def read_lists(client: JiraClient) -> SiteLists:
    """Read the lists; one that Jira refuses, or that is not what the API specifies, is unknown.

    They decide no verdict, so that no fault of theirs keeps the source from being read. Raises Authentication.
    """
    types = _rows(_shown(client, "issuetype"), "id", "name")
    found = _shown(client, "issueLinkType")
    links = _rows(found.get("issueLinkTypes"), "inward", "outward") if isinstance(found, dict) else None
    options = {name: _rows(_shown(client, name), "id", "name") for name in _OPTIONS} | {"issuetype": types}
    return SiteLists(
        issue_types=_names(row["name"] for row in types) if types is not None else None,
        subtask_types=_names(row["name"] for row in types if row.get("subtask") is True) if types else None,
        link_types=_names(row[side] for row in links for side in ("inward", "outward")) if links else None,
        options=tuple(
            (name, tuple(sorted({(str(row["id"]), row["name"]) for row in rows})))
            for name, rows in sorted(options.items())
            if rows is not None
        ),
    )


def _shown(client: JiraClient, path: str) -> Any:
    try:
        return client.find_shown(path)
    except Authentication:
        raise
    except SourceError:
        return None


def _rows(answer: Any, *needed: str) -> list[Mapping[str, Any]] | None:
    """Return the rows of a list in which every row has these texts; None for any other answer, or an empty list."""
    if not isinstance(answer, list) or not answer:
        return None
    has_all = all(isinstance(row, dict) and all(_is_text(row.get(name)) for name in needed) for row in answer)
    return answer if has_all else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _names(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
