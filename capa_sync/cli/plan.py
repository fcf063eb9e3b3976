"""`plan`: shows what `sync` would do, computed on a private copy of the register."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    EXIT_STOPPED,
    check_rule,
    chosen_sources,
    clock_from,
    config_option,
    json_option,
    print_json,
    read_setup,
    say,
    settled,
)
from capa_sync.cli.forecast import forecast_of, planned_tickets, planned_writes
from capa_sync.cli.past import PastView, as_of_option, past_view, rules_of_option
from capa_sync.cli.plan_view import outcome_lines, plan_lines, removal_words, unknown_why
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.summary import print_trouble, summary_of
from capa_sync.cli.verbs import VerbCommand
from capa_sync.cli.wording import cannot_tell_lines, older_wording_lines, quarantine_lines
from capa_sync.daemon.cycle import run_round
from capa_sync.daemon.past_work import look_from
from capa_sync.daemon.previewing import judge_and_plan
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.model.clock import StoppedClock
from capa_sync.model.write import Write
from capa_sync.private_folders import private_folder
from capa_sync.store import open_copy, open_register, register_exists
from capa_sync.wiring import Configuration, build_runtime


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync plan", "ten tickets of each rule, then the summary"),
        ("capa-sync plan --rule action-overdue --limit 0 --texts", "all of one rule, each text whole"),
        ("capa-sync plan --json > plan.json", "every planned write with its text"),
        ("capa-sync plan --as-of 2026-06-15", "what would have been written then"),
    ),
)
@config_option
@click.option("--source", "only", help="Only this source.")
@click.option("--rule", help="Show the tickets of this rule alone; the summary is that of all.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Tickets shown of each rule; 0: all.",
)
@click.option("--texts", is_flag=True, help="Show the whole text for each ticket.")
@as_of_option
@rules_of_option
@json_option
def plan(
    config: Path,
    test_clock: str | None,
    only: str | None,
    rule: str | None,
    limit: int,
    texts: bool,
    as_of: str | None,
    rules_of: str | None,
    as_json: bool,
) -> int:
    """Show what `sync` would write; nothing changes anywhere.

    It reads the trackers and works on a private copy of the register. What would be written is listed by rule
    and ticket, then come the sums and what the brakes would do. Exit 3 when a source could not be read.

    With --as-of it shows what would have been written then, from the register alone: by the set that was live, with
    the findings, writes, waivers and releases that there were.
    """
    is_past = as_of is not None or rules_of is not None
    setup, clock = read_setup(config, with_secrets=not is_past), clock_from(test_clock)
    names = chosen_sources(setup, only)
    stop = threading.Event()
    with private_folder("plan") as folder:
        asked = stop_on_signals(stop, late_code=EXIT_STOPPED, before_late_end=partial(shutil.rmtree, folder))
        copy = folder / "register.db"
        if register_exists(setup.register_path):
            register = open_copy(setup.register_path, copy, clock_now=clock.now(), now=clock.now)
        else:
            register = open_register(copy, clock_now=clock.now(), now=clock.now, durable=False)
        try:
            view = past_view(setup, register, as_of, rules_of)
            configuration = settled(setup, register, clock) if view is None else view.judged_by.configuration
            check_rule(configuration, rule)
            at = clock if view is None else StoppedClock(view.at)
            runtime = build_runtime(configuration, register, at, stop, write_mode="plan")
            work = partial(_planned, runtime) if view is None else partial(_planned_then, runtime, view)
            result = work(configuration, names)
        finally:
            register.close()
    if asked.is_set():
        say("stopped before the end: not all that `sync` would write is known", err=True)
        return EXIT_STOPPED
    if as_json:
        print_json(_for_programs(result, rule))
    else:
        _print(result, rule=rule, limit=limit, texts=texts)
    return _exit_code(result["sources"])


def _exit_code(sources: Iterable[Mapping[str, Any]]) -> int:
    """Return 3 when a source could not be read, 4 when our clock is too wrong to judge one, else 0."""
    stops = {"problem": 3, "safety_stop": 4}
    return next((code for name, code in stops.items() if any(source[name] for source in sources)), 0)


def _planned_then(runtime: Runtime, view: PastView, configuration: Configuration, names: list[str]) -> dict[str, Any]:
    """Set the copy back, judge and plan on it, and return the summary with the writes that were planned then."""
    runtime.register.rewind(view.at)
    unknown = look_from(runtime, view.at)
    judge_and_plan(runtime, view.at)
    summary = summary_of(runtime, [])
    why = f"nothing is known of {view.words}"
    summary["sources"] = [
        {"source": name, "as_of": view.at, "problem": why if name in unknown else "", "safety_stop": "", "halt": ""}
        for name in names
    ]
    summary["as_of"], summary["judged_by"] = view.words, view.judged_by.note
    return _with_plans(runtime, configuration, summary)


def _planned(runtime: Runtime, configuration: Configuration, names: list[str]) -> dict[str, Any]:
    """Run the cycles on the copy without delivery, and return the summary with the planned writes."""
    with progress_listener() as listener:
        runtime.progress = listener
        results = run_round(runtime, [runtime.contexts[name] for name in names], deliver=False)
    summary = summary_of(runtime, results)
    for source, result in zip(summary["sources"], results, strict=True):
        source["safety_stop"] = result.stopped  # that of our clock; what an earlier `sync` stored is among the brakes
    return _with_plans(runtime, configuration, summary)


def _with_plans(runtime: Runtime, configuration: Configuration, summary: dict[str, Any]) -> dict[str, Any]:
    """Add what would be written, of the sources whose plan is known."""
    known = {source["source"] for source in summary["sources"] if not unknown_why(source)}
    writes = planned_writes(runtime, known)
    for source in summary["sources"]:
        name = source["source"]
        source |= forecast_of(runtime, configuration, name, writes, is_known=name in known)
    summary["older_wording"] = runtime.register.outbox.older_wording()
    summary["tickets"] = planned_tickets(runtime, writes)
    summary["messages"] = {
        (finding["source"], finding["ticket_key"], finding["rule"]): finding["message"]
        for finding in summary["findings"]
    }
    summary["planned"] = [_as_dict(write) for write in writes]
    return summary


def _as_dict(write: Write) -> dict[str, Any]:
    """Return a planned write for the JSON output."""
    labels = [f"+{name}" for name in write.labels_add] + [f"-{name}" for name in write.labels_remove]
    fields = [f"{name}={value}" for name, value in write.fields.items()]
    if words := removal_words(write):
        labels, fields = [], [f"removes {words}"]
    return {
        "source": write.source,
        "ticket_key": write.ticket_key,
        "kind": str(write.kind),
        "notifies": write.notifies,
        "detail": "".join(f" {effect}" for effect in labels + fields),
        "text": write.text.plain() if write.text is not None else "",
        "held_by": write.error,
    }


def _for_programs(result: Mapping[str, Any], rule: str | None) -> dict[str, Any]:
    """Return the JSON result, without the keys that only the text view needs; with a rule, only its tickets."""
    tickets = [row for row in result["tickets"] if rule is None or rule in row["rules"]]
    keys = {(row["source"], row["ticket"]) for row in tickets}
    planned = [entry for entry in result["planned"] if (entry["source"], entry["ticket_key"]) in keys]
    shown = {name: value for name, value in result.items() if name != "messages"}
    return {
        **shown,
        "tickets": [{name: row[name] for name in row if name != "text"} for row in tickets],
        "planned": planned,
    }


def _print(result: Mapping[str, Any], *, rule: str | None, limit: int, texts: bool) -> None:
    """Print the plan for a person: tickets by rule, quarantined tickets, sums with the brakes, unknown verdicts."""
    print_trouble(result)
    if "as_of" in result:
        say(f"as of {result['as_of']}, {result['judged_by']}")
    for line in (
        *plan_lines(result, rule=rule, limit=limit, texts=texts),
        *quarantine_lines(result["quarantined"]),
        *outcome_lines(result["sources"]),
        *older_wording_lines(result["older_wording"]),
        *cannot_tell_lines(result["cannot_tell"]),
    ):
        say(line)
