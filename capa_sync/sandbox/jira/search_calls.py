"""The search endpoints of both faces."""

from __future__ import annotations

from typing import Any

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.jql import parse_jql
from capa_sync.sandbox.jira.render import FieldChoice
from capa_sync.sandbox.jira.site import BAD_PAYLOAD, JiraCall, JiraSite, listed, whole
from capa_sync.sandbox.jira.state import Issue, Json
from capa_sync.sandbox.messages import Reply

_CLOUD_KEYS = frozenset(
    {"jql", "nextPageToken", "maxResults", "fields", "expand", "properties", "fieldsByKeys", "reconcileIssues"}
    | {"failFast"}
)
_DC_KEYS = frozenset({"jql", "startAt", "maxResults", "fields", "expand", "validateQuery"})
_BULK_KEYS = frozenset({"issueIdsOrKeys", "fields", "expand", "properties", "fieldsByKeys"})
_REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)


def removed_search(_site: JiraSite, _call: JiraCall) -> Reply:
    """`/search` on Cloud, which was removed (410)."""
    raise JiraError(410, _REMOVED)


def _asked(call: JiraCall, allowed: frozenset[str]) -> Json:
    if call.request.method == "POST":
        return call.body(allowed)
    given: Json = {name: call.request.parameter(name) for name in allowed if name in call.request.query}
    for name in ("fields", "properties", "reconcileIssues"):
        if name in given:
            given[name] = call.many(name)
    return given


def _issue_json(site: JiraSite, call: JiraCall, issue: Issue, choice: FieldChoice, asked: Json) -> Json:
    return call.render.issue(
        issue, choice, listed(asked.get("expand")), listed(asked.get("properties")), site.finder.stale(issue)
    )


def cloud_search(site: JiraSite, call: JiraCall) -> Reply:
    """`GET|POST /search/jql`."""
    asked = _asked(call, _CLOUD_KEYS)
    choice = FieldChoice.of(asked.get("fields"), "id")
    reconcile = [int(id_) for id_ in listed(asked.get("reconcileIssues"))]
    if len(reconcile) > 50:
        raise JiraError(400, "reconcileIssues takes at most 50 ids.")
    if len(listed(asked.get("properties"))) > 5:
        raise JiraError(400, "No more than 5 properties can be requested.")
    size = whole(asked.get("maxResults"), "maxResults", 50)
    if not 1 <= size <= 5000:
        raise JiraError(400, "The value of maxResults must be between 1 and 5000.")
    cap = site.settings.id_page_cap if choice.is_id_only else site.settings.page_cap
    jql = str(asked.get("jql") or "")
    issues, token = site.finder.cloud_page(
        call.viewer, jql, asked.get("nextPageToken") or None, min(size, cap), reconcile
    )
    found: Json = {"issues": [_issue_json(site, call, issue, choice, asked) for issue in issues]}
    if "names" in listed(asked.get("expand")):
        found["names"] = _names(site, found["issues"])
    if token is not None:
        found["nextPageToken"] = token
    return Reply(200, {**found, "isLast": token is None})


def _names(site: JiraSite, issues: list[Json]) -> dict[str, Any]:
    used = {name for issue in issues for name in issue.get("fields", {})}
    return {name: str(site.state.fields.get(name, {}).get("name", name)) for name in sorted(used)}


def dc_search(site: JiraSite, call: JiraCall) -> Reply:
    """`GET|POST /search` on Data Center."""
    asked = _asked(call, _DC_KEYS | ({"properties"} if call.request.method == "GET" else frozenset()))
    choice = FieldChoice.of(asked.get("fields"), "*navigable")
    start = max(0, whole(asked.get("startAt"), "startAt", 0))
    size = whole(asked.get("maxResults"), "maxResults", 50)
    size = site.settings.dc_page_cap if size < 0 else size
    issues, size, total = site.finder.offset_page(call.viewer, str(asked.get("jql") or ""), start, size)
    found: Json = {"expand": "schema,names", "startAt": start, "maxResults": size, "total": total}
    found["issues"] = [_issue_json(site, call, issue, choice, asked) for issue in issues]
    if "names" in listed(asked.get("expand")):
        found["names"] = _names(site, found["issues"])
    return Reply(200, found)


def approximate_count(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /search/approximate-count`."""
    jql = str(call.body(frozenset({"jql"})).get("jql") or "")
    return Reply(200, {"count": len(site.finder.matching(call.viewer, jql, bounded=True))})


def match_jql(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /jql/match`: which of the given issues match each query."""
    asked = call.body(frozenset({"jqls", "issueIds"}))
    if "jqls" not in asked or "issueIds" not in asked:
        raise JiraError(400, BAD_PAYLOAD)
    wanted = {int(id_) for id_ in asked["issueIds"]}
    return Reply(200, {"matches": [_matches(site, call, str(jql), wanted) for jql in asked["jqls"]]})


def _matches(site: JiraSite, call: JiraCall, jql: str, wanted: set[int]) -> Json:
    try:
        rows = site.finder.matching(call.viewer, jql)
    except JiraError as error:
        return {"matchedIssues": [], "errors": error.messages}
    return {"matchedIssues": sorted(wanted & {id_ for _key, id_ in rows}), "errors": []}


def parse_queries(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /jql/parse`: each query with its errors, without its structure."""
    found = []
    for jql in call.body(frozenset({"queries"})).get("queries") or ():
        answer: Json = {"query": jql}
        try:
            site.finder.test(call.viewer, parse_jql(str(jql)))
        except JiraError as error:
            answer["errors"] = error.messages
        found.append(answer)
    return Reply(200, {"queries": found})


def bulk_fetch(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /issue/bulkfetch`: issues that are missing or not visible are left out without an error."""
    asked = call.body(_BULK_KEYS)
    wanted = asked.get("issueIdsOrKeys")
    if not isinstance(wanted, list) or not wanted:
        raise JiraError(400, BAD_PAYLOAD)
    names = listed(asked.get("fields"))
    limit = 1000 if names and len(names) <= 100 and not any(n[0] in "*-" for n in names) else 100
    if len(wanted) > limit:
        raise JiraError(400, f"The number of issues must not exceed {limit}.")
    choice = FieldChoice.of(names, "*navigable")
    found = [site.state.find(str(key)) for key in wanted]
    seen = {issue.id: issue for issue in found if issue is not None and site.access.can_see(call.viewer, issue)}
    issues = [
        call.render.issue(issue, choice, listed(asked.get("expand")), listed(asked.get("properties")))
        for issue in seen.values()
    ]
    return Reply(200, {"issues": issues, "issueErrors": []})
