"""The content of attachments: Cloud by REST, Data Center below `/secure/attachment/`."""

from __future__ import annotations

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.site import JiraCall, JiraSite
from capa_sync.sandbox.messages import Reply

_MEDIA = "https://api.media.atlassian.com/file/{id}/binary"


def cloud_content(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /attachment/content/ID`: a redirect to the media host, unless `redirect=false`."""
    reply = secure_content(site, call)
    if call.flag("redirect", default=True):
        return Reply(303, headers={"Location": _MEDIA.format(id=call.parts[0])})
    return reply


def secure_content(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /secure/attachment/ID/NAME`; the name does not matter."""
    owner, member, content = site.state.files.get(call.parts[0], (0, {}, b""))
    issue = site.state.issues.get(owner)
    if issue is None or not site.access.can_see(call.viewer, issue):
        raise JiraError(404, "The attachment was not found, or you may not see it.")
    kind = member.get("mimeType", "application/octet-stream")
    return Reply(200, content=content, headers={"Content-Type": kind, "Content-Disposition": "attachment"})
