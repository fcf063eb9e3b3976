"""The sandbox ServiceNow's knobs: every trap of facts/servicenow.md that a test can switch, at run time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ServiceNowKnobs:
    """Settings of one sandbox ServiceNow; all plain JSON, so `/_sandbox/knobs` can set them.

    They apply to every request over HTTP, not to the Python admin API. Columns are `table.column`, which holds for
    the classes that extend the table too, or `column` for all tables.

    Attributes:
        audit_readable: False takes the right `audit_viewer` from everybody: sys_audit and sys_journal_field.
        audit_denied_as: "forbidden" answers 403, "empty" answers 200 with X-Total-Count and no row.
        forbidden_tables: reading answers 403 (`sys_audit_delete`, say, for an account without its right).
        unlicensed_tables: answer 400 "Invalid table" as where the plugin is not installed.
        hidden_tables: the row ACL hides every row, from a parent table too (counted, none given; one answers 404).
        hidden_rows: sys_ids that the row ACL hides; the page limit is applied before it.
        hidden_matching: table -> encoded query; the row ACL hides the rows that match.
        hidden_fields: columns that the field ACL hides.
        hidden_field_as: "missing" leaves the key out, "empty" gives "".
        query_range_denied: columns on which `> >= < <= LIKE STARTSWITH ENDSWITH BETWEEN ORDERBY` is dropped.
        dropped_fields: columns whose conditions are dropped in silence, as for an unknown field.
        write_denied: tables on which every write answers 403.
        read_only_fields: columns that a write ignores in silence.
        business_rule_aborts: table -> message; a write answers 403 with it.
        mandatory_fields: table -> columns; a write that leaves one empty answers 403 (data policy).
        page_cap: the instance gives at most this many rows a page, whatever `sysparm_limit` says.
        withhold_at_end: so many rows are missing at each page's end, without a hint.
        repeat_first_page: keyset and offset are ignored: every page is the first.
        shuffle_pages: the rows of a page come in another order than asked for.
        unstable_ties: among equal sort keys the order differs from page to page (real databases do that).
        quota_rows: a list with more rows is cancelled after so many: status 200 with an error in the body.
        quota_as: "error_member" (valid JSON, rows and error), "cut_json" (the array is not closed), "error_only".
        hibernating: HTML page with status 200 for everything.
        rate_limit_per_hour: requests a user may make in a clock hour; more answers 429 with Retry-After.
        max_url_length: longer targets answer 414.
        user_time_zone: overrides sys_user.time_zone of all callers.
        clock_skew_s: the instance's clock is ahead of the sandbox clock by so many seconds (negative: behind).
        commit_late_s: a write becomes visible so many seconds after the instant it is stamped with.
        token_lifetime_s: of an OAuth token.
        compresses: answer with gzip where the client takes it, as real instances do.
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
