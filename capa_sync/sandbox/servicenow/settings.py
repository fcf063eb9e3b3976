"""The settings of the sandbox ServiceNow: the traps of docs/servicenow.md, which a test can switch at run time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ServiceNowSandboxSettings:
    """Settings of one sandbox ServiceNow; all are plain JSON, so `/_sandbox/knobs` can set them.

    They apply to every HTTP request, not to the Python API. A column is given as `table.column`, which includes the
    classes that extend the table, or as `column` for all tables.

    Attributes:
        audit_readable: False lets nobody read sys_audit and sys_journal_field, as without the role `audit_viewer`.
        audit_denied_as: "forbidden" answers 403; "empty" answers 200 with X-Total-Count and no rows.
        forbidden_tables: reading one answers 403 (for example `sys_audit_delete` without its role).
        unlicensed_tables: a request for one answers 400 "Invalid table", as without its plugin.
        hidden_tables: the row ACL hides every row, in parent tables too (rows are counted; one row answers 404).
        hidden_rows: sys_ids that the row ACL hides; the page limit is applied before the ACL.
        hidden_matching: table -> encoded query; the row ACL hides the rows that match.
        hidden_fields: columns that the field ACL hides.
        hidden_field_as: "missing" leaves the key out; "empty" returns "".
        query_range_denied: columns on which `> >= < <= LIKE STARTSWITH ENDSWITH BETWEEN ORDERBY` is dropped.
        dropped_fields: columns whose conditions are dropped without an error, as for an unknown field.
        write_denied: tables on which every write answers 403.
        read_only_fields: columns that a write ignores without an error.
        business_rule_aborts: table -> message; a write answers 403 with that message.
        mandatory_fields: table -> columns; a write that leaves one empty answers 403 (data policy).
        page_cap: most rows on a page, whatever `sysparm_limit` asks for.
        page_caps: table -> most rows on a page of that table, instead of `page_cap`.
        withhold_at_end: number of rows that are missing at the end of each page, without a hint.
        repeat_first_page: query and offset are ignored; every page is the first.
        shuffle_pages: the rows of a page are in another order than requested.
        unstable_ties: the order of rows with equal sort keys differs from page to page, as in real databases.
        quota_rows: a list with more rows is cancelled after this many: status 200, error in the body.
        quota_as: "error_member" (valid JSON, rows and error), "cut_json" (the array is not closed), "error_only".
        hibernating: every request gets an HTML page with status 200.
        rate_limit_per_hour: most requests of a user in a clock hour; one more answers 429 with Retry-After.
        max_url_length: most characters of a target; a longer one answers 414.
        user_time_zone: overrides sys_user.time_zone of all callers.
        clock_skew_s: seconds by which the instance's clock is ahead (negative: behind) of the sandbox clock.
        commit_late_s: seconds between the recorded instant of a write and its visibility.
        token_lifetime_s: lifetime of an OAuth token in seconds.
        compresses: answers use gzip if the client accepts it, as on real instances.
    """

    audit_readable: bool = True
    audit_denied_as: str = "forbidden"
    forbidden_tables: list[str] = field(default_factory=list)
    unlicensed_tables: list[str] = field(default_factory=list)
    hidden_tables: list[str] = field(default_factory=list)
    hidden_rows: list[str] = field(default_factory=list)
    hidden_matching: dict[str, str] = field(default_factory=dict)
    hidden_fields: list[str] = field(default_factory=list)
    hidden_field_as: str = "missing"
    query_range_denied: list[str] = field(default_factory=list)
    dropped_fields: list[str] = field(default_factory=list)
    write_denied: list[str] = field(default_factory=list)
    read_only_fields: list[str] = field(default_factory=list)
    business_rule_aborts: dict[str, str] = field(default_factory=dict)
    mandatory_fields: dict[str, list[str]] = field(default_factory=dict)
    page_cap: int | None = None
    page_caps: dict[str, int] = field(default_factory=dict)
    withhold_at_end: int = 0
    repeat_first_page: bool = False
    shuffle_pages: bool = False
    unstable_ties: bool = True
    quota_rows: int | None = None
    quota_as: str = "error_member"
    hibernating: bool = False
    rate_limit_per_hour: int | None = None
    max_url_length: int = 8192
    user_time_zone: str | None = None
    clock_skew_s: float = 0.0
    commit_late_s: float = 0.0
    token_lifetime_s: float = 1799.0
    compresses: bool = False
