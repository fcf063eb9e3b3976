"""The Python interface for people's edits in stories and tests: the same writing code as the API, without ACLs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from capa_sync.sandbox.servicenow.instance import Instance
from capa_sync.sandbox.servicenow.store import StoredRow
from capa_sync.sandbox.servicenow.write import WriteContext


class ServiceNowActor:
    """Writes as one user, at the clock's current instant."""

    def __init__(self, instance: Instance, user_name: str, lock: threading.RLock) -> None:
        self._instance = instance
        self._user_name = user_name
        self._lock = lock

    def insert(
        self, table: str, values: Mapping[str, Any], *, auto_sys_fields: bool = True, workflow: bool = True
    ) -> dict[str, str]:
        """Insert a record and return its non-empty columns.

        Raises:
            KeyError: the table or the user is unknown.
        """
        if table not in self._instance.schema:
            raise KeyError(table)
        with self._lock:
            context = self._context(auto_sys_fields=auto_sys_fields, workflow=workflow)
            return dict(self._instance.writer.insert(table, values, context))

    def update(
        self,
        table: str,
        sys_id: str,
        values: Mapping[str, Any],
        *,
        auto_sys_fields: bool = True,
        workflow: bool = True,
    ) -> dict[str, str]:
        """Update a record and return its non-empty columns.

        Args:
            table: the record's class or a parent of it.
            sys_id: the record's id.
            values: column -> new value; "" empties a column; `sys_class_name` reclassifies the record.
            auto_sys_fields: False leaves sys_updated_on, sys_updated_by and sys_mod_count unchanged.
            workflow: False skips business rules and audit.

        Raises:
            KeyError: the record or the user is unknown.
        """
        with self._lock:
            row = self._row(table, sys_id)
            self._instance.writer.update(
                row, values, self._context(auto_sys_fields=auto_sys_fields, workflow=workflow)
            )
            return dict(row)

    def work_note(self, table: str, sys_id: str, text: str, *, element: str = "work_notes") -> None:
        """Add one journal entry. Raises KeyError."""
        self.update(table, sys_id, {element: text})

    def delete(self, table: str, sys_id: str, *, workflow: bool = True) -> None:
        """Delete a record; without `workflow`, `sys_audit_delete` gets no row. Raises KeyError."""
        with self._lock:
            self._instance.writer.delete(self._row(table, sys_id), self._context(workflow=workflow))

    def _row(self, table: str, sys_id: str) -> StoredRow:
        row = self._instance.store.find(table, sys_id)
        if row is None:
            message = f"no record {sys_id} in {table}"
            raise KeyError(message)
        return row

    def _context(self, *, auto_sys_fields: bool = True, workflow: bool = True) -> WriteContext:
        instance = self._instance
        caller = instance.accounts.caller(self._user_name)
        at = instance.now() - timedelta(seconds=instance.settings.commit_late_s)
        return WriteContext(caller.user_name, caller.sys_id, at, auto_sys_fields, workflow)
