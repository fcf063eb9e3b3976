"""What is special about Jira (Cloud and Data Center), for settings, mapping, hints and write-back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from capa_sync.kinds import BuildRequest, ChildTickets, Header, HintFormat, HistoryFields, SourceKind, SourceOptions
from capa_sync.model.record import ActionOrigin
from capa_sync.model.signature import is_signed
from capa_sync.model.write import WriteKind
from capa_sync.ports.reading import Parser, Source
from capa_sync.ports.writing import TicketWriter
from capa_sync.sources.jira.attached import attachments_of
from capa_sync.sources.jira.prevention import validators

_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_COMMENT = re.compile(r"/rest/api/[0-9a-z]{1,10}/issue/([1-9][0-9]{0,17})/comment/", re.ASCII)


def _build(request: BuildRequest) -> tuple[Source, TicketWriter]:
    from capa_sync.sources.jira.build import build_requested

    return build_requested(request)


def _parser(source: str, url: str) -> Parser:
    from capa_sync.sources.jira.parse import JiraParser

    return JiraParser(source, url)


def _check(options: SourceOptions) -> str | None:
    if options.method == "oauth-client-credentials" and not options.token_url:
        return 'auth.token_url: this way of signing in to Jira needs token_url = "https://…"'
    if not options.query.strip():
        return 'a jira source needs query = "…" in JQL, for example "project = CAPA"'
    if options.table:
        return "table is for servicenow; a jira source names its tickets in query"
    if options.text_field or options.state_field:
        return "text_field and state_field are for servicenow; Jira gets a comment and labels"
    return None


def _is_genuine(secret: str, header: Header, body: bytes) -> bool:
    """Return whether Jira signed the body (docs/jira.md 6)."""
    return is_signed(secret, body, header("X-Hub-Signature"))


def _ids(payload: Mapping[str, Any]) -> Iterator[str]:
    """Yield the issue's id; a comment event may lack the issue, so the id in the comment's URL is read too."""
    yield from _matching(_member(payload, "issue").get("id"))
    address = _member(payload, "comment").get("self")
    if isinstance(address, str) and (found := _COMMENT.search(address)):
        yield found[1]
    link = _member(payload, "issueLink")
    for end in ("sourceIssueId", "destinationIssueId"):
        yield from _matching(link.get(end))


def _matching(value: object) -> Iterator[str]:
    if isinstance(value, str | int) and not isinstance(value, bool) and _ID.fullmatch(str(value)):
        yield str(value)


def _member(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = payload.get(name)
    return found if isinstance(found, dict) else {}


JIRA = SourceKind(
    name="jira",
    title="Jira",
    build=_build,
    parser=_parser,
    auth_methods=("basic", "pat", "oauth-client-credentials"),
    check=_check,
    channels=(WriteKind.COMMENT, WriteKind.LABELS, WriteKind.PROPERTY),
    labels_field="labels",
    children=ChildTickets(
        origins=(ActionOrigin.SUBTASK, ActionOrigin.LINK),
        text="summary",
        owner="assignee",
        due_at="duedate",
        status="status",
        has_categories=True,
        parent_relation=ActionOrigin.SUBTASK,
    ),
    attachments=attachments_of,
    history=HistoryFields(type="issuetype", parent="parent", attachments="attachment"),
    prevent=validators,
    hints=HintFormat(_is_genuine, _ids, identifier="X-Atlassian-Webhook-Identifier"),
)
