"""Fetches secrets from the variables or files that the settings name; the settings never contain one."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from capa_sync.errors import Problem, SettingsError, UserError
from capa_sync.model.light import light
from capa_sync.model.userfile import read_user_file
from capa_sync.settings.digest_schema import DigestSettings
from capa_sync.settings.lines import key_line
from capa_sync.settings.schema import PageAuthSettings, PageProxySettings
from capa_sync.settings.source_schema import AuthSettings, SourceSettings

SHORTEST_GUESSED = 16
"""Smallest length of a secret that strangers may try to guess over the network: of hints, of the page's proxy."""


_LARGEST = 65_536
"""Bytes of a secret file."""
_VARIABLE_NAME = re.compile(
    r"(?=.*(?:TOKEN|PASSWORD|PASS|SECRET|KEY|PAT|CREDENTIAL))(?!(?:.*\d){4})[A-Z][A-Z_\d]{1,40}"
)
"""A name that a message may repeat: capitals, one of these words, at most 3 digits; another may be the secret."""
_VISIBLE, _PRINTABLE = re.compile("[!-~]+"), re.compile("[ -~]+")


def secret_of(file: Path, name: str, auth: AuthSettings | None, folder: Path, environ: Mapping[str, str]) -> str:
    """Fetch the secret of a source from the variable or file that the settings name. Raises SettingsError."""
    if auth is None:
        return ""
    for kind in ("token", "password", "client_secret"):
        variable, kept = getattr(auth, f"{kind}_env"), getattr(auth, f"{kind}_file")
        if variable or kept:
            secret = _Secret(file, ("sources", name, "auth"), kind, variable, kept, folder)
            return secret.fetch_token(environ, auth.method) if kind == "token" else secret.fetch(environ)
    return ""


def hint_secret_of(file: Path, name: str, source: SourceSettings, folder: Path, environ: Mapping[str, str]) -> str:
    """Fetch the secret with which a source's tracker signs hints. Raises SettingsError."""
    variable, kept = source.hint_secret_env, source.hint_secret_file
    return _Secret(file, ("sources", name), "hint_secret", variable, kept, folder).fetch_long(environ)


def proxy_secret_of(file: Path, proxy: PageProxySettings, folder: Path, environ: Mapping[str, str]) -> str:
    """Fetch the secret with which a proxy proves to the page that a request is from it. Raises SettingsError."""
    place = ("web", "auth", "proxy")
    return _Secret(file, place, "secret", proxy.secret_env, proxy.secret_file, folder).fetch_long(environ)


def digest_address_of(
    file: Path, digest: DigestSettings, target: str, folder: Path, environ: Mapping[str, str]
) -> str:
    """Fetch the Apprise address of a target of the digest, "" for the mail server's. Raises SettingsError."""
    if not target:
        return _Secret(file, ("digest",), "mail", digest.mail_env, digest.mail_file, folder).fetch(environ)
    found = digest.targets[target]
    place = ("digest", "targets", target)
    return _Secret(file, place, "url", found.url_env, found.url_file, folder).fetch(environ)


def exposed_files(
    file: Path, sources: Mapping[str, SourceSettings], folder: Path, digest: DigestSettings | None = None
) -> list[Problem]:
    """Return a problem for each secret file that every account of this machine may read."""
    places: list[tuple[tuple[str, ...], str]] = []
    for name, source in sources.items():
        for place, table in ((("sources", name, "auth"), source.auth), (("sources", name), source)):
            keys = [key for key in type(table).model_fields if key.endswith("_file")] if table else []
            places += [((*place, key), getattr(table, key)) for key in keys]
    if digest is not None:
        places.append((("digest", "mail_file"), digest.mail_file))
        places += [
            (("digest", "targets", name, "url_file"), found.url_file) for name, found in digest.targets.items()
        ]
    return _exposed(file, places, folder)


def exposed_page_files(file: Path, auth: PageAuthSettings, folder: Path) -> list[Problem]:
    """Return a problem for each file of the page's sign-in that every account of this machine may read."""
    places = {("web", "auth", "tokens"): auth.tokens, ("web", "auth", "proxy", "secret_file"): auth.proxy.secret_file}
    return _exposed(file, places.items(), folder)


def _exposed(file: Path, places: Iterable[tuple[tuple[str, ...], str]], folder: Path) -> list[Problem]:
    return [
        Problem(
            str(file),
            key_line(file, place),
            f"{'.'.join(place)}: every account of this machine may read {folder / named}",
            f"chmod 600 {folder / named}",
        )
        for place, named in places
        if named and _is_open(folder / named)
    ]


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except (OSError, ValueError):
        return False


@light
class _Secret:
    """The place of a secret: the variable or file that a key of the settings names."""

    file: Path
    table: tuple[str, ...]
    kind: str
    variable: str
    kept: str
    folder: Path

    def fetch(self, environ: Mapping[str, str]) -> str:
        """Return the secret from the variable if one is named, otherwise from the file. Raises SettingsError."""
        if self.variable:
            if environ.get(self.variable):
                return environ[self.variable]
            raise self.wrong(f"{self._named_variable()} is not set", "it must hold the secret, nothing else")
        return self._read(self.folder / self.kept)

    def fetch_token(self, environ: Mapping[str, str], method: str) -> str:
        """Return a token that can be sent in a sign-in. Raises SettingsError for one that no tracker gave.

        It is found here, since a request that cannot be made knows neither the variable nor the character. With
        `basic` a space is allowed: some keep a password there.
        """
        secret = self.fetch(environ)
        if not (_PRINTABLE if method == "basic" else _VISIBLE).fullmatch(secret):
            place = self._named_variable() if self.variable else f"the secret file {self.folder / self.kept}"
            hint = "copy it again; a password goes into password_env" if method == "basic" else "copy it again"
            raise self.wrong(f"the secret in {place} has a character that no token has", hint)
        return secret

    def fetch_long(self, environ: Mapping[str, str]) -> str:
        """Return a secret that strangers may try to guess over the network. Raises SettingsError for a short one."""
        secret = self.fetch(environ)
        if len(secret) < SHORTEST_GUESSED:
            what = f"it has fewer than {SHORTEST_GUESSED} characters and could be guessed"
            raise self.wrong(what, "make a long one: openssl rand -hex 32")
        return secret

    def _named_variable(self) -> str:
        is_name = _VARIABLE_NAME.fullmatch(self.variable)
        return f"the variable {self.variable}" if is_name else "the variable it names"

    def _read(self, path: Path) -> str:
        """Read the file; a path that does not exist is not shown, because it may be the secret itself."""
        try:
            secret = read_user_file(path, "", _LARGEST).decode("utf-8").strip()
        except (UserError, UnicodeDecodeError) as error:
            reason = error.problems[0].what if isinstance(error, UserError) else "it is no text"
            named = f"the secret file {path}" if _exists(path) else "the file it names"
            raise self.wrong(f"{named} cannot be used: {reason}") from None
        if not secret:
            raise self.wrong(f"the secret file {path} is empty")
        return secret

    def wrong(self, what: str, hint: str = "") -> SettingsError:
        """Return the error for a mistake at the key of this secret."""
        place = (*self.table, f"{self.kind}_{'env' if self.variable else 'file'}")
        return SettingsError(
            [Problem(str(self.file), key_line(self.file, place), f"{'.'.join(place)}: {what}", hint)]
        )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
