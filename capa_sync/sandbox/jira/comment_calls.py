"""The endpoints of comments, and of entity properties of issues and comments."""

from __future__ import annotations

import json
from typing import Any

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.site import BAD_PAYLOAD, JiraCall, JiraSite
from capa_sync.sandbox.jira.state import Comment, Issue, Json, account_of
from capa_sync.sandbox.jira.text import is_document
from capa_sync.sandbox.messages import Reply

_NO_COMMENT = "Can not find a comment for the id: {}."


def list_comments(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /issue/X/comment`."""
    issue = site.issue(call.viewer, call.parts[0])
    total, start = len(issue.comments), max(0, call.number("startAt", 0))
    asked = call.number("maxResults", 100 if site.is_cloud else 1_048_576)
    size = site.page_size(asked, total, 5000) if site.is_cloud else asked
    ordered = issue.comments[::-1] if call.text("orderBy") == "-created" else issue.comments
    with_properties = "properties" in call.text("expand") and site.settings.comment_list_expands_properties
    shown = [
        call.render.comment(issue, comment, with_properties=with_properties)
        for comment in ordered[start : start + size]
    ]
    return Reply(200, {"startAt": start, "maxResults": size, "total": total, "comments": shown})


def add_comment(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /issue/X/comment`; sets the properties of the request too."""
    issue, asked = site.issue(call.viewer, call.parts[0]), call.body()
    site.access.require(call.viewer, "ADD_COMMENTS", "comment on this issue")
    _check_body(site, call, asked.get("body"))
    for pair in asked.get("properties") or ():
        _check_value(pair.get("key"), pair.get("value"))
    site.edits.begin(issue, call.viewer)
    comment = site.edits.add_comment(call.viewer, issue, asked["body"], asked)
    site.edits.touch(issue)
    return Reply(201, call.render.comment(issue, comment))


def _check_body(site: JiraSite, call: JiraCall, body: Any) -> None:
    if not body:
        raise JiraError(400, errors={"comment": "Comment body can not be empty!"})
    if site.is_cloud and call.wants_adf:
        if not is_document(body):
            raise JiraError(400, "INVALID_INPUT")
    elif not isinstance(body, str):
        raise JiraError(400, errors={"comment": "Operation value must be a string"})
    site.edits.values.check_length("comment", body)


def _comment(site: JiraSite, call: JiraCall) -> tuple[Issue, Comment]:
    issue = site.issue(call.viewer, call.parts[0])
    found = next((comment for comment in issue.comments if str(comment.id) == call.parts[1]), None)
    if found is None:
        raise JiraError(404, _NO_COMMENT.format(call.parts[1]))
    return issue, found


def get_comment(site: JiraSite, call: JiraCall) -> Reply:
    """`GET /issue/X/comment/N`."""
    issue, comment = _comment(site, call)
    with_properties = "properties" in call.text("expand") and site.is_cloud
    return Reply(200, call.render.comment(issue, comment, with_properties=with_properties))


def _require_own(site: JiraSite, call: JiraCall, comment: Comment, doing: str) -> None:
    own = call.viewer.account != "" and account_of(comment.author) == call.viewer.account
    kind = "OWN" if own else "ALL"
    site.access.require(call.viewer, f"{doing.upper()}_{kind}_COMMENTS", f"{doing} the comment with id {comment.id}")


def edit_comment(site: JiraSite, call: JiraCall) -> Reply:
    """`PUT /issue/X/comment/N`; changes only the properties that are sent."""
    issue, comment = _comment(site, call)
    asked = call.body()
    _require_own(site, call, comment, "edit")
    _check_body(site, call, asked.get("body"))
    site.edits.begin(issue, call.viewer)
    comment.body, comment.updated = asked["body"], site.now()
    comment.update_author = call.viewer.user.raw if call.viewer.user else None
    for pair in asked.get("properties") or ():
        comment.properties[pair["key"]] = pair["value"]
    if site.is_cloud and isinstance(comment.properties.get("sd.public.comment"), dict):
        comment.extra["jsdPublic"] = not comment.properties["sd.public.comment"].get("internal")
    site.edits.touch(issue)
    return Reply(200, call.render.comment(issue, comment))


def delete_comment(site: JiraSite, call: JiraCall) -> Reply:
    """`DELETE /issue/X/comment/N`; adds no changelog entry."""
    issue, comment = _comment(site, call)
    _require_own(site, call, comment, "delete")
    site.edits.begin(issue, call.viewer)
    issue.comments.remove(comment)
    site.state.comment_owner.pop(comment.id, None)
    site.edits.touch(issue)
    return Reply(204)


def comments_by_id(site: JiraSite, call: JiraCall) -> Reply:
    """`POST /comment/list`: comments by id (1 to 1000), without those of hidden issues."""
    ids = call.body(frozenset({"ids"})).get("ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= 1000:
        raise JiraError(400, BAD_PAYLOAD)
    with_properties = "properties" in call.text("expand")
    found = [pair for id_ in ids if (pair := _by_id(site, call, int(id_))) is not None]
    values = [call.render.comment(issue, comment, with_properties=with_properties) for issue, comment in found]
    page = {"startAt": 0, "maxResults": 1000, "total": len(values), "isLast": True, "values": values}
    return Reply(200, page)


def _by_id(site: JiraSite, call: JiraCall, id_: int) -> tuple[Issue, Comment] | None:
    issue = site.state.issues.get(site.state.comment_owner.get(id_, -1))
    if issue is None or not site.access.can_see(call.viewer, issue):
        return None
    return issue, next(comment for comment in issue.comments if comment.id == id_)


def issue_properties(site: JiraSite, call: JiraCall) -> Reply:
    """`/issue/X/properties[/KEY]` with every method."""
    issue = site.issue(call.viewer, call.parts[0])
    if call.request.method in ("PUT", "DELETE"):
        site.access.require(call.viewer, "EDIT_ISSUES", "edit this issue")
    link = f"{call.render.root}/issue/{issue.id}/properties"
    return _properties(site, call, issue, issue.properties, link)


def comment_properties(site: JiraSite, call: JiraCall) -> Reply:
    """`/comment/N/properties[/KEY]` with every method."""
    id_ = int(call.parts[0]) if call.parts[0].isdecimal() else -1
    found = _by_id(site, call, id_)
    if found is None:
        raise JiraError(404, _NO_COMMENT.format(call.parts[0]))
    issue, comment = found
    if call.request.method in ("PUT", "DELETE"):
        _require_own(site, call, comment, "edit")
    link = f"{call.render.root}/comment/{comment.id}/properties"
    return _properties(site, call, issue, comment.properties, link)


def _properties(site: JiraSite, call: JiraCall, issue: Issue, properties: Json, link: str) -> Reply:
    method = call.request.method
    if len(call.parts) == 1:
        return Reply(200, {"keys": [{"self": f"{link}/{key}", "key": key} for key in properties]})
    key = call.parts[1]
    if method == "PUT":
        value = call.json_body()
        _check_value(key, value)
        is_new = key not in properties
        _note_write(site, call, issue)
        properties[key] = value
        return Reply(201 if is_new else 200, {})
    if key not in properties:
        raise JiraError(404, f"The property with key '{key}' does not exist.")
    if method == "DELETE":
        _note_write(site, call, issue)
        del properties[key]
        return Reply(204)
    return Reply(200, {"key": key, "value": properties[key]})


def _note_write(site: JiraSite, call: JiraCall, issue: Issue) -> None:
    site.edits.begin(issue, call.viewer)
    if site.settings.properties_bump_updated:
        site.edits.touch(issue)


def _check_value(key: Any, value: Any) -> None:
    if not isinstance(key, str) or not 1 <= len(key) <= 255:
        raise JiraError(400, "The property key must have 1 to 255 characters.")
    if value is None or len(json.dumps(value)) > 32_768:
        raise JiraError(400, "The property value must be a JSON value of at most 32768 characters.")
