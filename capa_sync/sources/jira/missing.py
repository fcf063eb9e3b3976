"""Tickets that a census missed: found by their ids in bulk, or proven gone one by one."""

from __future__ import annotations

from collections.abc import Iterable, Set

from capa_sync.errors import BadAnswer
from capa_sync.model.site import Census, Located
from capa_sync.sources.jira.facts import prove_identity
from capa_sync.sources.jira.query import NEWEST_FIRST, OLDEST_FIRST
from capa_sync.sources.jira.site import SiteReader


def locate(site: SiteReader, ids: Iterable[str], actions: Set[str], census: Census) -> Located:
    """Return which of these the query names, and which exist; see `ports.Source`."""
    asked = list(ids)
    existing = site.listed(asked)
    in_scope = {id_ for id_ in existing if id_ in actions}
    records = [id_ for id_ in asked if id_ not in actions]
    named = _in_query(site, records, census.witness) if records else set()
    return Located(frozenset(in_scope | named), frozenset(existing - in_scope - named))


def prove_gone(site: SiteReader, ids: Iterable[str]) -> frozenset[str]:
    """Send a request of its own for each ticket; see `ports.Source`."""
    gone = {id_ for id_ in ids if not site.answers_alone(id_)}
    if gone:
        prove_identity(site.client, site.facts.me)
    return frozenset(gone)


def _in_query(site: SiteReader, ids: list[str], witness: str) -> set[str]:
    """Return which of these the query names: asked twice, in opposite orders, so that no incomplete page decides.

    Each answer must also name the census's witness, if it has one.
    """
    found: set[str] = set()
    for order in (OLDEST_FIRST, NEWEST_FIRST):
        left = [id_ for id_ in ids if id_ not in found]
        if not left:
            break
        wanted = [*left, witness] if witness else left
        named = {str(row["id"]) for row in site.search_ids(wanted, ["id"], f"({site.query.scope})", order=order)}
        if witness and witness not in named:
            message = "a search leaves out a ticket that the one before it named; the census is given up"
            raise BadAnswer(site.name, message)
        found |= named & set(left)
    return found
