"""How people sign in to the page, by the settings, and how what they did gets into the hash chain."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from capa_sync.cli.context import register_path, say
from capa_sync.errors import Problem, UserError
from capa_sync.model.clock import Clock
from capa_sync.model.page_access import PageAccess, PageToken, TrustedProxy, VisitKind
from capa_sync.redaction import conceal
from capa_sync.settings import Settings
from capa_sync.settings.page_tokens import read_tokens
from capa_sync.settings.secrets import exposed_page_files, proxy_secret_of


def page_access(settings: Settings, config: Path, clock: Clock) -> PageAccess:
    """Return how people sign in. Raises UserError for a secret or a file of tokens that cannot be used."""
    auth, folder = settings.web.auth, config.resolve().parent
    for problem in exposed_page_files(config, auth, folder):
        say(f"warning: {problem}", err=True)
    tokens = TokensFile(folder / auth.tokens, auth.tokens) if auth.tokens else None
    if tokens is not None:
        tokens()
    return PageAccess(
        tokens, _proxy(settings, config, folder), auth.session, VisitRecorder(register_path(config, settings), clock)
    )


def _proxy(settings: Settings, config: Path, folder: Path) -> TrustedProxy | None:
    proxy = settings.web.auth.proxy
    if not proxy.is_on:
        return None
    secret = proxy_secret_of(config, proxy, folder, os.environ)
    conceal(secret)
    return TrustedProxy(
        proxy.user_header.lower(),
        proxy.secret_header.lower(),
        secret,
        frozenset(proxy.admins),
        frozenset(proxy.auditors),
    )


class TokensFile:
    """The tokens of a file, read again when it has changed."""

    def __init__(self, path: Path, shown: str) -> None:
        self._path, self._shown = path, shown
        self._read: tuple[object, Sequence[PageToken]] = (None, ())

    def __call__(self) -> Sequence[PageToken]:
        """Return the tokens as they are now. Raises UserError for a file with a mistake: then nobody is signed in."""
        try:
            found = self._path.stat()
            state = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            hint = "make it: capa-sync token NAME --role ROLE"
            raise UserError([Problem(self._shown, 0, "this file of tokens cannot be found", hint)]) from None
        if state != self._read[0]:
            self._read = (state, read_tokens(self._path, self._shown))
        return self._read[1]


class VisitRecorder:
    """Leaves a request in the register for each event; the daemon, or this process without one, appends it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock

    def __call__(self, kind: VisitKind, what: Mapping[str, object]) -> None:
        """Leave the request. Raises RegisterUnavailable when the register cannot be written."""
        from capa_sync.daemon.requests import ask
        from capa_sync.store import NOTE, open_register

        now = self._clock.now()
        with open_register(self._path, clock_now=now, now=self._clock.now, create=False) as register:
            ask(register, NOTE, {"kind": kind.value, "what": dict(what)}, now)
