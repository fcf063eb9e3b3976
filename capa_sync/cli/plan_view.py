"""The text view of `plan`: what would be written by rule and ticket, then what `sync` would do with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_never

from capa_sync.cli.wording import names
from capa_sync.model.amounts import count_of
from capa_sync.model.finding import SEVERITY_ORDER, Severity
from capa_sync.model.write import PROPERTY_KEY, Write, WriteKind

NEW, EDIT, WITHDRAWAL, LABELS = "new comment", "edit", "withdrawal", "labels only"
DOES = (NEW, EDIT, WITHDRAWAL, LABELS)
REMOVED = "everything of ours to be taken back, as `capa-sync withdraw` asked"


def ticket_rows(writes: Iterable[Write], text_now: Callable[[Write], str]) -> list[dict[str, Any]]:
    """Return what would happen to each ticket, in the order of the plan: effect, open points, labels, text, removals.

    `text_now` returns the text of ours that is on the ticket now, in the place of a write.
    """
    return [_ticket_row(source, key, planned, text_now) for (source, key), planned in _by_ticket(writes).items()]


def _by_ticket(writes: Iterable[Write]) -> dict[tuple[str, str], list[Write]]:
    by_ticket: dict[tuple[str, str], list[Write]] = {}
    for write in writes:
        by_ticket.setdefault((write.source, write.ticket_key), []).append(write)
    return by_ticket


def _points(writes: Iterable[Write]) -> dict[str, str]:
    """Return the open points in the texts of a ticket's writes: rule -> severity."""
    texts = (write.points for write in writes if write.text is not None)
    return {rule: value for points in texts for rule, value in points.items() if value in SEVERITY_ORDER}


def effects_of(writes: Iterable[Write]) -> defaultdict[str, Counter[str]]:
    """Return source -> effect -> number of tickets, as `ticket_rows` has them."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (source, _key), planned in _by_ticket(writes).items():
        found[source][_does(planned, _points(planned))] += 1
    return found


def removal_words(write: Write) -> str:
    """Return what a removal takes from the ticket, in words; "" for a write that removes nothing."""
    if write.kind is WriteKind.LABELS:
        noun = "label" if len(write.labels_remove) == 1 else "labels"
        return f"the {noun} {', '.join(write.labels_remove)}" if write.labels_remove and not write.labels_add else ""
    if not write.is_removal:
        return ""
    match write.kind:
        case WriteKind.COMMENT:
            return "our comment"
        case WriteKind.PROPERTY:
            return f"the property {PROPERTY_KEY}"
        case WriteKind.FIELDS:
            return f"our content of {', '.join(sorted(write.fields))}"
        case WriteKind.WORK_NOTE:
            return ""  # a tracker cannot remove it
    assert_never(write.kind)


def _ticket_row(source: str, key: str, writes: Sequence[Write], text_now: Callable[[Write], str]) -> dict[str, Any]:
    texts = [write for write in writes if write.text is not None]
    points = _points(writes)
    labels = [f"+{name}" for write in writes for name in write.labels_add]
    labels += [f"-{name}" for write in writes for name in write.labels_remove]
    removals = [write for write in writes if write.is_removal]
    removed = [words for write in writes if (words := removal_words(write))] if removals else []
    gone = next((text for write in removals if (text := text_now(write))), "")
    return {
        "source": source,
        "ticket": key,
        "does": _does(writes, points),
        "rules": points,
        "labels": labels,
        "removes": removed,
        "text": str(texts[-1].text.plain()) if texts and texts[-1].text is not None else gone,
    }


def _does(writes: Sequence[Write], points: Mapping[str, str]) -> str:
    """Return the effect on the ticket; an effect that sends mail to people comes first."""
    if any(write.notifies for write in writes):
        return NEW
    if any(write.is_removal for write in writes):
        return WITHDRAWAL
    if any(write.text is not None for write in writes):
        return EDIT if points else WITHDRAWAL
    return LABELS


def plan_lines(result: Mapping[str, Any], *, rule: str | None, limit: int, texts: bool) -> Iterator[str]:
    """Yield the tickets by rule, at most `limit` per rule (0: all); `rule` selects one, `texts` adds every text."""
    tickets, messages = result["tickets"], result["messages"]
    for name, rows in _by_rule(tickets):
        if rule in (None, name):
            severity = max((Severity(row["rules"][name]) for row in rows), key=SEVERITY_ORDER.index)
            shown = [(row, messages.get((row["source"], row["ticket"], name), "")) for row in rows]
            yield from _group(f"{name} ({severity})", shown, limit, texts)
    if rule is not None:
        if not any(rule in row["rules"] for row in tickets):
            yield from _nothing_for(rule, result["sources"])
        return
    quiet = [row for row in tickets if not row["rules"]]
    removed = [row for row in quiet if row["removes"]]
    yield from _group(REMOVED, [(row, f"removes {', '.join(row['removes'])}") for row in removed], limit, texts)
    for title, does in (("warnings to be withdrawn, nothing is open any more", WITHDRAWAL), (LABELS, LABELS)):
        rows = [row for row in quiet if row["does"] == does and not row["removes"]]
        yield from _group(title, [(row, " ".join(row["labels"])) for row in rows], limit, texts)
    if not texts and (first := next((row for row in tickets if row["does"] == NEW), None)):
        yield f"for example, on {first['source']}:{first['ticket']} (--texts shows all):"
        yield from (f"    {line}" for line in first["text"].splitlines())


def _nothing_for(rule: str, sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield that nothing would be written because of a rule, for the sources of which that is known."""
    known = [source["source"] for source in sources if not unknown_why(source)]
    if known:
        where = f" on {', '.join(known)}" if len(known) < len(sources) else ""
        yield f"{rule}: nothing would be written because of it{where}"


def _by_rule(tickets: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return rule -> tickets on which it is open, by severity and then by number of tickets, highest first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in tickets:
        for name in row["rules"]:
            found.setdefault(name, []).append(row)

    def weight(item: tuple[str, list[Mapping[str, Any]]]) -> tuple[int, int, str]:
        worst = max(SEVERITY_ORDER.index(Severity(row["rules"][item[0]])) for row in item[1])
        return -worst, -len(item[1]), item[0]

    return sorted(found.items(), key=weight)


def _group(title: str, rows: Sequence[tuple[Mapping[str, Any], str]], limit: int, texts: bool) -> Iterator[str]:
    if not rows:
        return
    yield f"{title}: {count_of(len(rows), 'ticket')}"
    shown = rows[:limit] if limit else rows
    for row, message in shown:
        name = f"{row['source']}:{row['ticket']}"
        yield f"  {name:<21} {row['does']:<12} {message}".rstrip()
        if texts and row["removes"] and row["text"]:
            yield "      the text that goes:"
        if texts:
            yield from (f"      {line}" for line in row["text"].splitlines())
    if len(shown) < len(rows):
        yield f"  and {len(rows) - len(shown)} more; --limit 0 shows all"


def unknown_why(source: Mapping[str, Any]) -> str:
    """Return why the plan of a source is not known: it was not read, or our clock is wrong; "" where it is known."""
    return str(source["problem"] or source["safety_stop"].removeprefix(f"{source['source']}: "))


def outcome_lines(sources: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield for each source how much would be written, and whether `sync` would write it."""
    for source in sources:
        if why := unknown_why(source):
            yield f"{source['source']}: nothing could be worked out: {why}"
            continue
        does = source["would"]
        if not source["tickets"]:
            yield f"{source['source']}: nothing would be written; mode {source['mode']}"
            yield from (f"  {line}" for line in (*waiting_lines(source["waiting"]), *source["brakes"]))
            continue
        effects = ", ".join(count_of(does[effect], effect) for effect in DOES if effect != LABELS)
        rest = f", {does[LABELS]} {LABELS}" if does[LABELS] else ""
        yield f"{source['source']}: {count_of(source['tickets'], 'ticket')}: {effects}{rest}; mode {source['mode']}"
        yield from (f"  {line}" for line in (*waiting_lines(source["waiting"]), *source["brakes"]))


def waiting_lines(waiting: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield how many tickets wait for time to pass before anything more is written on them, and which."""
    by_reason: dict[str, list[str]] = {}
    for ticket in waiting:
        by_reason.setdefault(ticket["waits_for"], []).append(ticket["ticket"])
    for reason, tickets in by_reason.items():
        verb = "waits" if len(tickets) == 1 else "wait"
        yield f"{count_of(len(tickets), 'ticket')} {verb} for {reason}: {names(tickets)}"
