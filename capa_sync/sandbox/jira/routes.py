"""The endpoints: path, methods, face, handler, and whether anonymous requests are allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from capa_sync.sandbox.jira import attachment_calls as attachments
from capa_sync.sandbox.jira import change_calls as changes
from capa_sync.sandbox.jira import comment_calls as comments
from capa_sync.sandbox.jira import issue_calls as issues
from capa_sync.sandbox.jira import meta_calls as meta
from capa_sync.sandbox.jira import scheme_calls as schemes
from capa_sync.sandbox.jira import search_calls as searches
from capa_sync.sandbox.jira.site import JiraCall, JiraSite
from capa_sync.sandbox.messages import Reply

Handler = Callable[[JiraSite, JiraCall], Reply]


@dataclass(frozen=True)
class Route:
    """One endpoint.

    Attributes:
        verbs: the methods it accepts.
        path: a regular expression for the whole path below `/rest/api/N/`; its groups become the call's parts.
        face: cloud, datacenter or both.
        is_open: answers anonymous requests if the site allows them.
    """

    verbs: frozenset[str]
    path: re.Pattern[str]
    handler: Handler
    face: str
    is_open: bool


def _route(verbs: str, path: str, handler: Handler, face: str = "both", *, is_open: bool = False) -> Route:
    shape = "/".join("([^/]+)" if part == "*" else part for part in path.split("/"))
    return Route(frozenset(verbs.split()), re.compile(shape), handler, face, is_open)


ROUTES: tuple[Route, ...] = (
    _route("GET POST", "search", searches.removed_search, "cloud", is_open=True),
    _route("GET POST", "search/jql", searches.cloud_search, "cloud", is_open=True),
    _route("POST", "search/approximate-count", searches.approximate_count, "cloud", is_open=True),
    _route("GET POST", "search", searches.dc_search, "datacenter", is_open=True),
    _route("POST", "jql/match", searches.match_jql, "cloud", is_open=True),
    _route("POST", "jql/parse", searches.parse_queries, "cloud", is_open=True),
    _route("POST", "issue/bulkfetch", searches.bulk_fetch, "cloud", is_open=True),
    _route("POST", "changelog/bulkfetch", changes.changelog_bulk, "cloud", is_open=True),
    _route("GET", "issue/*/changelog", changes.changelog_page, "cloud", is_open=True),
    _route("POST", "issue/*/changelog/list", changes.changelog_list, "cloud", is_open=True),
    _route("POST", "issue", issues.create_issue),
    _route("GET", "issue/*", issues.get_issue, is_open=True),
    _route("PUT", "issue/*", issues.edit_issue),
    _route("DELETE", "issue/*", issues.delete_issue),
    _route("PUT", "issue/*/assignee", issues.assign_issue),
    _route("GET", "issue/*/transitions", issues.list_transitions, is_open=True),
    _route("POST", "issue/*/transitions", issues.do_transition),
    _route("GET", "issue/*/editmeta", issues.edit_meta),
    _route("GET", "issue/*/worklog", issues.list_worklogs, is_open=True),
    _route("POST", "issueLink", issues.create_link),
    _route("DELETE", "issueLink/*", issues.delete_link),
    _route("POST", "bulk/issues/move", issues.bulk_move, "cloud"),
    _route("GET", "issue/*/comment", comments.list_comments, is_open=True),
    _route("POST", "issue/*/comment", comments.add_comment),
    _route("GET", "issue/*/comment/*", comments.get_comment, is_open=True),
    _route("PUT", "issue/*/comment/*", comments.edit_comment),
    _route("DELETE", "issue/*/comment/*", comments.delete_comment),
    _route("POST", "comment/list", comments.comments_by_id, "cloud", is_open=True),
    _route("GET", "comment/*/properties", comments.comment_properties, is_open=True),
    _route("GET PUT DELETE", "comment/*/properties/*", comments.comment_properties),
    _route("GET", "issue/*/properties", comments.issue_properties, is_open=True),
    _route("GET PUT DELETE", "issue/*/properties/*", comments.issue_properties),
    _route("GET", "attachment/content/*", attachments.cloud_content, "cloud", is_open=True),
    _route("GET", "serverInfo", meta.server_info, is_open=True),
    _route("GET", "myself", meta.myself, is_open=True),
    _route("GET", "user", meta.one_user),
    _route("GET", "user/bulk", meta.many_users, "cloud"),
    _route("GET", "user/search", meta.search_users),
    _route("GET", "users/search", meta.search_users, "cloud"),
    _route("GET", "field", meta.list_fields, is_open=True),
    _route("GET", "field/search", meta.search_fields, "cloud"),
    _route("GET", "status", meta.list_statuses, is_open=True),
    _route("GET", "status/*", meta.one_status, is_open=True),
    _route("GET", "statuses", meta.search_statuses, "cloud"),
    _route("GET", "statuses/search", meta.search_statuses, "cloud"),
    _route("GET", "statuscategory", meta.list_categories, is_open=True),
    _route("GET", "issuetype", meta.list_issue_types, is_open=True),
    _route("GET", "issuetype/project", meta.list_issue_types, "cloud", is_open=True),
    _route("GET", "priority", meta.list_priorities, is_open=True),
    _route("GET", "resolution", meta.list_resolutions, is_open=True),
    _route("GET", "issueLinkType", meta.list_link_types, is_open=True),
    _route("GET", "project", meta.list_projects, is_open=True),
    _route("GET", "project/search", meta.search_projects, "cloud", is_open=True),
    _route("GET", "project/*", meta.one_project, is_open=True),
    _route("GET", "project/*/statuses", meta.project_statuses, is_open=True),
    _route("GET", "project/*/notificationscheme", schemes.notification_scheme),
    _route("GET", "mypermissions", meta.my_permissions, is_open=True),
)


def find_route(method: str, path: str, face: str) -> tuple[Route | None, tuple[str, ...], bool]:
    """Return the route of a path below `/rest/api/N/`, its parts, and whether any method has the path."""
    exists = False
    for route in ROUTES:
        if route.face not in ("both", face):
            continue
        found = route.path.fullmatch(path)
        if found is not None:
            exists = True
            if method in route.verbs:
                return route, found.groups(), True
    return None, (), exists
