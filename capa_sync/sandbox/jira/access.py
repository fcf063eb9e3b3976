"""Sign-in: who sends a request, in which time zone, and what that account may see and do."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from capa_sync.sandbox.jira.defaults import ADMIN_ONLY
from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.settings import JiraSandboxSettings
from capa_sync.sandbox.jira.state import Issue, JiraState, Project, User
from capa_sync.sandbox.jira.times import zone_of
from capa_sync.sandbox.messages import Request


@dataclass(frozen=True)
class Viewer:
    """The account behind a request, with the API version and the address it uses.

    Attributes:
        user: None for an anonymous request.
        zone: the profile zone; instants are shown and quoted dates are read in it.
        version: 2 or 3; with 2, rich text is wiki markup.
        base: scheme and host for `self` links.
        sees_all: a script of the sandbox, which sees everything and may do everything.
    """

    user: User | None
    zone: ZoneInfo
    version: int
    base: str
    sees_all: bool = False

    @property
    def account(self) -> str:
        """The account id, empty for an anonymous request."""
        return self.user.account if self.user else ""


class JiraAccess:
    """The sign-in and permissions of one site."""

    def __init__(self, state: JiraState, settings: JiraSandboxSettings) -> None:
        self._state = state
        self._settings = settings

    def sign_in(self, request: Request, version: int, base: str, *, is_open: bool) -> Viewer:
        """Return who sends a request.

        Args:
            request: the request; its Authorization header decides.
            version: the requested API version.
            base: scheme and host of the request.
            is_open: the endpoint answers anonymous requests if the site allows them.

        Raises:
            JiraError: 401.
        """
        header = request.header("Authorization")
        user = None if self._settings.ignores_sign_in else self._user_of(header)
        if user is None and header and not self._tolerates_wrong():
            raise self._refused(is_wrong=True)
        if user is None and not (is_open and (self._settings.anonymous_allowed or self._settings.ignores_sign_in)):
            raise self._refused(is_wrong=bool(header))
        return self.viewer(user, version, base)

    def viewer(self, user: User | None, version: int, base: str, *, sees_all: bool = False) -> Viewer:
        """Return a viewer with the zone of the user's profile."""
        name = (user.raw.get("timeZone") if user else None) or self._state.site.get("timeZone") or "UTC"
        return Viewer(user, zone_of(str(name)), version, base, sees_all)

    def _tolerates_wrong(self) -> bool:
        return self._settings.ignores_sign_in or (
            self._settings.wrong_sign_in_is_anonymous and self._settings.anonymous_allowed
        )

    def _user_of(self, header: str) -> User | None:
        scheme, _space, secret = header.partition(" ")
        if scheme.lower() == "bearer":
            return next((u for u in self._state.users.values() if secret and u.secrets.get("token") == secret), None)
        if scheme.lower() != "basic":
            return None
        try:
            name, _colon, word = base64.b64decode(secret).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        key = "token" if self._state.is_cloud else "password"
        for user in self._state.users.values():
            names = (user.raw.get("emailAddress") or user.secrets.get("email"), user.raw.get("name"))
            if name and name in names and word and word == user.secrets.get(key):
                return user
        return None

    def _refused(self, *, is_wrong: bool) -> JiraError:
        if self._state.is_cloud:
            reason = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"} if is_wrong else {}
            message = "Client must be authenticated to access this resource."
        else:
            reason = {"WWW-Authenticate": 'OAuth realm="jira"'}
            message = "You are not authenticated. Authentication required to perform this operation."
        return JiraError(401, message, headers=reason)

    def can_browse(self, viewer: Viewer, project: Project) -> bool:
        """Whether the viewer sees the project's issues; archived and trashed projects show none."""
        if viewer.sees_all:
            return True
        if project.status != "live" or project.is_hidden:
            return False
        if viewer.user is None:
            return project.key in self._settings.anonymous_projects
        return self.has(viewer, "BROWSE_PROJECTS")

    def can_see(self, viewer: Viewer, issue: Issue) -> bool:
        """Whether the viewer sees an issue."""
        return viewer.sees_all or (
            not issue.is_hidden and self.can_browse(viewer, self._state.projects[issue.project])
        )

    def has(self, viewer: Viewer, permission: str) -> bool:
        """Whether the viewer holds a permission (one of `defaults.PERMISSIONS`)."""
        if viewer.sees_all:
            return True
        if viewer.user is None:
            return False
        if viewer.user.is_admin:
            return True
        listed = viewer.user.secrets.get("permissions")
        granted = permission in listed if listed is not None else permission not in ADMIN_ONLY
        return granted and permission not in self._settings.revoked_permissions

    def require(self, viewer: Viewer, permission: str, doing: str) -> None:
        """Raise JiraError 403 (401 for an anonymous viewer) if the viewer lacks a permission."""
        if not self.has(viewer, permission):
            message = f"You do not have permission to {doing}."
            raise JiraError(403 if viewer.user else 401, message)
