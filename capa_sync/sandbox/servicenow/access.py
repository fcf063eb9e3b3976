"""The callers of the sandbox ServiceNow, and what the access rules of the sandbox settings let them see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from capa_sync.model.light import light
from capa_sync.sandbox.servicenow.settings import ServiceNowSandboxSettings
from capa_sync.sandbox.servicenow.store import Store, StoredRow

AUDIT_TABLES = frozenset({"sys_audit", "sys_journal_field"})
"""Tables that need the role `audit_viewer` (docs/servicenow.md 3)."""

RowTest = Callable[[StoredRow], bool]
Matcher = Callable[[str, str], RowTest]


@light
class Caller:
    """The account behind a request.

    Attributes:
        zone: the session's time zone, used for literals of gs.dateGenerate and for display values.
        date_format: how display values show an instant, in strftime's terms.
    """

    user_name: str
    sys_id: str
    roles: frozenset[str]
    zone: ZoneInfo
    date_format: str = "%Y-%m-%d %H:%M:%S"


class ServiceNowAccess:
    """The access rules; every method reads the sandbox settings anew, so that a test may change them at any time."""

    def __init__(self, settings: ServiceNowSandboxSettings, store: Store) -> None:
        self.settings, self.store = settings, store

    def reads_audit(self, caller: Caller) -> bool:
        """Whether the caller may read the audit tables."""
        return self.settings.audit_readable and bool({"admin", "audit_viewer"} & caller.roles)

    def forbids_table(self, table: str, caller: Caller) -> bool:
        """Whether reading the table answers 403."""
        if table in AUDIT_TABLES and not self.reads_audit(caller):
            return self.settings.audit_denied_as == "forbidden"
        return table in self.settings.forbidden_tables

    def row_test(self, table: str, caller: Caller, matcher: Matcher) -> RowTest:
        """Return the row ACL: a test whether a row is visible; `matcher` resolves (table, encoded query)."""
        settings = self.settings
        if table in AUDIT_TABLES and not self.reads_audit(caller):
            return lambda _row: False
        if not (settings.hidden_rows or settings.hidden_matching or settings.hidden_tables):
            return lambda _row: True
        hidden, tables = frozenset(settings.hidden_rows), frozenset(settings.hidden_tables)
        tests = {name: matcher(name, query) for name, query in settings.hidden_matching.items()}
        lineage = self.store.schema.lineage

        def sees(row: StoredRow) -> bool:
            classes = lineage(row.table)
            if row.sys_id in hidden or not tables.isdisjoint(classes):
                return False
            return not any(tests[name](row) for name in classes if name in tests)

        return sees

    def hides_column(self, table: str, column: str) -> bool:
        """Whether the field ACL hides a column."""
        return self._names(self.settings.hidden_fields, table, column)

    def denies_range(self, table: str, column: str) -> bool:
        """Whether the query ACL denies range operators and sorting on a column."""
        return self._names(self.settings.query_range_denied, table, column)

    def drops_conditions_on(self, table: str, column: str) -> bool:
        """Whether conditions on a column are dropped as for an unknown field."""
        return self._names(self.settings.dropped_fields, table, column)

    def ignores_writes_to(self, table: str, column: str) -> bool:
        """Whether a write to a column is ignored without an error."""
        return self._names(self.settings.read_only_fields, table, column)

    def invalid_query_returns_no_rows(self) -> bool:
        """Whether the system property is set that makes an invalid query part match no row instead of all."""
        return self.system_property("glide.invalid_query.returns_no_rows") == "true"

    def system_property(self, name: str) -> str:
        """Return a system property's value, "" when it is not set."""
        rows = self.store.view("sys_properties").with_value("name", name)
        return rows[0].get("value", "") if rows else ""

    def _names(self, columns: Iterable[str], table: str, column: str) -> bool:
        wanted = set(columns)
        if not wanted:
            return False
        return column in wanted or any(f"{name}.{column}" in wanted for name in self.store.schema.lineage(table))
