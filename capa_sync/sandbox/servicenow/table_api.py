"""The Table API: lists, one record, create, update, delete (docs/servicenow.md 1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from capa_sync.sandbox.messages import BadJsonError, Reply
from capa_sync.sandbox.servicenow.access import RowTest
from capa_sync.sandbox.servicenow.answers import (
    ACL_DETAIL,
    ApiError,
    cancelled_body,
    forbidden,
    in_wanted_form,
    no_record,
)
from capa_sync.sandbox.servicenow.call import ServiceNowCall
from capa_sync.sandbox.servicenow.display_input import from_display_values
from capa_sync.sandbox.servicenow.instance import Instance
from capa_sync.sandbox.servicenow.meta_tables import LOG_TABLES
from capa_sync.sandbox.servicenow.paging import PageRequest, link_header
from capa_sync.sandbox.servicenow.render import RowRenderer, Shape
from capa_sync.sandbox.servicenow.selection import Selection, Window, select
from capa_sync.sandbox.servicenow.store import StoredRow
from capa_sync.sandbox.servicenow.write import WriteContext, as_text


class TableApi:
    """Answers Table API calls on one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def answer(self, call: ServiceNowCall, sys_id: str | None) -> Reply:
        """Answer one call. Raises ApiError."""
        self.instance.check_table(call.table)
        method = call.request.header("x-http-method-override").upper() or call.request.method
        if sys_id is None:
            actions = {"GET": self._list, "POST": self._create}
            if method in actions:
                return actions[method](call)
        elif method == "GET":
            return self._get(call, sys_id)
        elif method in ("PUT", "PATCH"):
            return self._update(call, sys_id)
        elif method == "DELETE":
            return self._delete(call, sys_id)
        raise ApiError(405, "Method not supported", f"{method} is not supported here")

    # --- reading -----------------------------------------------------------------------------------------------

    def _list(self, call: ServiceNowCall) -> Reply:
        self.instance.check_readable(call.table, call.caller)
        page = PageRequest.of(call.request)
        selection = self._select(call, page)
        sees = self._row_test(call)
        rows = [row for row in self._with_page_faults(selection.rows) if sees(row)]
        if call.version == "v1" and not rows:
            raise no_record()
        render = self._renderer(call)
        result = [render.show(row, call.table) for row in rows]
        headers = _page_headers(call, page, selection)
        quota = self.instance.settings.quota_rows
        if quota is not None and len(result) > quota:
            body = cancelled_body(result[:quota], self.instance.settings.quota_as)
            return Reply(200, content=body, headers={"Content-Type": "application/json;charset=UTF-8"})
        return in_wanted_form(call.request, Reply(200, headers=headers), {"result": result})

    def _select(self, call: ServiceNowCall, page: PageRequest) -> Selection:
        settings = self.instance.settings
        text = "" if settings.repeat_first_page else call.text("sysparm_query")
        wanted = self.instance.resolve(text, call.table, call.caller)
        cap = settings.page_caps.get(call.table, settings.page_cap)
        limit = page.limit if cap is None else min(page.limit, cap)
        offset = 0 if settings.repeat_first_page else page.offset
        window = Window(offset, limit, counts=page.counts, unstable_ties=settings.unstable_ties)
        return select(self.instance.store.view(call.table), wanted, window)

    def _with_page_faults(self, rows: list[StoredRow]) -> list[StoredRow]:
        settings = self.instance.settings
        if settings.withhold_at_end:
            rows = rows[: -settings.withhold_at_end]
        return rows[1::2] + rows[::2] if settings.shuffle_pages else rows

    def _get(self, call: ServiceNowCall, sys_id: str) -> Reply:
        self.instance.check_readable(call.table, call.caller)
        return self._record_reply(call, self._visible(call, sys_id))

    def _visible(self, call: ServiceNowCall, sys_id: str) -> StoredRow:
        row = self.instance.store.find(call.table, sys_id)
        if row is None or not self._row_test(call)(row):
            raise no_record()
        return row

    def _row_test(self, call: ServiceNowCall) -> RowTest:
        def matcher(table: str, query: str) -> RowTest:
            return self.instance.resolve(query, table, call.caller).accepts

        return self.instance.access.row_test(call.table, call.caller, matcher)

    def _renderer(self, call: ServiceNowCall) -> RowRenderer:
        display = call.text("sysparm_display_value").lower()
        fields = tuple(filter(None, (name.strip() for name in call.text("sysparm_fields").split(","))))
        shape = Shape(
            display if display in ("true", "all") else "false",
            call.flag("sysparm_exclude_reference_link"),
            fields or None,
            call.origin,
        )
        return RowRenderer(self.instance.store, self.instance.access, call.caller, shape)

    def _record_reply(self, call: ServiceNowCall, row: StoredRow, status: int = 200) -> Reply:
        reply = Reply(status)
        if call.request.header("x-no-response-body").lower() == "true" and call.request.method != "GET":
            reply.status = 204 if status == 200 else status
            return reply
        return in_wanted_form(call.request, reply, {"result": self._renderer(call).show(row, call.table)})

    # --- writing -----------------------------------------------------------------------------------------------

    def _create(self, call: ServiceNowCall) -> Reply:
        values = self._body(call, call.table)
        context = self._context(call)
        self._check_writable(call.table, values, {})
        row = self.instance.writer.insert(call.table, values, context)
        reply = self._record_reply(call, row, 201)
        reply.headers["Location"] = f"{call.origin}/api/now/table/{call.table}/{row.sys_id}"
        return reply

    def _update(self, call: ServiceNowCall, sys_id: str) -> Reply:
        row = self._visible(call, sys_id)
        values = self._body(call, row.table)
        self._check_writable(row.table, values, row)
        self.instance.writer.update(row, values, self._context(call))
        return self._record_reply(call, row)

    def _delete(self, call: ServiceNowCall, sys_id: str) -> Reply:
        row = self._visible(call, sys_id)
        self._check_writable(row.table, {}, row)
        self.instance.writer.delete(row, self._context(call))
        return Reply(204)

    def _body(self, call: ServiceNowCall, real_table: str) -> dict[str, Any]:
        """Return the values to write, without unknown columns and columns that the caller may not write."""
        try:
            body = call.request.json()
        except BadJsonError as error:
            detail = "The payload is not valid JSON."
            raise ApiError(400, "Exception while reading request", detail) from error
        if not isinstance(body, dict):
            raise ApiError(400, "Exception while reading request", "The payload is not an object.")
        columns, access = self.instance.schema.columns(call.table), self.instance.access
        body = {
            name: value
            for name, value in body.items()
            if name in columns and not access.ignores_writes_to(real_table, name)
        }
        if call.flag("sysparm_input_display_value"):
            return from_display_values(body, call.table, self.instance.store, call.caller)
        return body

    def _context(self, call: ServiceNowCall) -> WriteContext:
        at = self.instance.now() - timedelta(seconds=self.instance.settings.commit_late_s)
        keeps_system_fields = call.flag("sysparm_suppress_auto_sys_field")
        return WriteContext(call.caller.user_name, call.caller.sys_id, at, auto_sys_fields=not keeps_system_fields)

    def _check_writable(self, table: str, values: Mapping[str, Any], row: Mapping[str, str]) -> None:
        settings = self.instance.settings
        lineage = self.instance.schema.lineage(table)
        if table in LOG_TABLES or any(name in settings.write_denied for name in lineage):
            raise forbidden(ACL_DETAIL)
        for name in lineage:
            if name in settings.business_rule_aborts:
                raise forbidden(settings.business_rule_aborts[name])
        mandatory = [column for name in lineage for column in settings.mandatory_fields.get(name, ())]
        empty = [c for c in mandatory if not as_text(values.get(c, row.get(c, "")))]
        if empty:
            raise forbidden(f"Data Policy Exception: The following fields are mandatory: {', '.join(empty)}")


def _page_headers(call: ServiceNowCall, page: PageRequest, selection: Selection) -> dict[str, str]:
    headers: dict[str, str] = {}
    if selection.total is not None:
        headers["X-Total-Count"] = str(selection.total)
    if not call.flag("sysparm_suppress_pagination_header"):
        headers["Link"] = link_header(call.origin, call.request, page, selection)
    return headers
