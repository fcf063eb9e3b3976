"""The web page of a sandbox ticket: plain HTML, every value escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from capa_sync.sandbox.jira.errors import no_such_issue
from capa_sync.sandbox.jira.site import JiraSite
from capa_sync.sandbox.jira.state import ChangeGroup, Issue
from capa_sync.sandbox.jira.text import to_wiki
from capa_sync.sandbox.jira.times import jira_instant, zone_of
from capa_sync.sandbox.messages import Reply

_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body{{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}th{{text-align:left;vertical-align:top;
padding-right:1em}}pre{{white-space:pre-wrap;font:inherit;margin:0}}section{{border-top:1px solid #ccc}}
</style></head><body><h1>{title}</h1><table>{fields}</table><section><h2>Comments</h2>{comments}</section>
<section><h2>History</h2><table>{history}</table></section></body></html>"""


def browse_page(site: JiraSite, key: str) -> Reply:
    """Answer `GET /browse/KEY`; no sign-in is needed."""
    issue = site.state.find(key)
    if issue is None:
        raise no_such_issue(is_cloud=site.is_cloud)
    rows = [
        _row(str(site.state.fields.get(name, {}).get("name", name)), _shown(value))
        for name, value in issue.fields.items()
        if value not in (None, [], "") and name not in ("summary", "project", "worklog")
    ]
    children = (site.state.issues[child_id] for child_id in sorted(site.state.children.get(issue.id, ())))
    rows += [_row("Child issue", _summary_line(child)) for child in children]
    comments = [
        _comment(str((comment.author or {}).get("displayName", "")), comment.created, comment.body)
        for comment in issue.comments
    ]
    history = [_entry(entry) for entry in issue.histories]
    title = escape(f"{issue.key} {issue.fields.get('summary') or ''}")
    page = _PAGE.format(
        title=title, fields="".join(rows), comments="".join(comments) or "<p>none</p>", history="".join(history)
    )
    return Reply(200, text=page)


def _summary_line(issue: Issue) -> str:
    status, due = _shown(issue.fields.get("status")), issue.fields.get("duedate")
    return f"{issue.key} {issue.fields.get('summary') or ''} ({status}{f', due {due}' if due else ''})"


def _row(name: str, value: str) -> str:
    return f"<tr><th>{escape(name)}</th><td><pre>{escape(value)}</pre></td></tr>"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(member) for member in value)
    if isinstance(value, dict) and isinstance(value.get("type"), dict):
        side = "inward" if "inwardIssue" in value else "outward"
        return f"{value['type'].get(side)} {(value.get(side + 'Issue') or {}).get('key')}"
    if isinstance(value, dict) and value.get("type") != "doc":
        return str(value.get("displayName") or value.get("value") or value.get("name") or value.get("key") or "…")
    return to_wiki(value)


def _comment(author: str, at: int, body: Any) -> str:
    when = jira_instant(at, zone_of("UTC"))[:16].replace("T", " ")
    return f"<p><b>{escape(author)}</b> {when} UTC</p><pre>{escape(to_wiki(body))}</pre>"


def _entry(entry: ChangeGroup) -> str:
    when = jira_instant(entry.at, zone_of("UTC"))[:16].replace("T", " ")
    by = str((entry.author or {}).get("displayName", ""))
    changes = "; ".join(
        f"{item.get('field')}: {item.get('fromString') or '–'} → {item.get('toString') or '–'}"
        for item in entry.items
    )
    return _row(f"{when} {by}", changes)
