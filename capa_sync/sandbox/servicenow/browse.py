"""The web pages of the sandbox ServiceNow: plain HTML without sign-in, every value escaped."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import parse_qs, unquote

from capa_sync.sandbox.messages import Reply, Request
from capa_sync.sandbox.servicenow.access import Caller
from capa_sync.sandbox.servicenow.answers import ApiError
from capa_sync.sandbox.servicenow.display import DisplayTexts
from capa_sync.sandbox.servicenow.instance import Instance
from capa_sync.sandbox.servicenow.store import StoredRow

_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body{{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}th{{text-align:left;vertical-align:top;
padding-right:1em}}pre{{white-space:pre-wrap;font:inherit;margin:0}}section{{border-top:1px solid #ccc}}
</style></head><body><h1>{title}</h1>{content}</body></html>"""
_TABLES = ("sn_grc_issue", "sn_grc_task", "problem", "problem_task", "incident", "u_capa", "u_capa_action")
_CHILDREN = {
    "sn_grc_issue": (("sn_grc_task", "issue", "planned_end_date"),),
    "problem": (("problem_task", "problem", "due_date"),),
    "u_capa": (("u_capa_action", "u_capa", "u_due"),),
}
"""Table -> its child tables, each with the column of the parent and the column of the due date."""
_MOST = 500


def page_for(request: Request, instance: Instance, viewer: Caller) -> Reply | None:
    """Return the page of `/`, `/nav_to.do?uri=…`, `/TABLE.do?sys_id=…` or `/TABLE_list.do`; None for others.

    Raises:
        ApiError: 404 if there is no such record or table.
    """
    target = request.target
    if request.path == "/nav_to.do":
        target = "/" + unquote(request.parameter("uri") or "").lstrip("/")
    path, _, query = target.partition("?")
    texts = DisplayTexts(instance.store, viewer)
    if path == "/":
        return _page("Sandbox ServiceNow", _home(instance))
    match = re.fullmatch(r"/([a-z0-9_]+?)(_list)?\.do", path)
    if match is None or match.group(1).startswith("oauth"):
        return None
    table = match.group(1)
    if match.group(2):
        return _page(table, _list(instance, table))
    return _record_page(instance, texts, table, parse_qs(query).get("sys_id", [""])[0])


def _home(instance: Instance) -> str:
    items = (f'<li><a href="/{t}_list.do">{t}</a> {len(instance.store.view(t).rows)}</li>' for t in _TABLES)
    return f"<ul>{''.join(items)}</ul>"


def _list(instance: Instance, table: str) -> str:
    if table not in instance.schema:
        raise ApiError(404, f"Invalid table {table}")
    rows = sorted(instance.store.view(table), key=lambda row: row.get("number", row.sys_id))
    items = (f'<li><a href="/{table}.do?sys_id={escape(row.sys_id)}">{_title(row)}</a></li>' for row in rows[:_MOST])
    return f"<ul>{''.join(items)}</ul>"


def _title(row: StoredRow) -> str:
    name = row.get("short_description") or row.get("u_title") or row.get("name", "")
    return escape(f"{row.get('number', row.sys_id)} {name}")


def _record_page(instance: Instance, texts: DisplayTexts, table: str, sys_id: str) -> Reply:
    row = instance.store.find(table, sys_id)
    if row is None:
        raise ApiError(404, "No Record found", f"{table} has no such record")
    columns = instance.schema.columns(row.table)
    fields = [
        _line(column.label, texts.text(row, name, column, row[name]))
        for name, column in columns.items()
        if row.get(name) and not name.startswith("sys_")
    ]
    fields.append(
        _line("Updated", f"{texts.local(row.get('sys_updated_on', ''))} by {row.get('sys_updated_by', '')}")
    )
    tasks = _section("Tasks", _tasks(instance, texts, row))
    notes = _section("Activity", _entries(instance, texts, row, "sys_journal_field"))
    history = _section("Audit", _entries(instance, texts, row, "sys_audit"))
    return _page(_title(row), f"<table>{''.join(fields)}</table>{tasks}{notes}{history}")


def _tasks(instance: Instance, texts: DisplayTexts, row: StoredRow) -> str:
    lines = []
    for table, reference, due in _CHILDREN.get(row.table, ()):
        for task in instance.store.view(table).with_value(reference, row.sys_id):
            values = [
                texts.text(task, name, instance.schema.columns(table)[name], task[name])
                for name in ("short_description", "u_text", "state", "u_state", "assigned_to", "u_owner", due)
                if task.get(name)
            ]
            lines.append(_line(task.get("number", task.sys_id), " · ".join(values)))
    return "".join(lines)


def _entries(instance: Instance, texts: DisplayTexts, row: StoredRow, table: str) -> str:
    column = "documentkey" if table == "sys_audit" else "element_id"
    found = sorted(
        instance.store.view(table).with_value(column, row.sys_id), key=lambda entry: entry.get("sys_created_on", "")
    )
    lines = []
    for entry in found:
        text = entry.get("value") or f"{entry.get('oldvalue') or '–'} → {entry.get('newvalue') or '–'}"
        heading = f"{texts.local(entry.get('sys_created_on', ''))} {texts.author(entry)}"
        lines.append(_line(heading, f"{entry.get('element') or entry.get('fieldname', '')}: {text}"))
    return "".join(lines)


def _line(name: str, value: str) -> str:
    return f"<tr><th>{escape(name)}</th><td><pre>{escape(value)}</pre></td></tr>"


def _section(title: str, lines: str) -> str:
    return f"<section><h2>{title}</h2><table>{lines}</table></section>"


def _page(title: str, content: str) -> Reply:
    return Reply(200, text=_PAGE.format(title=title, content=content))
