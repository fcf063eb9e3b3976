"""Collects the user accounts that Jira's answers contain, and asks about accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capa_sync.errors import BadAnswer
from capa_sync.model.site import Account
from capa_sync.sources.advance import Advance
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.history import chunks
from capa_sync.sources.jira.values import account_of, clean

_PAGE = 100
"""Accounts named in one request; Jira Cloud returns ten of them unless the request says how many."""
MOST_IN_BULK = 1000
MOST_ONE_BY_ONE = 25
"""Accounts asked about in one cycle: ten requests on Cloud, one for each account on Data Center (docs/jira.md)."""


class JiraAccounts:
    """The accounts seen so far, each in its newest version."""

    def __init__(self) -> None:
        self._known: dict[str, Account] = {}
        self._new: dict[str, Account] = {}

    def meet(self, user: Any) -> None:
        """Note a user object, or those in a list; anything else is ignored."""
        if not isinstance(user, dict):
            for item in user if isinstance(user, list) else ():
                self.meet(item)
            return
        id_ = account_of(user)
        known, active = self._known.get(id_), user.get("active")
        if id_ and (known is None or (active is not None and known.active is not active)):
            self._known[id_] = self._new[id_] = read_account(user)

    def meet_in(self, fields: Mapping[str, Any]) -> None:
        """Note every user object among a ticket's values."""
        for value in filter(None, fields.values()):  # most of them are null
            first = value[0] if value.__class__ is list else value
            if first.__class__ is dict and ("accountId" in first or "displayName" in first):
                self.meet(value)

    def all(self) -> tuple[Account, ...]:
        """Return all accounts seen, by id."""
        return tuple(self._known[id_] for id_ in sorted(self._known))

    def take_new(self) -> list[Account]:
        """Return the accounts that are new or differ since the last call."""
        found, self._new = list(self._new.values()), {}
        return found


def read_account(user: dict[str, Any]) -> Account:
    """Return one account; on Data Center the user key is another name of it."""
    id_ = account_of(user)
    active = user.get("active")
    aliases = tuple(str(user[name]) for name in ("key", "name") if user.get(name) and str(user[name]) != id_)
    return Account(
        id_, clean(str(user.get("displayName") or id_)), active if isinstance(active, bool) else None, aliases
    )


def read_users(client: JiraClient, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Ask about accounts: many at once on Cloud, one by one on Data Center, which has no request for several.

    Raises AccessDenied, and the other errors of `JiraClient.get`.
    """
    if client.is_cloud:
        return [user for some in chunks(ids, _PAGE) for user in _bulk(client, some)]
    found = (client.find("user", {"username": id_}) for id_ in ids)
    return [user for user in found if isinstance(user, dict)]


def _bulk(client: JiraClient, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    start, advance = 0, Advance(client.source, "user/bulk")
    while start < len(ids):
        page = client.get("user/bulk", {"accountId": list(ids), "startAt": start, "maxResults": _PAGE})
        users = page.get("values") if isinstance(page, dict) else None
        if not isinstance(users, list) or not all(isinstance(user, dict) for user in users):
            raise BadAnswer(client.source, "user/bulk gives no list of users")
        advance.note(map(account_of, users))
        yield from users
        start += len(users)
        if not users or page.get("isLast", True):
            return
