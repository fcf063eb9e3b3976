"""Checks that Jira answers the account that signed in: an anonymous answer holds fewer rows, but no error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from capa_sync.errors import Authentication
from capa_sync.sources.jira.values import account_of


class IdentityCheck:
    """Checks the account of each answer of one session.

    Args:
        source: name of the source.
        read_me: reads our own account (`myself`) from Jira.

    Attributes:
        account: the account that Jira names in its answers, "" when no answer named one.
    """

    def __init__(self, source: str, read_me: Callable[[], Any]) -> None:
        self._source = source
        self._read_me = read_me
        self._is_deferred = self._is_in_doubt = False
        self.account = ""

    def check(self, headers: Mapping[str, str], path: str) -> None:
        """Raise Authentication for an answer that Jira gave to another account than the first answer."""
        account = headers.get("X-AACCOUNTID", headers.get("X-AUSERNAME"))
        if account is None:
            self._prove(path)
        elif self.account and unquote(account) != self.account:
            raise Authentication(self._source, "the answer is not given to our account: the sign-in is lost")
        else:
            self.account = unquote(account)

    def doubt(self, path: str) -> None:
        """Prove our identity after a refused request (400): now, or at the end of a block of `proven_once`.

        Raises Authentication when Jira no longer knows us as the same account.
        """
        if self._is_deferred:
            self._is_in_doubt = True
        else:
            self._prove(path)

    @contextmanager
    def proven_once(self) -> Iterator[None]:
        """Prove our identity once, at the end of a block, when Jira refused a request of the block with 400.

        Raises Authentication when Jira no longer knows us as the same account: then no answer of the block is valid.
        """
        self._is_deferred, self._is_in_doubt = True, False
        try:
            yield
        finally:
            self._is_deferred = False
            if self._is_in_doubt:
                self._prove("")

    def _prove(self, path: str) -> None:
        """Ask who we are after an answer that names no account, where earlier answers named one."""
        if self.account and not path.endswith("myself"):
            me = self._read_me()
            if not isinstance(me, dict) or account_of(me) != self.account:
                raise Authentication(self._source, "Jira does not know us any more: the sign-in is lost")
