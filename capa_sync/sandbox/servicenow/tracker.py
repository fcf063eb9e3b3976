"""The sandbox ServiceNow as a tracker: routes requests to the APIs of one instance, and has a Python interface."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.messages import Reply, Request, Tracker
from capa_sync.sandbox.servicenow.access import Caller
from capa_sync.sandbox.servicenow.accounts import OAuthClient
from capa_sync.sandbox.servicenow.admin import ServiceNowActor
from capa_sync.sandbox.servicenow.answers import (
    COMMON_HEADERS,
    HIBERNATION_PAGE,
    ApiError,
    check_headers,
    compressed,
    not_authenticated,
)
from capa_sync.sandbox.servicenow.attachment_api import AttachmentApi
from capa_sync.sandbox.servicenow.browse import page_for
from capa_sync.sandbox.servicenow.call import ServiceNowCall
from capa_sync.sandbox.servicenow.catalogue import make_id
from capa_sync.sandbox.servicenow.instance import Instance
from capa_sync.sandbox.servicenow.limits import HourlyLimit
from capa_sync.sandbox.servicenow.load import Loader
from capa_sync.sandbox.servicenow.selection import matching_rows
from capa_sync.sandbox.servicenow.settings import ServiceNowSandboxSettings
from capa_sync.sandbox.servicenow.stats_api import StatsApi
from capa_sync.sandbox.servicenow.store import StoredRow
from capa_sync.sandbox.servicenow.table_api import TableApi

ADMIN = "admin"
INTEGRATION_USER = "capa_sync"
PASSWORD = "sandbox"  # noqa: S105 - of a tracker that listens on loopback only
API_KEY = "sandbox-api-key"
OAUTH_CLIENT = OAuthClient("capa-sync-client", PASSWORD, INTEGRATION_USER)
_INTEGRATION_ROLES = frozenset({"audit_viewer", "sn_grc.user", "itil"})


class ServiceNowTracker(Tracker):
    """One sandbox ServiceNow.

    Args:
        clock: the sandbox clock.
        base_url: scheme and host of links in answers; by default `http://` and the Host header.

    Attributes:
        accounts: passwords, roles, OAuth clients, API keys, tokens. A new tracker has the accounts `admin`
            and `capa_sync`, both with the password `sandbox`, and for `capa_sync` one OAuth client and one
            API key.
        ignored_parts: query parts that were dropped without an error, for tests.
    """

    settings: ServiceNowSandboxSettings

    def __init__(self, clock: SandboxClock | None = None, *, base_url: str = "") -> None:
        self.clock = clock or SandboxClock()
        self.settings = ServiceNowSandboxSettings()
        self.base_url = base_url
        self._instance = Instance(self.clock, self.settings)
        self._lock = threading.RLock()
        self._limit = HourlyLimit()
        self._transactions = 0
        self._table_api = TableApi(self._instance)
        self._stats_api = StatsApi(self._instance)
        self._attachment_api = AttachmentApi(self._instance)
        self.accounts = self._instance.accounts
        self.ignored_parts = self._instance.ignored_parts
        self.add_account(ADMIN, name="System Administrator", roles=frozenset({"admin"}))
        self.add_account(INTEGRATION_USER, name="capa-sync integration", roles=_INTEGRATION_ROLES)
        self.accounts.clients[OAUTH_CLIENT.client_id] = OAUTH_CLIENT
        self.accounts.api_keys[API_KEY] = INTEGRATION_USER

    # --- HTTP --------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the instance's time: the sandbox clock plus the skew."""
        return self._instance.now()

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        with self._lock:
            if self.settings.hibernating:
                return Reply(200, text=HIBERNATION_PAGE)
            try:
                reply = self._route(request)
            except ApiError as error:
                reply = error.reply()
            self._transactions += 1
            transaction = {"X-Transaction-ID": f"{self._transactions:012x}"}
        reply.headers = {**COMMON_HEADERS, **transaction, **reply.headers}
        return compressed(request, reply) if self.settings.compresses else reply

    def _route(self, request: Request) -> Reply:
        if len(request.target) > self.settings.max_url_length:
            raise ApiError(414, "Request-URI Too Long", "The requested URI exceeds the limit of this server")
        if request.path in ("/oauth_token.do", "/oauth_revoke_token.do"):
            return self._answer_oauth(request)
        page = page_for(request, self._instance, self.accounts.caller(ADMIN)) if request.method == "GET" else None
        if page is not None:
            return page
        caller = self.accounts.authenticate(request, self.now())
        if caller is None:
            raise not_authenticated()
        headers = self._limit.count(caller.user_name, self.settings.rate_limit_per_hour, self.now())
        check_headers(request)
        reply = self._answer_api(request, caller)
        cookie = self.accounts.open_session(request, caller, self.now())
        reply.headers = {"X-Is-Logged-In": "true", **headers, **reply.headers}
        if cookie:
            reply.headers["Set-Cookie"] = cookie
        return reply

    def _answer_oauth(self, request: Request) -> Reply:
        if request.path == "/oauth_revoke_token.do":
            self.accounts.revoke(request.parameter("token") or "")
            return Reply(200)
        if request.method != "POST":
            raise ApiError(405, "Method not supported", f"{request.method} is not supported here")
        return self.accounts.answer_token_request(request, self.now())

    def _answer_api(self, request: Request, caller: Caller) -> Reply:
        parts = list(request.segments)
        version = parts.pop(2) if len(parts) > 2 and parts[2] in ("v1", "v2") else ""
        origin = self.base_url or f"http://{request.header('host') or 'localhost'}"
        if parts[:3] == ["api", "now", "table"] and len(parts) in (4, 5):
            call = ServiceNowCall(request, caller, version, parts[3], origin)
            return self._table_api.answer(call, parts[4] if len(parts) == 5 else None)
        if parts[:3] == ["api", "now", "stats"] and len(parts) == 4:
            return self._stats_api.answer(ServiceNowCall(request, caller, version, parts[3], origin))
        if parts[:3] == ["api", "now", "attachment"] and parts[4:] == ["file"] and request.method == "GET":
            return self._attachment_api.answer(parts[3])
        raise ApiError(400, "Requested URI does not represent any resource", request.path)

    # --- Python ------------------------------------------------------------------------------------------------

    def load(self, source: str | Path | Iterable[str | Mapping[str, Any]]) -> dict[str, int]:
        """Load a file or lines in the sandbox's format (see `load.py`), and return the number of rows by table.

        Raises:
            UserError: a line cannot be loaded; the lines after it are not loaded.
        """
        with self._lock:
            return Loader(self._instance).load(source)

    def as_user(self, user_name: str) -> ServiceNowActor:
        """Return the interface for a person's edits; the user needs no password."""
        return ServiceNowActor(self._instance, user_name, self._lock)

    def attach(
        self, table: str, sys_id: str, name: str, content: bytes, media_type: str = "application/octet-stream"
    ) -> str:
        """Attach a file to a record, and return the attachment's sys_id."""
        values = self._attachment_api.values(table, sys_id, name, content, media_type)
        found = self.as_user(ADMIN).insert("sys_attachment", values)["sys_id"]
        self._attachment_api.keep(found, content)
        return found

    def add_account(
        self,
        user_name: str,
        *,
        name: str = "",
        password: str | None = PASSWORD,
        roles: frozenset[str] = frozenset(),
        time_zone: str = "GMT",
        active: bool = True,
    ) -> str:
        """Add a person (and, with a password, an account) and return the sys_id."""
        sys_id = make_id("sys_user", user_name)
        values = {"user_name": user_name, "name": name or user_name, "time_zone": time_zone}
        values |= {
            "sys_id": sys_id,
            "active": str(active).lower(),
            "sys_class_name": "sys_user",
            "locked_out": "false",
        }
        now = self.now().strftime("%Y-%m-%d %H:%M:%S")
        system = {"sys_created_on": now, "sys_updated_on": now, "sys_created_by": ADMIN, "sys_updated_by": ADMIN}
        with self._lock:
            self._instance.store.add(StoredRow("sys_user", {**values, **system, "sys_mod_count": "0"}))
            self.accounts.grant(user_name, roles)
            if password is not None:
                self.accounts.passwords[user_name] = password
        return sys_id

    def find(self, table: str, sys_id: str) -> dict[str, str] | None:
        """Return a record's non-empty columns without regard to ACLs; None if there is no such record."""
        with self._lock:
            row = self._instance.store.find(table, sys_id)
            return None if row is None else dict(row)

    def rows(self, table: str, query: str = "") -> list[dict[str, str]]:
        """Return the records that a query matches, without regard to ACLs, sorted by sys_id."""
        with self._lock:
            wanted = self._instance.resolve(query, table, self.accounts.caller(ADMIN))
            found = matching_rows(self._instance.store.view(table), wanted)
            return sorted((dict(row) for row in found), key=lambda row: row["sys_id"])

    def set_audit(self, table: str, *, audited: bool) -> None:
        """Set a table's own audit flag in sys_dictionary. Raises ValueError if the table is unknown."""
        (own,) = self.rows("sys_dictionary", f"name={table}^elementISEMPTY")
        self.as_user(ADMIN).update("sys_dictionary", own["sys_id"], {"audit": audited})

    def set_property(self, name: str, value: str) -> None:
        """Set a system property."""
        with self._lock:
            self._instance.set_property(name, value)

    def prune_deletions(self, before: datetime) -> None:
        """Remove the rows of sys_audit_delete that are older than an instant, as retention does."""
        oldest = before.strftime("%Y-%m-%d %H:%M:%S")
        with self._lock:
            store = self._instance.store
            for row in [r for r in store.view("sys_audit_delete") if r["sys_created_on"] < oldest]:
                store.remove(row)

    def act(self, order: Mapping[str, Any]) -> object:
        """Carry out one order of `/_sandbox/act`.

        `{"do": "insert|update|delete|work_note", "user", "table", "sys_id", "values", "text", "element",
        "auto_sys_fields", "workflow"}` · `{"do": "audit", "table", "on"}` · `{"do": "property", "name", "value"}` ·
        `{"do": "revoke_tokens"}` · `{"do": "expire_sessions"}`.

        Raises:
            KeyError: the order, user, table or record is unknown, or a key is missing.
        """
        return _ORDERS[str(order["do"])](self, order)


def _edit(tracker: ServiceNowTracker, order: Mapping[str, Any]) -> object:
    person = tracker.as_user(str(order.get("user", ADMIN)))
    known = ("table", "sys_id", "values", "text", "element", "auto_sys_fields", "workflow")
    arguments = {name: order[name] for name in known if name in order}
    return getattr(person, str(order["do"]))(**arguments)


def _drop_tokens(tracker: ServiceNowTracker, _order: Mapping[str, Any]) -> None:
    tracker.accounts.tokens.clear()


def _drop_sessions(tracker: ServiceNowTracker, _order: Mapping[str, Any]) -> None:
    tracker.accounts.sessions.clear()


_ORDERS: dict[str, Any] = {
    "insert": _edit,
    "update": _edit,
    "delete": _edit,
    "work_note": _edit,
    "audit": lambda tracker, order: tracker.set_audit(order["table"], audited=bool(order["on"])),
    "property": lambda tracker, order: tracker.set_property(order["name"], order["value"]),
    "revoke_tokens": _drop_tokens,
    "expire_sessions": _drop_sessions,
}
