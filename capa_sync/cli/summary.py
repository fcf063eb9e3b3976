"""What a cycle found and wrote, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capa_sync.cli.context import say
from capa_sync.cli.wording import cannot_tell_lines, quarantine_lines, waived_lines
from capa_sync.daemon.cycle import CycleResult
from capa_sync.daemon.leaving import content_left, halt_words
from capa_sync.daemon.runtime import Runtime
from capa_sync.model.amounts import count_of
from capa_sync.model.days import utc_words_or_never
from capa_sync.model.finding import SEVERITY_ORDER, Outcome, Severity
from capa_sync.store import Register

_MADE = frozenset({Outcome.OK, Outcome.BREACH, Outcome.HISTORICAL})
"""Outcomes of checks that could be made."""
_STUCK = "`capa-sync status` says why; mend that, then `capa-sync retry` and `capa-sync sync`"
_COUNTED = {
    "read": ("ticket", " read"),
    "judged": ("", "judged"),
    "opened": ("finding", " opened"),
    "cleared": ("", "cleared"),
    "delivered": ("write", " delivered"),
}


def summary_of(runtime: Runtime, results: Sequence[CycleResult]) -> dict[str, Any]:
    """Return what these cycles did and what the register contains now, as values for JSON."""
    register = runtime.register
    findings = register.reports.open_findings()
    return {
        "sources": [
            {
                "source": result.source,
                "as_of": register.runs.as_of(result.source),
                "problem": result.problem,
                "safety_stop": result.stopped or _left_over(register, result),
                "halt": _halt(register, result.source),
                **result.counts,
            }
            for result in results
        ],
        "findings": findings,
        "waived": register.reports.waived(),
        "waiver_file": register.waivers.file()[2],
        "writes": register.reports.writes_by_state(),
        "records": register.reports.count_records(),
        "quarantined": register.reports.quarantined(),
        "mapping": _mapping_notes(runtime),
        "rights": [
            f"{context.name}: {right}"
            for context in runtime.contexts.values()
            for right in (
                *(context.facts.missing_rights if context.facts is not None else ()),
                *context.closed_rights,
            )
        ],
        "checks": {} if findings else register.reports.checks(),  # needed only when there are no findings
        "cannot_tell": register.reports.cannot_tell(),
    }


def _left_over(register: Register, result: CycleResult) -> str:
    """Return what this cycle's release left over, in words; "" when all that was planned was released."""
    stop = register.outbox.stops().get(result.source)
    return stop.cause if stop is not None and stop.at >= result.started_at else ""


def _halt(register: Register, source: str) -> str:
    """Return the pause or withdrawal of a source in words, "" without one."""
    halt = register.halts.of(source)
    return halt_words(halt, content_left(register, source)) if halt is not None else ""


def _mapping_notes(runtime: Runtime) -> list[str]:
    """Return the problems of mappings, without repeats where several mappings name one people file."""
    notes = [
        str(problem)
        for context in runtime.contexts.values()
        for problem in (*context.notes, *((*context.bound.problems, *context.bound.notes) if context.bound else ()))
    ]
    return list(dict.fromkeys(notes))


def print_cycle(summary: Mapping[str, Any]) -> None:
    """Print a summary for a person; problems go to standard error."""
    for source in summary["sources"]:
        say(_source_line(source))
    print_trouble(summary)
    for line in quarantine_lines(summary["quarantined"]):
        say(line)
    findings = summary["findings"]
    say(f"{count_of(len(findings), 'open finding')}:" if findings else _nothing_open(summary))
    for finding in findings:
        say(f"  {finding['severity']:<6} {finding['ticket_key']:<13} {finding['rule']:<28} {finding['message']}")
    for line in [*waived_lines(summary["waived"]), *cannot_tell_lines(summary["cannot_tell"])]:
        say(line)


def _nothing_open(summary: Mapping[str, Any]) -> str:
    """Return that nothing is open, and claim no more than was checked."""
    read = {source["source"]: summary["checks"].get(source["source"], {}) for source in summary["sources"]}
    made = {source for source, outcomes in read.items() if _MADE & outcomes.keys()}
    unread = [source["source"] for source in summary["sources"] if source["problem"]]
    if unread and len(unread) == len(summary["sources"]):
        last = "; the last reading left no open warnings from these checks" if made else ""
        return f"nothing was checked now: no source could be read{last}"
    if made:
        return "no open warnings from these checks" + (f"; not read now: {', '.join(unread)}" if unread else "")
    outcomes = {outcome for checks in read.values() for outcome in checks}
    if Outcome.CANNOT_TELL in outcomes:
        return "nothing could be checked: no check that applies can tell"
    if outcomes:
        return "nothing was checked: no check applies to any of these tickets"
    return "nothing was checked: there is no ticket to check"


def print_trouble(summary: Mapping[str, Any]) -> None:
    """Print on standard error why sources could not be read or written, and the problems of mappings."""
    for source in summary["sources"]:
        if source["problem"]:
            say(f"{source['source']}: problem: {source['problem']}", err=True)
        if source.get("undelivered"):
            writes = count_of(source["undelivered"], "write")
            say(f"{source['source']}: {writes} could not be made: {_STUCK}", err=True)
        if source["halt"]:
            say(f"{source['source']}: {source['halt']}", err=True)
        if source["safety_stop"]:
            say(source["safety_stop"], err=True)  # it names the source
    for right in summary["rights"]:
        say(right, err=True)
    for problem in summary["mapping"]:
        say(f"mapping: {problem}", err=True)
    for problem in summary["waiver_file"]:
        say(f"waivers file: {problem}", err=True)


def _source_line(source: Mapping[str, Any]) -> str:
    counts = ", ".join(_counted(source.get(name, 0), *words) for name, words in _COUNTED.items())
    return f"{source['source']}: {counts}; as of {utc_words_or_never(source['as_of'])}"


def _counted(number: int, noun: str, did: str) -> str:
    return f"{count_of(number, noun)}{did}" if noun else f"{number} {did}"


def findings_exit_code(register: Register, fail_on: str | None) -> int:
    """Return 1 when an open finding is at or above `fail_on`, else 0; always 0 without it."""
    if fail_on is None:
        return 0
    floor = SEVERITY_ORDER.index(Severity(fail_on))
    found = register.reports.open_findings()
    return int(any(SEVERITY_ORDER.index(Severity(row["severity"])) >= floor for row in found))
