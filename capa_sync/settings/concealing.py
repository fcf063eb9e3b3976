"""Conceals the secrets that the settings name, also for verbs that need none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from capa_sync.errors import UserError
from capa_sync.redaction import conceal, conceal_address
from capa_sync.settings.schema import Settings
from capa_sync.settings.secrets import digest_address_of, secret_of


def conceal_available(settings: Settings, file: Path, environ: Mapping[str, str]) -> None:
    """Remove those secrets that can be fetched from all that this process writes.

    A ticket may quote a secret of ours; a secret that cannot be fetched here is no problem of such a verb.
    """
    folder = file.resolve().parent
    for name, source in settings.sources.items():
        conceal(_fetched(partial(secret_of, file, name, source.auth, folder, environ)), source.options().user)
    for name in (*settings.digest.targets, *([""] if settings.digest.has_mail else [])):
        conceal_address(_fetched(partial(digest_address_of, file, settings.digest, name, folder, environ)))


def _fetched(fetch: Callable[[], str]) -> str:
    try:
        return fetch()
    except UserError:
        return ""
