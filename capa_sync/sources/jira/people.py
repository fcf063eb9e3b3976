"""Collects the user accounts that Jira's answers contain."""

from __future__ import annotations

from typing import Any

from capa_sync.model.ticket import Account
from capa_sync.sources.jira.values import account_of, clean


class JiraAccounts:
    """The accounts seen so far, each in its newest version."""

    def __init__(self) -> None:
        self._known: dict[str, Account] = {}

    def meet(self, user: Any) -> None:
        """Note a user object; anything else is ignored."""
        if not isinstance(user, dict):
            return
        id_ = account_of(user)
        known = self._known.get(id_)
        active = user.get("active")
        if id_ and (known is None or (active is not None and known.active is not active)):
            self._known[id_] = read_account(user)

    def all(self) -> tuple[Account, ...]:
        """Return all accounts seen, by id."""
        return tuple(self._known[id_] for id_ in sorted(self._known))


def read_account(user: dict[str, Any]) -> Account:
    """Return one account; on Data Center the user key is another name of it."""
    id_ = account_of(user)
    active = user.get("active")
    aliases = tuple(str(user[name]) for name in ("key", "name") if user.get(name) and str(user[name]) != id_)
    return Account(
        id_, clean(str(user.get("displayName") or id_)), active if isinstance(active, bool) else None, aliases
    )
