"""The changelog endpoints of Cloud: by page, by entry ids, and for many issues at once."""

from __future__ import annotations

import base64
from typing import Any

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.site import BAD_PAYLOAD, JiraCall, JiraSite, whole
from capa_sync.sandbox.jira.state import ChangeGroup, Json
from capa_sync.sandbox.messages import Reply

_KEYS = frozenset({"issueIdsOrKeys", "fieldIds", "maxResults", "nextPageToken"})


def changelog_page(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /issue/X/changelog`: oldest first, at most 100 a page."""
    issue = site.issue(call.viewer, call.parts[0])
    start, total = max(0, call.number("startAt", 0)), len(issue.histories)
    size = site.page_size(call.number("maxResults", 100), total, 100)
    shown = [call.render.history(entry) for entry in issue.histories[start : start + size]]
    link = f"{call.render.root}/issue/{call.parts[0]}/changelog?startAt="
    found: Json = {
        "self": f"{link}{start}&maxResults={size}",
        "maxResults": size,
        "startAt": start,
        "total": total,
        "isLast": start + size >= total,
        "values": shown,
    }
    if not found["isLast"]:
        found["nextPage"] = f"{link}{start + size}&maxResults={size}"
    return Reply(200, found)


def changelog_list(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /issue/X/changelog/list`: entries by id."""
    issue = site.issue(call.viewer, call.parts[0])
    ids = call.body(frozenset({"changelogIds"})).get("changelogIds")
    if not isinstance(ids, list):
        raise JiraError(400, BAD_PAYLOAD)
    wanted = {int(id_) for id_ in ids}
    found = [call.render.history(entry) for entry in issue.histories if entry.id in wanted]
    page = {"startAt": 0, "maxResults": len(found), "total": len(found), "histories": found}
    return Reply(200, page)


def changelog_bulk(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /changelog/bulkfetch`: entries of all issues by date, so pages may split those of one issue."""
    asked = call.body(_KEYS)
    wanted, field_ids = asked.get("issueIdsOrKeys"), asked.get("fieldIds") or []
    size = whole(asked.get("maxResults"), "maxResults", 1000)
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= 1000 or len(field_ids) > 10 or not 1 <= size <= 10_000:
        raise JiraError(400, BAD_PAYLOAD)
    entries = _entries(site, call, [str(key) for key in wanted], set(field_ids))
    start = _offset(asked.get("nextPageToken"))
    size = site.page_size(size, len(entries), site.settings.changelog_page_cap)
    found: Json = {"issueChangeLogs": _grouped(site, call, entries[start : start + size])}
    if start + size < len(entries):
        found["nextPageToken"] = base64.urlsafe_b64encode(f"changes-{start + size}".encode()).decode()
    return Reply(200, found)


def _entries(
    site: JiraSite, call: JiraCall, wanted: list[str], field_ids: set[str]
) -> list[tuple[int, int, int, ChangeGroup]]:
    issues = {issue.id: issue for key in wanted if (issue := site.state.find(key)) is not None}
    entries = [
        (entry.at, issue.id, entry.id, entry)
        for issue in issues.values()
        if site.access.can_see(call.viewer, issue)
        for entry in issue.histories
        if not field_ids or any(item.get("fieldId") in field_ids for item in entry.items)
    ]
    return sorted(entries, key=lambda entry: entry[:3])


def _offset(token: Any) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(str(token)).decode().removeprefix("changes-"))
    except ValueError as error:
        raise JiraError(400, BAD_PAYLOAD) from error


def _grouped(site: JiraSite, call: JiraCall, entries: list[tuple[int, int, int, ChangeGroup]]) -> list[Json]:
    by_issue: dict[int, list[Json]] = {}
    form = site.settings.bulk_created_form
    for at, issue_id, _id, entry in entries:
        created = None if form == "iso" else at if form == "ms" else at // 1000
        by_issue.setdefault(issue_id, []).append(call.render.history(entry, created))
    return [{"issueId": str(id_), "changeHistories": found} for id_, found in by_issue.items()]
