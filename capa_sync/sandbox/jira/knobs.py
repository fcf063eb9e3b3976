"""What can be turned on the sandbox Jira at run time: its limits and the traps of facts/jira.md."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class JiraKnobs:
    """Settings of one sandbox Jira; the defaults are those of a well-behaved site of its face.

    Attributes:
        index_lag_s: a write shows in search only so many seconds later (`reconcileIssues` overrides it on Cloud).
        stale_fields: while the index lags, search also serves the fields as they were; with `stale_stamps` key,
            `created` and `updated` too, as one document of the index, else these as they are.
        index_granularity_ms: `created` and `updated` are compared and ordered in JQL rounded down to this.
        epoch_literals: accept epoch milliseconds in JQL; False answers 400.
        missing_ids_are_errors: `key = X` or `id in (…)` naming an issue that is not there answers 400.
        page_cap: most issues a Cloud search page holds when more than id and key is asked for.
        id_page_cap: most issues a Cloud search page holds when only id or key is asked for.
        dc_page_cap: most issues a Data Center search page holds.
        short_pages: no list page holds more than this, whatever was asked; 0 is off.
        serve_lists_in_two_pages: every list of two or more items takes at least two pages.
        empty_page_at: the so-manieth search page (from 1) of every Cloud search is empty with a token; 0 is off.
        withhold_rows: each search page silently lacks its last n rows although paging counts them as served.
        inline_changelog_cap: most histories (the newest) inside a Cloud issue; the total is told.
        inline_comment_cap: most comments (the oldest) inside a Cloud issue; the total is told.
        dc_history_order: "oldest" or "newest" first inside a Data Center issue.
        changelog_page_cap: most entries of a page of `changelog/bulkfetch`.
        bulk_created_form: `created` in `changelog/bulkfetch`: "iso", "s" or "ms" (epoch numbers).
        comment_list_expands_properties: `GET issue/X/comment?expand=properties` tells the properties.
        token_ttl_s: a page token older than this is refused with 400.
        repeat_token_from: from this page on (1 = the first) a search answers with one and the same token; 0 is off.
        text_limit: most characters of a comment or text field.
        max_comments: comments an issue may hold; more answers 413.
        off_screen: field ids that are on no edit screen: editing them answers 400.
        notify_users_permission: the API users may say notifyUsers=false; else Cloud ignores the whole edit with
            204 and Data Center answers 403.
        shows_internal_comments: a comment sent as internal becomes public: `sd.public.comment` is dropped.
        properties_bump_updated: writing an entity property moves `updated`.
        revoked_permissions: permission keys taken from everybody who is not an administrator.
        anonymous_allowed: requests without sign-in are answered (with what `anonymous_projects` shows), not 401.
        anonymous_projects: keys of projects that everybody may browse.
        wrong_sign_in_is_anonymous: a wrong token counts as none, where anonymous is allowed.
        ignores_sign_in: every request counts as anonymous, a lost session.
        clock_skew_s: the tracker's clock is so far ahead (negative: behind) of the sandbox's.
        volatile_fields: field ids whose text carries a memory address that differs at every read.
        issue_write_limit: writes one issue takes within `issue_write_window_s`; more answers 429; 0 is off.
        issue_write_window_s: seconds.
        burst_limit: requests a second for one verb and path form, then 429 jira-burst-based; 0 is off.
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
