"""The words of the page: stages, severities and matters as a person says them, each with its meaning."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup, escape

from capa_sync.model.light import light

STAGES: Mapping[str, str] = {
    "identified": "recorded, nothing done yet",
    "contained": "the instance is corrected or contained",
    "analysed": "the root cause is known",
    "planned": "the corrective action is planned, with owner and date",
    "implemented": "the corrective actions are done",
    "verified": "the effectiveness was reviewed",
    "closed": "reviewed and closed",
    "rejected": "not accepted as a nonconformity",
    "cancelled": "withdrawn",
    "duplicate": "handled in another record",
}
"""Stage -> what a record of that stage has reached."""

SEVERITIES = ("high", "medium", "low", "info")
FINDINGS: Mapping[str, str] = {
    "open": "an open finding",
    "waived": "a waived finding",
    "historical": "a finding in the past only",
    "cleared": "a cleared finding",
    "cannot_tell": "a check that cannot tell",
}
"""State -> a finding of that state."""
PRESENCES: Mapping[str, str] = {
    "present": "present",
    "deleted": "deleted on the tracker",
    "deleted_or_hidden": "deleted, or hidden from our account",
    "access_lost": "no longer visible to our account",
    "out_of_scope": "no longer returned by the source's query",
    "archived": "archived",
    "unobserved": "not confirmed by the last reading",
    "": "never mirrored",
}
WRITE_KINDS: Mapping[str, str] = {
    "comment": "comment",
    "labels": "labels",
    "property": "property",
    "fields": "fields",
    "work_note": "work note",
}


@light
class Matter:
    """One section of Today.

    Attributes:
        name: as in `v_today`. title: the heading. meaning: which rows are in it. step: what to do about each;
            "" where the rule of the finding says it.
        order: what its rows are sorted by before source, ticket and rule, in SQL. rows: the filter of the register
            that lists its records; "" for none.
        empty: what stands there when there is none.
    """

    name: str
    title: str
    meaning: str
    step: str
    order: str
    rows: str = ""


_SEVERE = "CASE severity WHEN 'high' THEN 0 WHEN 'medium' THEN 1 WHEN 'low' THEN 2 ELSE 3 END"
MATTERS: tuple[Matter, ...] = (
    Matter(
        "overdue",
        "Overdue",
        "The due date has passed and the actions are not done.",
        "Ask {owner} to finish it, or to move the date and say why.",
        "since",
        "due=overdue",
    ),
    Matter(
        "due",
        "Due this week",
        "Due within seven days and not done.",
        "Ask {owner} whether the date holds.",
        "due_at",
        "due=week",
    ),
    Matter(
        "review_due",
        "Effectiveness reviews due",
        "The review is due within seven days, or late, and no review is recorded.",
        "Agree with {owner} who reviews it, and record the result.",
        "due_at",
        "due=review",
    ),
    Matter(
        "warned",
        "New warnings",
        "Findings that opened in the last seven days, the most severe first.",
        "",
        f"{_SEVERE}, since DESC",
        "warning=new",
    ),
    Matter(
        "waiver_ends",
        "Waivers about to end",
        "The waiver ends within two weeks; then the warning is back.",
        "Close the point with {owner}, or renew the waiver.",
        "due_at",
    ),
    Matter(
        "stuck_write",
        "Stuck writes",
        "A warning or a change of it did not reach the ticket.",
        "Mend what the message names, then run `capa-sync retry`.",
        "since",
    ),
    Matter(
        "quarantined",
        "Quarantined tickets",
        "The ticket could not be read or mapped; nothing is judged or written until then.",
        "Mend the ticket or the mapping; `capa-sync explain {ticket}` says more.",
        "source",
    ),
)


def coded(text: str) -> Markup:
    """Return a text of ours or of others as markup, with what stands between backticks shown as code."""
    parts = str(escape(text)).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)))  # noqa: S704 - every part is escaped
