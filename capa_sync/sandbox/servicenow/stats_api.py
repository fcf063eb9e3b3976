"""The counting part of the Aggregate API: `GET /api/now/stats/{table}`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from capa_sync.sandbox.messages import Reply
from capa_sync.sandbox.servicenow.answers import ApiError, in_wanted_form
from capa_sync.sandbox.servicenow.call import ServiceNowCall
from capa_sync.sandbox.servicenow.filter import Filter, follow_path
from capa_sync.sandbox.servicenow.instance import Instance
from capa_sync.sandbox.servicenow.selection import count, matching_rows


class StatsApi:
    """Counts rows, before row ACLs apply, with optional groups."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def answer(self, call: ServiceNowCall) -> Reply:
        """Answer one call. Raises ApiError."""
        self.instance.check_table(call.table)
        if call.request.method != "GET":
            raise ApiError(405, "Method not supported", f"{call.request.method} is not supported here")
        self.instance.check_readable(call.table, call.caller)
        wanted = self.instance.resolve(call.text("sysparm_query"), call.table, call.caller)
        fields = [name for name in call.text("sysparm_group_by").split(",") if name]
        result = self._grouped(call, wanted, fields) if fields else {"stats": self._stats(call, wanted)}
        return in_wanted_form(call.request, Reply(200), {"result": result})

    def _stats(self, call: ServiceNowCall, wanted: Filter) -> dict[str, str]:
        if not call.flag("sysparm_count"):
            return {}
        return {"count": str(count(self.instance.store.view(call.table), wanted))}

    def _grouped(self, call: ServiceNowCall, wanted: Filter, fields: list[str]) -> list[dict[str, Any]]:
        resolved = [
            (field, found[0]) for field in fields if (found := follow_path(field, call.table, self.instance.store))
        ]
        rows = matching_rows(self.instance.store.view(call.table), wanted)
        groups = Counter(tuple(get(row) for _field, get in resolved) for row in rows)
        return [
            {
                "stats": {"count": str(number)},
                "groupby_fields": [
                    {"field": field, "value": value} for (field, _), value in zip(resolved, key, strict=True)
                ],
            }
            for key, number in sorted(groups.items())
        ]
