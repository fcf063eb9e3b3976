"""What the page and the PDF of an evidence pack show, section by section; both show the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from capa_sync.exports.evidence import RecordEvidence, Row
from capa_sync.exports.pack_section import SHORT_HASH, PackSection
from capa_sync.exports.past_verdicts import over_time
from capa_sync.exports.record_fields import what_it_says
from capa_sync.exports.sheets import SHEETS
from capa_sync.exports.timeline import VALUED, after_closure
from capa_sync.exports.times import shown_value
from capa_sync.model.days import moment_words, value_words
from capa_sync.model.patterns import IN_QUOTES

_LABELS = {column.name: column.heading for column in SHEETS["register"].columns}
_ACTIONS = {
    "action_key": "Ticket",
    "kind": "Kind",
    "text": "Action",
    "owner": "Owner",
    "due_at": "Due",
    "state": "State",
    "done_at": "Done",
    "evidence": "Proof",
    "url": "Address",
}
_FINDINGS = {
    "rule": "Rule",
    "episode": "Time",
    "clause": "Clause",
    "severity": "Severity",
    "state": "State",
    "opened_at": "Opened",
    "cleared_at": "Cleared",
    "message": "Message",
    "fix": "What to do",
    "waived_until": "Waived until",
    "rule_set": "Rule set",
}
_FINDING_SHARES = (11, 3, 8, 5, 5, 10, 10, 18, 17, 6, 7)
_WAIVERS = {
    "rule": "Rule",
    "state": "State",
    "why": "Why ended or inactive",
    "until": "Until",
    "reason": "Because",
    "asked_by": "Asked by",
    "approved_by": "Approved by",
    "recorded_by": "Recorded by",
    "recorded_at": "Recorded",
    "ended_at": "Ended",
}
_FACT_HEADS = ("Condition", "Is", "Fact, with time, person and entry of the history")
_FACT_SHARES = (36, 6, 58)
_TIMELINE = {"at": "When", "ticket": "Ticket", "kind": "What", "who": "Who", "what": "Text"}
_TIMELINE_SHARES = (10, 10, 9, 11, 60)
_WRITES = {
    "created_at": "Planned",
    "kind": "Kind",
    "state": "State",
    "delivered_at": "Delivered",
    "text": "Text",
    "error": "Error",
}
_ATTACHMENTS = {
    "name": "Name",
    "size": "Bytes",
    "added_at": "Added",
    "added_by": "By",
    "media_type": "Type",
    "sha256": "SHA-256",
    "content": "Content",
}
_VERSIONS = {"kind": "Part", "version": "Version", "read_at": "First read", "digest": "Digest"}


def title_of(evidence: RecordEvidence) -> str:
    """Return the title of a pack."""
    title = f": {evidence.register['title']}" if evidence.register else ""
    return f"Evidence of {evidence.name}{title}"


def about(evidence: RecordEvidence, version: str) -> str:
    """Return what a pack rests on."""
    number = f"Register number {evidence.register['register_no']}. " if evidence.register else ""
    as_of = (
        moment_words(evidence.as_of, evidence.timezone)
        if evidence.as_of is not None
        else "never: its source was not read to its end"
    )
    return (
        f"{number}As of {as_of}. Made by capa-sync {version} from register {evidence.about['register']}; head of its "
        f"hash chain {evidence.about['chain_head']}. It shows which evidence was found and which was not; it does "
        f"not judge conformity. All times are of the zone {evidence.timezone}; evidence.json has the exact instants."
    )


def sections_of(evidence: RecordEvidence, content: Row) -> list[PackSection]:
    """Return the sections in their order; `content` is that of `evidence.json`."""
    table = partial(_table, evidence.timezone)
    timeline = _timeline(content["timeline"], evidence.timezone)
    return [
        _record(evidence.register, evidence.timezone),
        what_it_says(evidence.fields, evidence.timezone),
        table("Actions", evidence.actions, _ACTIONS),
        table("Findings ever raised", _findings(evidence.findings), _FINDINGS, shares=_FINDING_SHARES),
        table("Waivers", evidence.waivers, _WAIVERS),
        PackSection("Present verdicts, with the facts behind them", says=() if evidence.verdicts else ("None.",)),
        *(_verdict(verdict, evidence.timezone) for verdict in evidence.verdicts),
        over_time(evidence.past, evidence.timezone),
        table("Timeline", timeline, _TIMELINE, shares=_TIMELINE_SHARES),
        *_after_closure(evidence, timeline),
        table("What capa-sync wrote, and meant to write", evidence.writes, _WRITES),
        *(section for ticket in content["tickets"] for section in _ticket(ticket, evidence.timezone)),
    ]


def _record(row: Row, zone: str) -> PackSection:
    if not row:
        return PackSection("The record", says=("It has no row in the register.",))
    return PackSection("The record", rows=_named(row, _LABELS, zone))


def _findings(findings: Sequence[Row]) -> list[Row]:
    return [finding | {"rule_set": finding["rule_set"][:SHORT_HASH]} for finding in findings]


def _timeline(events: Sequence[Row], zone: str) -> list[Row]:
    """Return the events; the values of a change are in quotes, and instants among them as people read them."""
    return [
        event | {"what": IN_QUOTES.sub(lambda value: f"“{value_words(value[1], zone)}”", event["what"])}
        if event["kind"] in VALUED
        else event
        for event in events
    ]


def _after_closure(evidence: RecordEvidence, timeline: Sequence[Row]) -> Iterator[PackSection]:
    """Yield what was changed and said after a closed record was closed; nothing for one that is not closed."""
    if closed_at := evidence.register.get("closed_at"):
        rows = after_closure(timeline, closed_at)
        yield _table(evidence.timezone, "Changes after closure", rows, _TIMELINE, shares=_TIMELINE_SHARES)


def _verdict(verdict: Row, zone: str) -> PackSection:
    message = f". {verdict['message']}" if verdict["message"] else ""
    stop = "" if message else "."
    reason = f"{stop} Because: {verdict['reason']}" if verdict["reason"] else ""
    facts = [(fact["phrase"], fact["truth"], _fact(fact, zone)) for fact in verdict["evidence"]] or None
    return PackSection(
        f"{verdict['rule']} {verdict['clause']}",
        level=3,
        outcome=verdict["outcome"],
        says=(f"{verdict['title']}{message}{reason}",),
        columns=_FACT_HEADS,
        shares=_FACT_SHARES,
        rows=facts,
    )


def _fact(fact: Row, zone: str) -> str:
    """Return a fact in one text, since each cell of a table takes time on paper; its field, where another one."""
    field, text = fact["what"], shown_value("text", fact["text"], zone)
    words = f"{field}: {text}" if field and not fact["phrase"].startswith(f"{field}:") else text
    entry = f"entry {fact['entry']}" if fact["entry"] else ""
    return " · ".join(filter(None, (words, shown_value("at", fact["at"], zone), fact["by"], entry)))


def _ticket(ticket: Row, zone: str) -> Iterator[PackSection]:
    own = ticket["ticket"]
    name = f"{own['source']}:{own['ticket_key'] or own['ticket_id']}"
    yield PackSection(f"Ticket {name} ({ticket['role']})", rows=_named(own, {}, zone))
    files = "Attachments, as the tracker names them; the files are not in this pack"
    yield _table(zone, files, ticket["attachments"], _ATTACHMENTS, level=3)
    yield PackSection("Raw payloads in this pack", level=3, items=tuple(ticket["raw"]))
    yield _table(zone, "Versions of the raw payloads", ticket["versions"], _VERSIONS, level=3)


def _named(row: Row, labels: Mapping[str, str], zone: str) -> list[list[Any]]:
    """Return the values of a row that are there, each with its name."""
    return [
        [labels.get(name, name.replace("_", " ").capitalize()), shown_value(name, value, zone)]
        for name, value in row.items()
        if value not in (None, "")
    ]


def _table(
    zone: str,
    heading: str,
    rows: Sequence[Row],
    columns: Mapping[str, str],
    level: int = 2,
    shares: tuple[int, ...] = (),
) -> PackSection:
    heads = tuple(columns.values())
    return PackSection(heading, level, columns=heads, shares=shares, rows=_rows(rows, columns, zone))


def _rows(rows: Sequence[Row], columns: Mapping[str, str], zone: str) -> list[list[Any]]:
    return [[shown_value(name, row.get(name), zone) for name in columns] for row in rows]
