"""The settings of a Jira source."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import Literal

from capa_sync.model.light import light
from capa_sync.model.settings import ChildSpec
from capa_sync.sources.budget import Rate
from capa_sync.sources.transport import Limits

Api = Literal["auto", "cloud", "datacenter"]
AuthMethod = Literal["basic", "pat", "oauth-client-credentials"]


@light
class JiraAuth:
    """How to sign in; the secret appears in no repr.

    Attributes:
        method: `basic` (user and API token, or user and password), `pat` (Data Center personal access token) or
            `oauth-client-credentials`.
        secret: API token, password, PAT or client secret.
        user: e-mail or user name for basic; client id for OAuth.
        token_url: the OAuth token endpoint.
    """

    method: AuthMethod
    secret: str = field(repr=False)
    user: str = ""
    token_url: str = ""


@light
class JiraOptions:
    """One Jira source.

    Attributes:
        name: the source's name in the settings.
        url: base address of the REST API, with any context path or `/ex/jira/{cloudId}` prefix.
        query: JQL; its ORDER BY is ignored.
        auth: how to sign in.
        children: how records' actions are found.
        overlap: each poll begins this long before the highest `updated` seen; must exceed the search index's lag.
        budget: requests a second, None without limit.
        page_size: tickets of one page (Cloud returns at most 100 when fields are requested).
        batch: tickets of one bulk request for histories (Cloud accepts at most 1,000).
        api: which of the two products; `auto` finds out.
        browse_url: address for people when it differs from `url` (behind api.atlassian.com).
        verify: TLS: True, False, or a CA bundle's path.
        allow_http: allows secrets to cross a network unencrypted.
        limits: maximum size and time of an answer.
        is_instant: tests only: waits take no time.
    """

    name: str
    url: str
    query: str
    auth: JiraAuth
    children: tuple[ChildSpec, ...] = ()
    overlap: timedelta = timedelta(minutes=5)
    budget: Rate | None = None
    page_size: int = 100
    batch: int = 1000
    api: Api = "auto"
    browse_url: str = ""
    verify: bool | str = True
    allow_http: bool = False
    limits: Limits = field(default_factory=Limits)
    is_instant: bool = False

    @property
    def base(self) -> str:
        """The address without a slash at its end."""
        return self.url.rstrip("/")
