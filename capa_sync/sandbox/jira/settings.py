"""The settings of the sandbox Jira: its limits and the traps of docs/jira.md; they may change at run time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class JiraSandboxSettings:
    """Settings of one sandbox Jira; the defaults are those of a site without faults.

    Attributes:
        index_lag_s: seconds until a write shows in search (`reconcileIssues` overrides it on Cloud).
        stale_fields: while the index lags, search also serves the old field values.
        stale_stamps: with `stale_fields`, search also serves the old key, `created` and `updated`.
        index_granularity_ms: JQL compares and orders `created` and `updated` rounded down to this.
        epoch_literals: accept epoch milliseconds in JQL; False answers 400.
        missing_ids_are_errors: `key = X` or `id in (…)` with a missing issue answers 400.
        page_cap: most issues on a Cloud search page that returns more than id and key.
        id_page_cap: most issues on a Cloud search page that returns only id or key.
        dc_page_cap: most issues on a Data Center search page.
        short_pages: most items on any list page, whatever the request asks for; 0 is off.
        serve_lists_in_two_pages: every list of two or more items is served in at least two pages.
        empty_page_at: this page (from 1) of every Cloud search is empty and has a token; 0 is off.
        withhold_rows: each search page lacks its last n rows, but paging counts them as served.
        inline_changelog_cap: most histories (the newest) inside a Cloud issue; the answer has the total.
        inline_comment_cap: most comments (the oldest) inside a Cloud issue; the answer has the total.
        dc_history_order: "oldest" or "newest" first inside a Data Center issue.
        changelog_page_cap: most entries on a page of `changelog/bulkfetch`.
        bulk_created_form: `created` in `changelog/bulkfetch`: "iso", "s" or "ms" (epoch numbers).
        comment_list_expands_properties: `GET issue/X/comment?expand=properties` returns the properties.
        token_ttl_s: seconds after which a page token is refused with 400.
        repeat_token_from: from this page on (1 = the first) a search returns the same token repeatedly; 0 is off.
        text_limit: most characters in a comment or text field.
        max_comments: most comments of an issue; one more answers 413.
        off_screen: ids of fields that are on no edit screen; editing one answers 400.
        notify_users_permission: the API users may use notifyUsers=false; without it, Cloud answers 204 and
            ignores the edit, and Data Center answers 403.
        shows_internal_comments: a comment sent as internal becomes public: `sd.public.comment` is dropped.
        properties_bump_updated: writing an entity property moves `updated`.
        revoked_permissions: permission keys that only administrators keep.
        anonymous_allowed: requests without sign-in are answered (they see `anonymous_projects`) instead of 401.
        anonymous_projects: keys of projects that everybody may browse.
        wrong_sign_in_is_anonymous: a wrong token counts as no sign-in if `anonymous_allowed` is set.
        ignores_sign_in: every request counts as anonymous, as after a lost session.
        clock_skew_s: seconds by which the tracker's clock is ahead (negative: behind) of the sandbox's.
        volatile_fields: ids of fields whose text has a memory address that differs at every read.
        issue_write_limit: most writes to one issue within `issue_write_window_s`; one more answers 429; 0 is off.
        issue_write_window_s: length of that window in seconds.
        burst_limit: most requests a second for one method and path form, then 429 jira-burst-based; 0 is off.
    """

    index_lag_s: float = 0.0
    stale_fields: bool = False
    stale_stamps: bool = True
    index_granularity_ms: int = 1
    epoch_literals: bool = True
    missing_ids_are_errors: bool = True
    page_cap: int = 100
    id_page_cap: int = 5000
    dc_page_cap: int = 1000
    short_pages: int = 0
    serve_lists_in_two_pages: bool = False
    empty_page_at: int = 0
    withhold_rows: int = 0
    inline_changelog_cap: int = 40
    inline_comment_cap: int = 20
    dc_history_order: str = "oldest"
    changelog_page_cap: int = 10_000
    bulk_created_form: str = "iso"
    comment_list_expands_properties: bool = False
    token_ttl_s: float = 7 * 86_400.0
    repeat_token_from: int = 0
    text_limit: int = 32_767
    max_comments: int = 5000
    off_screen: list[str] = field(default_factory=list)
    notify_users_permission: bool = False
    shows_internal_comments: bool = False
    properties_bump_updated: bool = False
    revoked_permissions: list[str] = field(default_factory=list)
    anonymous_allowed: bool = False
    anonymous_projects: list[str] = field(default_factory=list)
    wrong_sign_in_is_anonymous: bool = False
    ignores_sign_in: bool = False
    clock_skew_s: float = 0.0
    volatile_fields: list[str] = field(default_factory=list)
    issue_write_limit: int = 0
    issue_write_window_s: float = 2.0
    burst_limit: int = 0
