"""The sandbox Jira as a tracker: routes HTTP requests to endpoints, and scripted edits to issues."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.jira.access import Viewer
from capa_sync.sandbox.jira.admin import Admin
from capa_sync.sandbox.jira.attachment_calls import secure_content
from capa_sync.sandbox.jira.browse import browse_page
from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.limits import BurstGate
from capa_sync.sandbox.jira.load import add_user, load
from capa_sync.sandbox.jira.meta_calls import account_name, session
from capa_sync.sandbox.jira.render import IssueRenderer
from capa_sync.sandbox.jira.routes import find_route
from capa_sync.sandbox.jira.script import Actor
from capa_sync.sandbox.jira.settings import JiraSandboxSettings
from capa_sync.sandbox.jira.site import JiraCall, JiraSite
from capa_sync.sandbox.jira.state import JiraState, Json
from capa_sync.sandbox.jira.times import to_ms
from capa_sync.sandbox.messages import Reply, Request, Tracker

API_EMAIL = "capa-sync@example.com"
API_TOKEN = "sandbox-token"  # noqa: S105 - the sandbox's own, known to everybody
API_PASSWORD = "sandbox-password"  # noqa: S105 - likewise; a Data Center token is no password (docs/jira.md 8)
_API_USER: Json = {"displayName": "capa-sync", "emailAddress": API_EMAIL, "active": True, "timeZone": "UTC"}


class JiraTracker(Tracker):
    """One Jira.

    It starts with an account for the daemon: on Cloud `capa-sync@example.com` with the token `sandbox-token`, on Data
    Center the user `capa-sync` with the same token or the password `sandbox-password`. A loaded `api_user` changes
    that account or is added to it.

    Args:
        face: "cloud" (REST v3 and v2) or "datacenter" (10.3, REST v2).
        clock: the sandbox's clock.
        site: the object of a `site` line.
        settings: the sandbox settings: limits and traps.
    """

    def __init__(
        self,
        face: str = "cloud",
        clock: SandboxClock | None = None,
        site: Mapping[str, Any] | None = None,
        settings: JiraSandboxSettings | None = None,
    ) -> None:
        if face not in ("cloud", "datacenter"):
            message = f"a sandbox Jira has the face cloud or datacenter, not {face!r}"
            raise ValueError(message)
        self.face = face
        self.clock = clock or SandboxClock()
        self.settings: JiraSandboxSettings = settings or JiraSandboxSettings()
        self.site = JiraSite(self.settings, lambda: to_ms(self.now()), is_cloud=face == "cloud")
        self.admin = Admin(self.site)
        self._bursts = BurstGate(self.settings, is_cloud=self.site.is_cloud)
        name = {"accountId": "capa-sync", "accountType": "atlassian"} if face == "cloud" else {"name": "capa-sync"}
        key = {} if face == "cloud" else {"key": "JIRAUSER10000"}
        own = {"token": API_TOKEN, "password": API_PASSWORD}
        add_user(self.state, {**name, **key, **_API_USER, "sandbox": own})
        if site:
            load(self.state, [{"kind": "site", **site}])

    @property
    def state(self) -> JiraState:
        """The state of the site, guarded by its lock."""
        return self.site.state

    def now(self) -> datetime:
        """The tracker's instant: the sandbox clock plus the skew."""
        return self.clock.now() + timedelta(seconds=self.settings.clock_skew_s)

    def load(self, source: Path | str | Iterable[str | Json]) -> int:
        """Load a file in the sandbox's format, or its lines or objects; return the number of tickets."""
        with self.state.lock:
            return load(self.state, source)

    def as_user(self, who: str) -> Actor:
        """Return an actor for a person; an unknown person is added with that name.

        Args:
            who: account id, user name, e-mail address or display name.
        """
        with self.state.lock:
            user = self.state.user_by(who)
            if user is None:
                name = {"accountId": who, "accountType": "atlassian"} if self.site.is_cloud else {"name": who}
                user = add_user(self.state, {**name, "displayName": who, "active": True})
            return Actor(self.site, user)

    def act(self, order: Mapping[str, Any]) -> object:
        """Carry out `{"as": person, "do": method, …arguments}`; without `as`, the administrator's method.

        Raises:
            KeyError: there is no such method.
            ValueError: Jira refuses the edit.
        """
        given = dict(order)
        target = self.as_user(str(given.pop("as"))) if "as" in given else self.admin
        name = str(given.pop("do", ""))
        if name.startswith("_") or not callable(getattr(type(target), name, None)):
            message = f"nothing called {name!r} can be done"
            raise KeyError(message)
        try:
            return getattr(target, name)(**given)
        except JiraError as error:
            raise ValueError(str(error)) from error

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        with self.state.lock:
            try:
                return self._answer(request)
            except JiraError as error:
                return error.reply()

    def _answer(self, request: Request) -> Reply:
        path = request.target.partition("?")[0]
        if path.startswith("/browse/"):
            return browse_page(self.site, unquote(path.removeprefix("/browse/")))
        proto, host = request.header("x-forwarded-proto", "http"), request.header("host", "localhost")
        base = f"{proto}://{host}{request.header('x-forwarded-prefix')}"
        if path.startswith("/secure/attachment/") and not self.site.is_cloud and request.method == "GET":
            file_id = unquote(path.split("/")[3])
            return self._served(request, base, 2, secure_content, (file_id,), is_open=True)
        if path == "/rest/auth/1/session":
            return self._served(request, base, 2, session, ())
        parts = path.split("/", 4)
        versions = {"2": 2, "latest": 3 if self.site.is_cloud else 2} | ({"3": 3} if self.site.is_cloud else {})
        if len(parts) < 5 or parts[1:3] != ["rest", "api"] or parts[3] not in versions:
            raise JiraError(404, f"null for uri: {base}{path}")
        route, caught, exists = find_route(request.method, parts[4], self.face)
        if route is None:
            raise JiraError(405 if exists else 404, f"null for uri: {base}{path}")
        self._bursts.count(request.method, path, int(time.monotonic() * 1000))
        found = tuple(unquote(part) for part in caught)
        if parts[4] == "serverInfo" and not request.header("Authorization"):
            return self._serve(request, self.site.access.viewer(None, 2, base), route.handler, found)
        return self._served(request, base, versions[parts[3]], route.handler, found, is_open=route.is_open)

    def _served(
        self,
        request: Request,
        base: str,
        version: int,
        handler: Any,
        parts: tuple[str, ...],
        *,
        is_open: bool = False,
    ) -> Reply:
        viewer = self.site.access.sign_in(request, version, base, is_open=is_open)
        return self._serve(request, viewer, handler, parts)

    def _serve(self, request: Request, viewer: Viewer, handler: Any, parts: tuple[str, ...]) -> Reply:
        render = IssueRenderer(self.state, self.site.access, self.settings, viewer)
        reply: Reply = handler(self.site, JiraCall(request, viewer, render, parts))
        if self.site.is_cloud:
            reply.headers["X-AACCOUNTID"] = viewer.account
        else:
            reply.headers["X-AUSERNAME"] = account_name(viewer.user)
        return reply
