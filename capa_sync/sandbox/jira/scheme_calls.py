"""The endpoint about a project's notification scheme, which only administrators read."""

from __future__ import annotations

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.meta_calls import browsed_project
from capa_sync.sandbox.jira.site import JiraCall, JiraSite
from capa_sync.sandbox.jira.state import Json
from capa_sync.sandbox.messages import Reply

_EVENTS = {1: "Issue created", 2: "Issue updated", 6: "Issue commented", 14: "Issue comment edited"}
_NOTIFIED = ("CurrentAssignee", "Reporter", "AllWatchers")
_SCHEME = 10000


def notification_scheme(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /project/X/notificationscheme`: whoever is no administrator gets 404 on Cloud, 403 on Data Center."""
    browsed_project(site, call)
    if not site.access.has(call.viewer, "ADMINISTER_PROJECTS"):
        message = "You do not have permission to see the notification scheme of this project."
        raise JiraError(404 if site.is_cloud else 403, message)
    found: Json = {
        "expand": "notificationSchemeEvents,user,group,projectRole,field,all",
        "id": _SCHEME,
        "self": f"{call.render.root}/notificationscheme/{_SCHEME}",
        "name": "Default Notification Scheme",
        "description": "",
    }
    if {"all", "notificationSchemeEvents"} & set(call.many("expand")):
        found["notificationSchemeEvents"] = [
            {
                "event": {"id": number, "name": name, "description": ""},
                "notifications": [
                    {"id": 10 * number + place, "notificationType": kind} for place, kind in enumerate(_NOTIFIED)
                ],
            }
            for number, name in _EVENTS.items()
        ]
    return Reply(200, found)
