"""Secrets, fetched from the variable or file that the settings name; never kept there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from capa_sync.errors import Problem, SettingsError
from capa_sync.settings.schema import AuthSettings, SourceSettings

SHORTEST_HINT_SECRET = 16
"""Characters of a secret that strangers may try to guess over the network."""


def secret_of(file: Path, name: str, auth: AuthSettings, folder: Path, environ: Mapping[str, str]) -> str:
    """Fetch the secret of a source from the variable or file that the settings name. Raises SettingsError."""
    variable = auth.token_env or auth.password_env or auth.client_secret_env
    kept = auth.token_file or auth.password_file or auth.client_secret_file
    return _fetch(file, f"sources.{name}.auth", variable, folder / kept, environ)


def hint_secret_of(file: Path, name: str, source: SourceSettings, folder: Path, environ: Mapping[str, str]) -> str:
    """Fetch the secret that a source's tracker signs hints with. Raises SettingsError."""
    place = f"sources.{name}.hint_secret"
    secret = _fetch(file, place, source.hint_secret_env, folder / source.hint_secret_file, environ)
    if len(secret) < SHORTEST_HINT_SECRET:
        what = f"{place}: it has fewer than {SHORTEST_HINT_SECRET} characters and could be guessed"
        raise SettingsError([Problem(str(file), 0, what, "make a long one: openssl rand -hex 32")])
    return secret


def _fetch(file: Path, place: str, variable: str, path: Path, environ: Mapping[str, str]) -> str:
    """Fetch a secret from a variable if one is named, else from a file. Raises SettingsError."""
    if variable:
        if environ.get(variable):
            return environ[variable]
        what = f"{place}: the variable {variable} is not set"
        raise SettingsError([Problem(str(file), 0, what, "it must hold the secret, nothing else")])
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        what = f"{place}: the secret file {path} cannot be read: {reason}"
        raise SettingsError([Problem(str(file), 0, what)]) from None
    if not secret:
        raise SettingsError([Problem(str(file), 0, f"{place}: the secret file {path} is empty")])
    return secret
