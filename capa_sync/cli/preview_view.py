"""The text view of `preview`: what differs by rule and ticket, then what would be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capa_sync.cli.plan_view import DOES, LABELS, waiting_lines
from capa_sync.cli.wording import quarantine_lines
from capa_sync.model.amounts import count_of

_TITLES = (
    ("new", "newly warned"),
    ("changed", "changed"),
    ("cleared", "cleared"),
    ("cannot_tell", "cannot tell any more"),
)


def preview_lines(result: Mapping[str, Any], *, rule: str | None, limit: int) -> Iterator[str]:
    """Yield the lines for a person; `rule` selects one, `limit` tickets of each rule and kind of change (0: all)."""
    if not result["changes"]:
        yield "nothing differs from what is live"
        return
    yield "what differs from the live set:"
    yield from (f"  {change}" for change in result["changes"])
    found = [row for row in result["tickets"] if rule in (None, row["rule"])]
    applied = {row["rule"]: row for row in result["rules"]}
    if not found:
        yield "no verdict would change" if rule is None else f"{rule}: no verdict would change"
    for name in dict.fromkeys(row["rule"] for row in found):
        yield f"{name}: {_applied(applied.get(name))}"
        yield from _rule_lines([row for row in found if row["rule"] == name], limit)
    yield from quarantine_lines(result["quarantined"], "would be quarantined, not evaluated: ")
    for source in result["sources"]:
        yield from _source_lines(source)
    yield "nothing was changed; `capa-sync activate` makes the set live (`capa-sync rules activate`: the rules alone)"


def _applied(row: Mapping[str, Any] | None) -> str:
    if row is None or row["applied"] == 0:
        return "applies to no ticket" + (f" (now {row['applied_before']})" if row and row["applied_before"] else "")
    before = f" (now {row['applied_before']})" if row["applied_before"] != row["applied"] else ""
    return f"applies to {count_of(row['applied'], 'ticket')}{before}"


def _rule_lines(rows: Sequence[Mapping[str, Any]], limit: int) -> Iterator[str]:
    for what, title in _TITLES:
        of_kind = [row for row in rows if row["what"] == what]
        if not of_kind:
            continue
        only = ", in the register only" if what == "new" and of_kind[0]["mode"] == "quiet" else ""
        yield f"  {title}{only}: {count_of(len(of_kind), 'ticket')}"
        for row in of_kind[:limit] if limit else of_kind:
            name = f"{row['source']}:{row['ticket']}"
            yield f"    {name:<21} {_severity(row):<15} {row['reason']}".rstrip()
        if limit and len(of_kind) > limit:
            yield f"    and {len(of_kind) - limit} more; --limit 0 shows all"


def _severity(row: Mapping[str, Any]) -> str:
    if row["what"] == "changed" and row["severity"] != row["severity_before"]:
        return f"{row['severity_before']} -> {row['severity']}"
    return str(row["severity"])


def _source_lines(source: Mapping[str, Any]) -> Iterator[str]:
    """Yield how much would be written on one source after the change and how much without it, and the brakes."""
    does, now = source["would"], source["would_now"]
    effects = ", ".join(count_of(does[effect], effect) for effect in DOES if effect != LABELS)
    before = ", ".join(str(now.get(effect, 0)) for effect in DOES if effect != LABELS)
    yield f"{source['source']}: after it `sync` would write {effects} (without it {before}); mode {source['mode']}"
    yield from (f"  {line}" for line in (*waiting_lines(source["waiting"]), *source["brakes"]))
