"""The sign-in of the sandbox ServiceNow: basic, OAuth (client credentials, password), API key, cookie."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from capa_sync.model.light import light
from capa_sync.sandbox.messages import Reply, Request
from capa_sync.sandbox.servicenow.access import Caller, ServiceNowAccess
from capa_sync.sandbox.servicenow.catalogue import EPOCH, make_id
from capa_sync.sandbox.servicenow.store import StoredRow

SESSION_LENGTH = timedelta(minutes=30)
CLIENT_CREDENTIALS = "glide.oauth.inbound.client.credential.grant_type.enabled"
PASSWORD_GRANT_OFF = "glide.oauth.inbound.ropc.grant_type.disabled"  # noqa: S105 - a property's name
_FORMAT_WORDS = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("hh", "%I"), ("mm", "%M"), ("ss", "%S"))


@light
class OAuthClient:
    """An entry of the application registry; `user` is the "OAuth Application User" of client credentials."""

    client_id: str
    secret: str
    user: str


@light
class _Grant:
    user: str
    expires_at: datetime


@dataclass(slots=True)
class Accounts:
    """The accounts, and the tokens and sessions that they hold.

    Attributes:
        passwords: user name -> password; sys_user has a row with that user_name.
        roles: user name -> roles; `grant` sets them and their rows in sys_user_has_role.
        clients: client id -> OAuth client.
        api_keys: key -> user name.
    """

    access: ServiceNowAccess
    passwords: dict[str, str] = field(default_factory=dict)
    roles: dict[str, frozenset[str]] = field(default_factory=dict)
    clients: dict[str, OAuthClient] = field(default_factory=dict)
    api_keys: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, _Grant] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, _Grant] = field(default_factory=dict)

    def grant(self, user_name: str, roles: frozenset[str]) -> None:
        """Give a user exactly these roles, and update the rows of sys_user_has_role."""
        self.roles[user_name] = roles
        store, user = self.access.store, self.caller(user_name).sys_id
        for old in [row for row in store.view("sys_user_has_role") if row.get("user") == user]:
            store.remove(old)
        for role in sorted(roles):
            role_id = make_id("sys_user_role", role)
            system = {"sys_created_on": EPOCH, "sys_updated_on": EPOCH, "sys_mod_count": "0"}
            store.add(StoredRow("sys_user_role", {"sys_id": role_id, "name": role, **system}))
            held_id = make_id("sys_user_has_role", user, role)
            values = {"sys_id": held_id, "user": user, "role": role_id, "state": "active"}
            store.add(StoredRow("sys_user_has_role", {**values, **system}))

    def authenticate(self, request: Request, now: datetime) -> Caller | None:
        """Return the caller of a request, None without sign-in. An Authorization header overrides the cookie."""
        user = self._user_of(request, now)
        row = self._person(user) if user else None
        if row is None or row.get("active") != "true" or row.get("locked_out") == "true":
            return None
        return self._caller(row)

    def open_session(self, request: Request, caller: Caller, now: datetime) -> str | None:
        """Return a Set-Cookie value if the request has no valid session of this caller, else None."""
        grant = self.sessions.get(_session_cookie(request))
        if grant is not None and grant.user == caller.user_name and grant.expires_at > now:
            return None
        session = secrets.token_hex(16).upper()
        self.sessions[session] = _Grant(caller.user_name, now + SESSION_LENGTH)
        return f"JSESSIONID={session}; Path=/; HttpOnly"

    def revoke(self, token: str) -> None:
        """Revoke one access or refresh token."""
        self.tokens.pop(token, None)
        self.refresh_tokens.pop(token, None)

    def caller(self, user_name: str) -> Caller:
        """Return the caller with a user name. Raises KeyError if sys_user has no such row."""
        row = self._person(user_name)
        if row is None:
            raise KeyError(user_name)
        return self._caller(row)

    def _user_of(self, request: Request, now: datetime) -> str | None:
        key = request.header("x-sn-apikey")
        if key:
            return self.api_keys.get(key)
        header = request.header("authorization")
        if not header:
            return _user_of_grant(self.sessions, _session_cookie(request), now)
        scheme, _, credential = header.partition(" ")
        if scheme.lower() == "bearer":
            return _user_of_grant(self.tokens, credential.strip(), now)
        if scheme.lower() != "basic":
            return None
        user, password = _split_basic(credential)
        return user if password and self.passwords.get(user) == password else None

    def _person(self, user_name: str) -> StoredRow | None:
        rows = self.access.store.view("sys_user").with_value("user_name", user_name)
        return rows[0] if rows else None

    def _caller(self, row: StoredRow) -> Caller:
        name = row["user_name"]
        system = self.access.system_property("glide.sys.default.tz")
        zone = self.access.settings.user_time_zone or row.get("time_zone") or system or "GMT"
        day = row.get("date_format") or "yyyy-MM-dd"
        time = row.get("time_format") or "HH:mm:ss"
        form = _strftime_form(f"{day} {time}")
        return Caller(name, row.sys_id, self.roles.get(name, frozenset()), _zone(zone), form)

    # --- /oauth_token.do ---------------------------------------------------------------------------------------

    def answer_token_request(self, request: Request, now: datetime) -> Reply:
        """Answer `POST /oauth_token.do`."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        client_id, secret = _client_of(request, form)
        client = self.clients.get(client_id)
        if client is None or client.secret != secret:
            return _refusal("invalid_client")
        user = self._granted_user(form, client)
        if user is None:
            return _refusal("access_denied")
        return Reply(200, self._new_token(user, now, refreshes=form["grant_type"] != "client_credentials"))

    def _granted_user(self, form: Mapping[str, str], client: OAuthClient) -> str | None:
        grant = form.get("grant_type")
        if grant == "client_credentials":
            return client.user if self.access.system_property(CLIENT_CREDENTIALS) == "true" else None
        if grant == "password" and self.access.system_property(PASSWORD_GRANT_OFF) != "true":
            user = form.get("username", "")
            return user if self.passwords.get(user) == form.get("password") else None
        if grant == "refresh_token":
            return self.refresh_tokens.get(form.get("refresh_token", ""))
        return None

    def _new_token(self, user: str, now: datetime, *, refreshes: bool) -> dict[str, object]:
        lifetime = self.access.settings.token_lifetime_s
        token = secrets.token_urlsafe(48)
        self.tokens[token] = _Grant(user, now + timedelta(seconds=lifetime))
        answer: dict[str, object] = {"access_token": token, "scope": "useraccount", "token_type": "Bearer"}
        answer["expires_in"] = int(lifetime)
        if refreshes:
            answer["refresh_token"] = secrets.token_urlsafe(48)
            self.refresh_tokens[str(answer["refresh_token"])] = user
        return answer


def _refusal(error: str) -> Reply:
    return Reply(401, {"error": error, "error_description": "access_denied"})


def _user_of_grant(grants: Mapping[str, _Grant], secret: str, now: datetime) -> str | None:
    grant = grants.get(secret)
    return grant.user if grant is not None and grant.expires_at > now else None


def _client_of(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, credential = request.header("authorization").partition(" ")
    if scheme.lower() == "basic" and "client_secret" not in form:
        return _split_basic(credential)
    return form.get("client_id", ""), form.get("client_secret", "")


def _split_basic(credential: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _session_cookie(request: Request) -> str:
    try:
        cookie = SimpleCookie(request.header("cookie")).get("JSESSIONID")
    except CookieError:
        return ""
    return cookie.value if cookie is not None else ""


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("GMT")


def _strftime_form(java_form: str) -> str:
    for word, code in _FORMAT_WORDS:
        java_form = java_form.replace(word, code)
    return java_form.replace(" a", " %p")
