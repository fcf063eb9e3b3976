"""How people sign in to the page: tokens of their own, or a proxy that the settings trust."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import date, timedelta
from enum import StrEnum

from capa_sync.model.light import light
from capa_sync.model.visitor import AccessRole


def token_digest(token: str) -> str:
    """Return the SHA-256 of a token (hexadecimal), which the file of tokens holds instead of it.

    A token has 256 random bits, so nobody can try all of them; a slow hash is for passwords that people choose.
    """
    return hashlib.sha256(token.encode()).hexdigest()


@light
class PageToken:
    """A line of the file of tokens: who may sign in with the token of this digest, and until the end of which day."""

    name: str
    role: AccessRole
    digest: str
    until: date | None = None


@light
class TrustedProxy:
    """A proxy that signs people in and says who they are.

    Attributes:
        user_header, secret_header: names of headers, in small letters. secret: proves that the proxy sent a request.
        admins, auditors: who has these roles; everybody else whom the proxy names is a reader.
    """

    user_header: str
    secret_header: str
    secret: str
    admins: frozenset[str] = frozenset()
    auditors: frozenset[str] = frozenset()

    def role_of(self, name: str) -> AccessRole:
        """Return the role of a person."""
        if name in self.admins:
            return AccessRole.ADMIN
        return AccessRole.AUDITOR if name in self.auditors else AccessRole.READER


class VisitKind(StrEnum):
    """What a visitor did that the hash chain has to show."""

    SIGN_IN = "sign_in"
    EXPORT = "export"


def no_record(kind: VisitKind, what: Mapping[str, object]) -> None:
    """Record nothing: what a page without sign-in does, which has no name to record."""


@light
class PageAccess:
    """Who may sign in to the page.

    Attributes:
        tokens: reads the tokens as they are now, None without a file; raises UserError for a file with a mistake.
        proxy: the proxy that is trusted, if one is. session: how long a sign-in lasts.
        record: records an event for the hash chain; raises CapaSyncError when it cannot be recorded.
    """

    tokens: Callable[[], Sequence[PageToken]] | None = None
    proxy: TrustedProxy | None = None
    session: timedelta = timedelta(hours=12)
    record: Callable[[VisitKind, Mapping[str, object]], None] = field(default=no_record)

    @property
    def is_on(self) -> bool:
        """Whether anybody can sign in."""
        return self.tokens is not None or self.proxy is not None
