"""The settings of a ServiceNow source."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta

from capa_sync.model.light import light
from capa_sync.model.settings import ChildSpec
from capa_sync.sources.transport import Limits


@light
class ServiceNowAuth:
    """How to sign in.

    Attributes:
        method: one of those that kind.py declares.
        user: user name (basic) or client id (OAuth); empty for an API key.
        secret: password, client secret or key; never shown.
        header: the API key's header.
        token_url: the OAuth token endpoint; "" for the instance's own `oauth_token.do`.
    """

    method: str
    user: str = ""
    secret: str = field(default="", repr=False)
    header: str = "x-sn-apikey"
    token_url: str = ""


@light
class ServiceNowOptions:
    """One ServiceNow source.

    Attributes:
        name: the source's name in the settings. url: `https://…`; `http://` only on loopback or as allowed.
        table, query: which records; an encoded query without ORDERBY and `^NQ` (`check_query`).
        auth: the way to sign in. children: child tables that hold actions.
        overlap: each poll reads rows younger than this (by the tracker's clock) again, since a row of an older second
            may still be committed. budget: as `10/s`, "" for none.
        page_size: rows of one request; halved when the instance gives up on a page.
        text_field, state_field, work_notes: the only columns that are ever written (docs/contract.md 8).
        allow_http: allows secrets to cross a network unencrypted.
        limits: maximum size and time of an answer.
        waits_are_instant: tests only: waits take no time.
    """

    name: str
    url: str
    table: str
    auth: ServiceNowAuth
    query: str = ""
    children: tuple[ChildSpec, ...] = ()
    overlap: timedelta = timedelta(minutes=5)
    budget: str = "10/s"
    page_size: int = 500
    text_field: str = ""
    state_field: str = ""
    work_notes: bool = True
    allow_http: bool = False
    limits: Limits = field(default_factory=Limits)
    waits_are_instant: bool = False

    @property
    def written_columns(self) -> frozenset[str]:
        """Every column that we may write."""
        notes = "work_notes" if self.work_notes else ""
        return frozenset({self.text_field, self.state_field, notes} - {""})

    @property
    def child_tables(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a child table and its column that points at the record."""
        pairs = ((c.table, c.reference) for c in self.children if c.relation == "child" and c.table and c.reference)
        return tuple(dict.fromkeys(pairs))

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that the settings name: that of the records, then those of their actions."""
        return tuple(dict.fromkeys((self.table, *(table for table, _reference in self.child_tables))))
