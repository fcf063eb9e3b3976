"""The endpoints about the site itself: server, people, fields, statuses, projects, permissions."""

from __future__ import annotations

from typing import Any

from capa_sync.sandbox.jira.defaults import CATEGORIES, PERMISSIONS
from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.site import JiraCall, JiraSite
from capa_sync.sandbox.jira.state import Json, Project, User, account_of, user_words
from capa_sync.sandbox.messages import Reply


def server_info(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /serverInfo`."""
    given = site.state.site.get("serverInfo") or {}
    found: Json = {"baseUrl": call.viewer.base, "scmInfo": "0" * 40, "serverTime": call.render.at(site.now())}
    if site.is_cloud:
        found |= {"version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud"}
        found |= {"buildNumber": 100_300, "buildDate": "2026-11-01T00:00:00.000+0000", "serverTitle": "Jira"}
        found["serverTimeZone"] = call.viewer.zone.key
    else:
        found |= {"version": "10.3.24", "versionNumbers": [10, 3, 24], "deploymentType": "Server"}
        found |= {"buildNumber": 10_030_024, "buildDate": "2026-06-01T00:00:00.000+0000", "serverTitle": "Jira"}
    return Reply(200, {**found, **given})


def myself(_site: JiraSite, call: JiraCall) -> Reply:
    """`GET /myself`: 401 for an anonymous request, even if the site allows it to read other resources."""
    if call.viewer.user is None:
        raise JiraError(401, "You are not authenticated. Authentication required to perform this operation.")
    raw = _user_json(call, call.viewer.user)
    raw.setdefault("timeZone", call.viewer.zone.key)
    raw.setdefault("locale", "en_US")
    return Reply(200, raw)


def _user_json(call: JiraCall, user: User) -> Json:
    raw = dict(user.raw)
    name = "accountId" if "accountId" in raw else "username"
    raw["self"] = f"{call.render.root}/user?{name}={user.account}"
    raw.setdefault("active", True)
    return raw


def session(_site: JiraSite, call: JiraCall) -> Reply:
    """`GET /rest/auth/1/session`: the signed-in user."""
    return Reply(200, {"name": call.viewer.account, "self": call.viewer.base, "loginInfo": {"loginCount": 1}})


def one_user(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /user` by accountId, username or key."""
    wanted = call.text("accountId") or call.text("username") or call.text("key")
    user = site.state.users.get(wanted)
    if user is None and not site.is_cloud:
        user = next((u for u in site.state.users.values() if wanted in (u.raw.get("key"), u.raw.get("name"))), None)
    if user is None:
        raise JiraError(404, "The user does not exist or you do not have permission to view it.")
    return Reply(200, _user_json(call, user))


def many_users(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /user/bulk?accountId=…&accountId=…` (Cloud): ten users unless `maxResults` says how many."""
    wanted = set(call.many("accountId"))
    found = [_user_json(call, user) for user in site.state.users.values() if user.account in wanted]
    start, size = call.number("startAt", 0), call.number("maxResults", 10)
    page = {"startAt": start, "maxResults": size, "total": len(found), "isLast": start + size >= len(found)}
    return Reply(200, {**page, "values": found[start : start + size]})


def search_users(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /user/search` and `/users/search`; Data Center returns inactive users only on request."""
    wanted = (call.text("query") or call.text("username")).casefold()
    idle = site.is_cloud or call.flag("includeInactive", default=False)
    found = [
        _user_json(call, user)
        for user in site.state.users.values()
        if (user.raw.get("active", True) or idle)
        and (not wanted or wanted == "." or any(word.startswith(wanted) for word in _name_words(user.raw)))
    ]
    start, size = call.number("startAt", 0), call.number("maxResults", 50)
    return Reply(200, found[start : start + size])


def _name_words(raw: Json) -> set[str]:
    return user_words(raw) | set(str(raw.get("displayName", "")).casefold().split())


def list_fields(site: JiraSite, _call: JiraCall) -> Reply:
    """`GET /field`."""
    return Reply(200, [_field_json(site, field) for field in site.state.fields.values()])


def _field_json(site: JiraSite, field: Json) -> Json:
    if site.is_cloud:
        return field
    return {name: value for name, value in field.items() if name not in ("key", "scope", "untranslatedName")}


def search_fields(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /field/search` (Cloud), with `id`, `query` and `type`."""
    ids, word, kinds = set(call.many("id")), call.text("query").casefold(), call.many("type")
    found = [
        {name: field[name] for name in ("id", "name", "schema", "description") if name in field}
        for field in site.state.fields.values()
        if (not ids or field["id"] in ids)
        and word in str(field["name"]).casefold()
        and (not kinds or ("custom" if field.get("custom") else "system") in kinds)
    ]
    return Reply(200, _paged(site, call, found, 50))


def _paged(site: JiraSite, call: JiraCall, found: list[Any], size: int) -> Json:
    start, total = max(0, call.number("startAt", 0)), len(found)
    size = site.page_size(call.number("maxResults", size), total, 100)
    page: Json = {"maxResults": size, "startAt": start, "total": total, "isLast": start + size >= total}
    return {**page, "values": found[start : start + size]}


def _with_self(call: JiraCall, kind: str, raw: Json) -> Json:
    return {**raw, "self": f"{call.render.root}/{kind}/{raw['id']}"}


def list_statuses(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /status`."""
    return Reply(200, [_with_self(call, "status", status) for status in site.state.statuses.values()])


def one_status(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /status/X` by id or name."""
    for status in site.state.statuses.values():
        if call.parts[0] in (str(status["id"]), status["name"]):
            return Reply(200, _with_self(call, "status", status))
    raise JiraError(404, "The status does not exist or you do not have permission to view it.")


def search_statuses(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /statuses/search` and `/statuses?id=…` (Cloud)."""
    names = {"new": "TODO", "indeterminate": "IN_PROGRESS", "done": "DONE"}
    wanted = set(call.many("id"))
    found = [
        {
            "id": str(status["id"]),
            "name": status["name"],
            "statusCategory": names.get((status.get("statusCategory") or {}).get("key", ""), "TODO"),
            "scope": status.get("scope") or {"type": "GLOBAL"},
            "description": status.get("description", ""),
        }
        for status in site.state.statuses.values()
        if not wanted or str(status["id"]) in wanted
    ]
    return Reply(200, found if wanted else _paged(site, call, found, 200))


def list_categories(_site: JiraSite, call: JiraCall) -> Reply:
    """`GET /statuscategory`."""
    return Reply(200, [_with_self(call, "statuscategory", category) for category in CATEGORIES.values()])


def list_issue_types(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /issuetype` and `/issuetype/project`."""
    return Reply(200, [_with_self(call, "issuetype", issue_type) for issue_type in site.state.issue_types.values()])


def list_priorities(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /priority`."""
    return Reply(200, [_with_self(call, "priority", priority) for priority in site.state.priorities.values()])


def list_resolutions(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /resolution`."""
    return Reply(200, [_with_self(call, "resolution", resolution) for resolution in site.state.resolutions.values()])


def list_link_types(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /issueLinkType`."""
    found = [_with_self(call, "issueLinkType", link_type) for link_type in site.state.link_types.values()]
    return Reply(200, {"issueLinkTypes": found})


def _project_json(call: JiraCall, project: Project, *, is_full: bool = False) -> Json:
    found: Json = {
        "expand": "description,lead,issueTypes,url,projectKeys",
        **project.raw,
        "self": f"{call.render.root}/project/{project.id}",
        "id": project.id,
        "key": project.key,
    }
    if call.viewer.version == 3 and project.status != "live":
        found["archived" if project.status == "archived" else "deleted"] = True
    if is_full and "issueTypes" not in found:
        found["issueTypes"] = []
    return found


def _visible(site: JiraSite, call: JiraCall, statuses: set[str]) -> list[Project]:
    return [
        project
        for project in sorted(site.state.projects.values(), key=lambda project: project.key)
        if project.status in statuses and _may_list(site, call, project)
    ]


def _may_list(site: JiraSite, call: JiraCall, project: Project) -> bool:
    if project.status == "live":
        return site.access.can_browse(call.viewer, project)
    return call.viewer.user is not None and not project.is_hidden


def list_projects(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /project`: live projects; on Data Center also archived ones with includeArchived."""
    statuses = {"live", "archived"} if call.flag("includeArchived", default=False) else {"live"}
    return Reply(200, [_project_json(call, project) for project in _visible(site, call, statuses)])


def search_projects(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /project/search?status=live|archived|deleted` (Cloud)."""
    statuses = set(call.many("status")) or {"live"}
    keys, ids = set(call.many("keys")), set(call.many("id"))
    found = [
        _project_json(call, project)
        for project in _visible(site, call, statuses)
        if (not keys or project.key in keys) and (not ids or project.id in ids)
    ]
    return Reply(200, {"self": f"{call.render.root}/project/search", **_paged(site, call, found, 50)})


def browsed_project(site: JiraSite, call: JiraCall) -> Project:
    """Return the project that the path names. Raises JiraError 404 where the viewer may not browse it."""
    project = site.state.project_by(call.parts[0])
    if project is None or not site.access.can_browse(call.viewer, project):
        raise JiraError(404, f"No project could be found with key '{call.parts[0]}'.")
    return project


def one_project(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /project/X`."""
    found = _project_json(call, browsed_project(site, call), is_full=True)
    found["issueTypes"] = found["issueTypes"] or [
        _with_self(call, "issuetype", issue_type) for issue_type in site.state.issue_types.values()
    ]
    return Reply(200, found)


def project_statuses(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /project/X/statuses`: by issue type, without the statuses of another project's scope."""
    project = browsed_project(site, call)
    statuses = [
        _with_self(call, "status", status)
        for status in site.state.statuses.values()
        if ((status.get("scope") or {}).get("project") or {}).get("id") in (None, project.id)
    ]
    found = [
        {
            "self": f"{call.render.root}/issuetype/{issue_type['id']}",
            "id": str(issue_type["id"]),
            "name": issue_type["name"],
            "subtask": bool(issue_type.get("subtask")),
            "statuses": statuses,
        }
        for issue_type in site.state.issue_types.values()
    ]
    return Reply(200, found)


def my_permissions(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /mypermissions`; Cloud requires the `permissions` parameter."""
    asked = call.many("permissions")
    if site.is_cloud and not asked:
        raise JiraError(400, "The 'permissions' query parameter is required.")
    unknown = [name for name in asked if name not in PERMISSIONS]
    if unknown:
        raise JiraError(400, f"Unrecognized permission: {', '.join(unknown)}")
    if call.text("issueKey") or call.text("issueId"):
        site.issue(call.viewer, call.text("issueKey") or call.text("issueId"))
    found = {
        name: {
            "id": str(number),
            "key": name,
            "name": name.replace("_", " ").capitalize(),
            "type": "GLOBAL" if name == "ADMINISTER" else "PROJECT",
            "description": "",
            "havePermission": site.access.has(call.viewer, name),
        }
        for number, name in enumerate(PERMISSIONS, 10)
        if not asked or name in asked
    }
    return Reply(200, {"permissions": found})


def account_name(user: User | None) -> str:
    """Return the value of the X-AUSERNAME header."""
    return account_of(user.raw) if user else "anonymous"
