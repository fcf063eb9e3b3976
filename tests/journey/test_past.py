"""What was true on a past day can be computed later: it equals what was recorded then, or cannot be told."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest

from capa_sync.cli.app import _guarded, cli
from capa_sync.cli.context import read_setup
from capa_sync.cli.past_register import register_as_of
from capa_sync.daemon import past_register
from capa_sync.daemon.past import map_past
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.past_register import _presences
from capa_sync.daemon.past_work import look_from
from capa_sync.daemon.previewing import judge_and_plan
from capa_sync.daemon.rebuilding import judge_from_mirror
from capa_sync.daemon.runtime import Runtime
from capa_sync.live.settle import settle
from capa_sync.model.clock import StoppedClock
from capa_sync.model.erasure import Erasure
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.jira_site import CHANGES
from capa_sync.sandbox.stories.people import PEOPLE
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Fill, Say
from capa_sync.settings import load_settings
from capa_sync.starter import starter_path
from capa_sync.store import open_register
from capa_sync.store.opening import copy_register
from capa_sync.wiring import build_runtime, configure
from tests.journey.harness import SECRETS, SOURCES, Harness, local, open_harness
from tests.journey.watched import (
    START,
    Said,
    Tables,
    Watched,
    episodes,
    said_at,
    said_by_cycle,
    taken_tables,
    watch_stories,
)

pytestmark = pytest.mark.slow

CYCLES = 5
COMPARING = "recurrence"
"""The rule that compares a record with others; before a record was first read it cannot tell."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """All stories, with some cycles while they happen."""
    with watch_stories(tmp_path_factory.mktemp("watched"), CYCLES) as found:
        yield found


def test_what_is_computed_later_equals_what_was_recorded(watched: Watched) -> None:
    """Each verdict of each cycle, on all three trackers, with its severity and reason."""
    assert len(watched.recorded) > CYCLES
    for at, recorded in watched.recorded.items():
        assert said_at(watched.runtime, at) == recorded


def test_before_the_first_read_a_verdict_is_the_same_or_cannot_be_told(watched: Watched) -> None:
    """A register that read all at the end contradicts none; histories show no activity, deleted comments, matches."""
    kept, lost = 0, set[str]()
    for at, recorded in watched.recorded.items():
        computed = said_at(watched.late, at)
        assert computed.keys() == recorded.keys()
        differing = {place for place, said in recorded.items() if computed[place] != said}
        assert {computed[place][0] for place in differing} <= {"cannot_tell"}
        kept += len(recorded) - len(differing)
        lost |= {rule for _source, _ticket, rule in differing}
    assert lost == {"owner-active", "due-date-moved", COMPARING}
    assert kept > 10_000


class Done(NamedTuple):
    """How a verb ended, and what it printed."""

    code: int
    out: str
    err: str


def run(folder: Path, *arguments: str) -> Done:
    """Run a verb on a register."""
    out, err = StringIO(), StringIO()
    words = [*arguments, "--config", str(folder / "capa-sync.toml")]
    with redirect_stdout(out), redirect_stderr(err), patch.dict(os.environ, SECRETS):
        code = _guarded(lambda: cli.main(args=words, prog_name="capa-sync", standalone_mode=False))
    return Done(code, out.getvalue(), err.getvalue())


def test_explain_shows_a_past_day_the_same_twice(watched: Watched) -> None:
    """It names the day, the set and the version; where it was not read yet or not any more, it says so."""
    at = sorted(watched.recorded)[-2]
    day = f"{at:%Y-%m-%d}"
    late = ("before 2026-03-31 07:00:00Z, when the ticket was first read", "no set was live then", "nobody is known")
    for runtime, words in ((watched.runtime, ("from the version that was read", "live since")), (watched.late, late)):
        folder = runtime.register.path.parent
        shown = run(folder, "explain", "jira:CAPA-3", "--as-of", day)
        assert shown.code == 0, shown.err
        assert all(word in shown.out for word in (f"as of the end of {day} in Europe/London", *words))
        assert run(folder, "explain", "jira:CAPA-3", "--as-of", day).out == shown.out
        future = run(folder, "explain", "jira:CAPA-3", "--as-of", "2026-04-02")
        assert (future.code, "jira was read until 2026-03-31 07:00:00Z" in future.out) == (2, True)


def test_an_export_as_of_a_past_instant_has_the_rows_of_then(watched: Watched, tmp_path: Path) -> None:
    """Each value of each table equals what the register showed at that cycle, but for when it was read."""
    at = sorted(watched.tables)[-2]
    then = tables_as_of(watched.runtime.register.path.parent, at, SOURCES)
    assert then == _unread(watched.tables[at])
    now = taken_tables(watched.runtime.register)
    assert len(then["register"]) < len(now["register"])
    assert len(then["changes"]) < len(now["changes"])


class CountedMirror(PastMirror):
    """A mirror of a past instant that notes of how many tickets it holds versions whenever it turns to others."""

    def __init__(self, runtime: Runtime, at: datetime) -> None:
        super().__init__(runtime.register, {name: it.inputs() for name, it in runtime.contexts.items()}, at)
        self.held: list[int] = []

    def turn_to(self, source: str, ticket_ids: Sequence[str]) -> None:
        """Note it, then turn."""
        self.held.append(len(self._reads._steps))
        super().turn_to(source, ticket_ids)


def test_presences_of_a_past_day_are_read_in_batches(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the number of tickets, and the size of a batch changes nothing."""
    runtime, at = watched.runtime, sorted(watched.tables)[-2]
    whole, small = CountedMirror(runtime, at), CountedMirror(runtime, at)
    found = _presences(runtime, whole)
    monkeypatch.setattr(past_register, "BATCH", 2)
    assert _presences(runtime, small) == found
    assert max(small.held) <= 2 < max(whole.held)


def tables_as_of(folder: Path, at: datetime, sources: Sequence[str]) -> Tables:
    """Return the rows of each table as of an instant, without when they were read."""
    setup = read_setup(folder / "capa-sync.toml", with_secrets=False)
    with register_as_of(setup, StoppedClock(START), at.isoformat(), sources, is_masked=False) as past:
        return _unread(taken_tables(past.register))


def _unread(tables: Tables) -> Tables:
    return {name: [row | {"synced_at": "", "as_of": ""} for row in rows] for name, rows in tables.items()}


def _make_live(harness: Harness) -> None:
    """Store the set that the harness judges by, as `sync` does it."""
    file = harness.runtime.register.path.with_name("capa-sync.toml")
    configuration = configure(load_settings(file, SECRETS), file, SECRETS)
    settle(configuration, harness.runtime.register, harness.clock.now(), "a test", stores=True)


UNKNOWN = "nothing is known of jira at the end of 2026-04-02 in Europe/London: it was read until 2026-03-31 07:00:00Z"


def test_the_verb_exports_a_past_day_twice_the_same_and_names_it(watched: Watched, tmp_path: Path) -> None:
    """The bytes are equal, `.meta.json` has instant, set and head of then; an instant not read yet is refused."""
    folder = watched.runtime.register.path.parent
    day = f"{sorted(watched.tables)[-2]:%Y-%m-%d}"
    for name in ("a.csv", "b.csv"):
        done = run(folder, "register", "export", str(tmp_path / name), "--as-of", day, "--source", "jira", "--open")
        assert done.code == 0, done.err
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert f"  as of the end of {day} in Europe/London, judged by set" in done.out
    assert not re.search(r"\d\.\d+Z", done.out), "no microseconds in what people read"
    none = run(
        folder, "register", "export", str(tmp_path / "d.csv"), "--as-of", day, "--grade", "ofi", "--stage", "closed"
    )
    assert f"no record of those that were there at the end of {day} in Europe/London is chosen" in none.err
    meta = json.loads((tmp_path / "a.csv.meta.json").read_text("utf-8"))
    assert (meta["as_of"], meta["filters"]) == (meta["sources"][0]["as_of"], {"sources": "jira", "only_open": "yes"})
    head = watched.runtime.register.chain.head_at(datetime.fromisoformat(meta["as_of"]))
    assert (meta["chain_head"], meta["judged_by"][:14]) == (str(head), "judged by set ")
    refused = run(folder, "register", "export", str(tmp_path / "c.csv"), "--as-of", "2026-04-02")
    assert (refused.code, refused.err.splitlines()) == (
        2,
        [f"{UNKNOWN}; choose an earlier day, or other sources with --source"],
    )
    assert sorted(place.name for place in tmp_path.iterdir()) == [
        "a.csv", "a.csv.meta.json", "b.csv", "b.csv.meta.json"
    ]  # fmt: skip


def test_another_set_judges_by_hash_day_or_path(watched: Watched, tmp_path: Path) -> None:
    """A hash of either kind and a day mean a stored set; a file changes it; anything else is one line and exit 2."""
    folder = watched.runtime.register.path.parent
    [row] = json.loads(run(folder, "history", "--json").out)
    rule = tmp_path / "root-cause-before-action.yaml"
    shipped = (starter_path("rules") / rule.name).read_text("utf-8")
    rule.write_text(shipped.replace("severity: high", "severity: low"), "utf-8")
    asked = ("explain", "jira:CAPA-28", "--rule", rule.stem)
    for wanted in (row["set"][:8], row["rule_set"][:8], "2026-03-31", str(rule)):
        shown = run(folder, *asked, "--rules-of", wanted, "--json")
        assert shown.code == 0, shown.err
        [found] = json.loads(shown.out)
        assert found["verdicts"][0]["outcome"] == "breach"
        assert found["verdicts"][0]["severity"] == ("low" if wanted == str(rule) else "high")
    wrong_test = rule.read_text("utf-8").replace("2026-03-10, result: breach}", "2026-03-10, result: ok}", 1)
    rule.write_text(wrong_test, "utf-8")
    refused = run(folder, *asked, "--rules-of", str(rule))
    assert (refused.code, f"{rule}:" in refused.err) == (2, True), refused.err
    for wrong, why in (
        ("feed", "no set that was ever live has the hash feed"),
        ("30.6.2025", "write 2025-06-30"),
        ("x", "no hash"),
    ):
        refused = run(folder, *asked, "--rules-of", wrong)
        assert (refused.code, why in refused.err) == (2, True), refused.err
    refused = run(folder, *asked, "--as-of", "June")
    assert (refused.code, "--as-of takes a day" in refused.err) == (2, True)


def test_without_a_whole_history_the_past_cannot_be_told(tmp_path: Path) -> None:
    """Where ServiceNow audits nothing, a ticket is not known before its first read; since then it is as it was."""
    with open_harness("servicenow", tmp_path, "2025-06-02 09:00") as harness:
        tracker = harness.player.tracker
        assert isinstance(tracker, ServiceNowTracker)
        tracker.set_audit("sn_grc_issue", audited=False)
        harness.play("2025-06-02 09:00", Create({"title": "Access review missed", "owner": "anna.lee"}))
        harness.play("2025-06-04 09:00", Fill({"location": "Finance app"}))
        recorded: dict[datetime, Said] = {}
        for day in (5, 6):
            harness.clock.set(local(f"2025-06-0{day} 12:00"))
            recorded[harness.clock.now()] = said_by_cycle(harness.runtime)
            harness.play(f"2025-06-0{day} 15:00", Fill({"root_cause": f"Cause of day {day}"}))
        before = said_at(harness.runtime, local("2025-06-03 12:00"))
        for at, said in recorded.items():
            assert said_at(harness.runtime, at) == said
    assert {(outcome, reason) for outcome, _severity, reason in before.values()} == {
        ("cannot_tell", "its history is not complete, and it was read later than that")
    }


def test_a_moved_sub_task_was_an_action_of_its_former_record(tmp_path: Path) -> None:
    """Read after the move alone, it counts with the record that it was part of at each instant."""
    with open_harness("jira", tmp_path, "2025-06-02 09:00") as harness:
        tracker = harness.player.tracker
        assert isinstance(tracker, JiraTracker)
        for story in ("first", "second"):
            harness.play("2025-06-02 09:00", Create({"title": story, "owner": "anna.lee"}), story=story)
        harness.play("2025-06-02 10:00", AddAction("Name a deputy", None, "child"), story="first")
        harness.clock.set(local("2025-06-04 10:00"))
        action, second = harness.player.actions["first"], harness.player.address("second")[0]
        tracker.as_user(PEOPLE["anna.lee"].cloud).edit(action, {"parent": second})
        harness.cycle("2025-06-05 12:00")
        runtime, counts = harness.runtime, list[tuple[int, int]]()
        inputs = runtime.inputs(runtime.contexts["jira"], harness.clock.now())
        for day in ("2025-06-03", "2025-06-05"):
            mirror = PastMirror(runtime.register, inputs.sources, local(f"{day} 10:00"))
            records = [map_past(inputs, harness.ticket(story), mirror) for story in ("first", "second")]
            counts.append(tuple(len(record.actions) for record in records))  # type: ignore[union-attr,arg-type]
    assert counts == [(1, 0), (0, 1)]


ORDERLY = {
    "title": "Access review missed",
    "description": "The review of the first quarter was not done.",
    "owner": "anna.lee",
    "root_cause": "No deputy named in AC-03",
    "action_text": "Name a deputy",
    "due_at": "2025-06-30",
}


def traceless_changes(harness: Harness) -> Iterator[None]:
    """Do what leaves no trace in the ticket's history, each on a day of its own."""
    tracker, key = harness.player.tracker, harness.player.address("life")[0]
    assert isinstance(tracker, JiraTracker)
    account = PEOPLE["anna.lee"].cloud
    anna = tracker.as_user(account)
    yield
    harness.play("2025-06-03 10:00", Fill({"due_at": "2025-07-31"}))
    yield
    harness.play("2025-06-04 10:00", Say("Moved, because the shared mailbox comes in July."))
    issue = tracker.state.find(key)
    yield
    assert issue is not None
    anna.delete_comment(key, str(issue.comments[-1].id))
    yield
    tracker.admin.set_user(account, {"active": False})
    yield
    tracker.admin.set_user(account, {"active": True})
    harness.play("2025-06-07 10:00", AddAction("Share the mailbox", None, "child"))
    yield
    anna.delete(harness.player.actions["life"])
    yield
    tracker.admin.alter(key, {tracker.state.field_by("Root cause")["id"]: None})  # type: ignore[index]
    yield
    link = anna.link(key, "Relates", anna.create("CAPA", "Improvement", {"Summary": "Deputies", "Assignee": account}))
    yield
    anna.unlink(link)
    yield
    anna.move(key, CHANGES)
    yield
    anna.delete(key)
    yield


def test_what_leaves_no_trace_is_known_from_the_versions(tmp_path: Path) -> None:
    """A deleted comment or action, an account that left and a ticket that went are as they were recorded."""
    with open_harness("jira", tmp_path, "2025-06-02 09:00") as harness:
        harness.play("2025-06-02 09:00", Create(ORDERLY))
        recorded: dict[datetime, Said] = {}
        tables: dict[datetime, Tables] = {}
        for day, _done in enumerate(traceless_changes(harness), 2):
            harness.clock.set(local(f"2025-06-{day:02} 12:00"))
            recorded[harness.clock.now()] = said_by_cycle(harness.runtime)
            tables[harness.clock.now()] = taken_tables(harness.runtime.register)
            harness.clock.advance(timedelta(hours=1))
        for at, said in recorded.items():
            assert said_at(harness.runtime, at) == said
        _make_live(harness)
        gone, moved, *_ = sorted(tables, reverse=True)
        for at in (gone, moved, min(tables)):
            assert tables_as_of(tmp_path, at, ["jira"]) == _unread(tables[at])
        register = harness.runtime.register
        register.erasures.erase(register.tickets.find("CAPA-1"), Erasure("asked for", "a test"), harness.clock.now())
        setup = read_setup(tmp_path / "capa-sync.toml", with_secrets=False)
        with register_as_of(setup, harness.clock, moved.isoformat(), ["jira"], is_masked=False) as past:
            left, gaps = taken_tables(past.register), past.about["gaps"]
    assert gaps == ["jira: 1 ticket erased since"]
    assert len(left["register"]) == len(tables[moved]["register"]) - 1
    presences = [[row["presence"] for row in tables[at]["register"]] for at in (gone, moved)]
    assert "deleted_or_hidden" in presences[0]
    assert presences[0] != presences[1]


FACTS = {
    "title": "Access review missed",
    "description": "The review of the first quarter was not done, found while sampling user lists.",
    "owner": "anna.lee",
    "detected_at": "2025-04-02",
    "location": "Finance app",
}


def test_a_rule_has_its_past_on_the_first_day(tmp_path: Path) -> None:
    """The pass rate of each month counts the records open in it, as they were at its end; a chart shows the same."""
    without = {name: value for name, value in FACTS.items() if name != "location"}
    with open_harness("jira", tmp_path, "2025-04-10 09:00") as harness:
        harness.play("2025-04-10 09:00", Create(without), story="mended")
        harness.play("2025-05-05 09:00", Create(without), story="left")
        harness.play("2025-05-12 09:00", Fill({"location": "Finance app"}), story="mended")
        harness.play("2025-05-20 09:00", ChangeStage("rejected"), story="mended")
        harness.play("2025-06-03 09:00", Create(FACTS), story="clean")
        harness.cycle("2025-07-10 09:00")
        found = run(tmp_path, "rules", "trend", "what-when-where", "--json", "--months", "5")
        shown = run(tmp_path, "rules", "trend", "what-when-where")
        kept = [row for row in harness.runtime.register.view("v_rule_months") if row["rule"] == "what-when-where"]
    assert [tuple(row.values()) for row in kept] == [("2025-07", "what-when-where", 1, 1, 0)], "as counted below"
    months = json.loads(found.out)["months"]
    counts = [(row["month"], row["ok"], row["breach"], row["not_applicable"], row["pass_rate"]) for row in months]
    assert counts == [
        ("2025-03", 0, 0, 0, None),
        ("2025-04", 0, 1, 0, 0.0),
        ("2025-05", 0, 1, 1, 0.0),
        ("2025-06", 1, 1, 0, 0.5),
        ("2025-07", 1, 1, 0, 0.5),
    ]
    assert "2025-06  ██████████··········   50% of 2 records" in shown.out
    assert "jira: before 2025-07-10, when it was first read, from the change history alone" in shown.out
    assert len([line for line in shown.out.splitlines() if line[:4] in {"2023", "2024", "2025"}]) == 24


def test_a_copy_that_is_set_back_has_the_findings_of_then(watched: Watched, tmp_path: Path) -> None:
    """After judging the mirror of then, every episode is as it was recorded, with state, severity and message."""
    at = sorted(watched.recorded)[-3]
    copy_register(watched.runtime.register.path, tmp_path / "register.db")
    with open_register(tmp_path / "register.db", clock_now=at) as register:
        file = watched.runtime.register.path.with_name("capa-sync.toml")
        configuration = configure(load_settings(file, SECRETS), file, SECRETS)
        runtime = build_runtime(configuration, register, StoppedClock(at), threading.Event(), write_mode="plan")
        register.rewind(at)
        assert look_from(runtime, at) == []
        judge_and_plan(runtime, at)
        assert episodes(register) == watched.episodes[at]
    assert len(watched.episodes[at]) > 20


def planned(folder: Path, at: str) -> list[tuple[str, str]]:
    """Return what `plan` says of each ticket as of a London time."""
    done = run(folder, "plan", "--json", "--as-of", local(at).isoformat())
    assert done.code == 0, done.err
    return [(row["does"], " ".join(sorted(row["rules"]))) for row in json.loads(done.out)["tickets"]]


def test_plan_and_preview_show_what_would_have_been_written_then(tmp_path: Path) -> None:
    """Between two cycles the writes of the second one, after it none; another set is compared with that of then."""
    with open_harness("jira", tmp_path, "2025-05-05 09:00") as harness:
        configuration = configure(
            load_settings(tmp_path / "capa-sync.toml", SECRETS), tmp_path / "capa-sync.toml", SECRETS
        )
        settle(configuration, harness.runtime.register, harness.clock.now(), "a test", stores=True)
        harness.play("2025-05-05 09:00", Create({"title": "Access review missed", "owner": "anna.lee"}))
        harness.cycle("2025-05-05 12:00")
        harness.play("2025-05-07 10:00", AddAction("Name a deputy", None))
        harness.cycle("2025-05-07 12:00")
        harness.play("2025-05-12 10:00", Fill({"root_cause": "No deputy named in AC-03"}))
        harness.cycle("2025-05-12 12:00")
        sent = harness.runtime.register.outbox.writes("jira", harness.ticket())
        found = {at: planned(tmp_path, at) for at in ("2025-05-07 11:00", "2025-05-07 12:30", "2025-05-12 11:00")}
        words = [run(tmp_path, "plan", "--as-of", "2025-05-11").out for _ in range(2)]
        rule = tmp_path / "root-cause-before-action.yaml"
        shipped = starter_path("rules") / rule.name
        rule.write_text(shipped.read_text("utf-8").replace("severity: high", "severity: low"), "utf-8")
        seen = run(tmp_path, "rules", "preview", str(rule), "--json", "--as-of", "2025-05-07")
    order, others = "root-cause-before-action", "source-classified what-when-where"
    assert [set(write.points) for write in sent if write.text is not None][:2] == [{order}, {order, *others.split()}]
    assert found == {
        "2025-05-07 11:00": [("new comment", order)],
        "2025-05-07 12:30": [],
        "2025-05-12 11:00": [("edit", f"{order} {others}")],
    }
    assert words[0] == words[1]
    assert words[0].startswith("as of the end of 2025-05-11 in Europe/London, judged by set ")
    changed = json.loads(seen.out)
    assert changed["changes"] == [f"{rule}: changed"]
    [ticket] = changed["tickets"]
    assert (ticket["what"], ticket["severity_before"], ticket["severity"]) == ("changed", "high", "low")
    [source] = changed["sources"]
    assert (source["would"]["edit"], source["would_now"]["edit"]) == (1, 0)


def test_plans_that_judging_made_are_there_when_planning_begins(tmp_path: Path) -> None:
    """A preview judges all tickets again, and makes no plan a second time from the mirror."""
    with open_harness("jira", tmp_path, "2025-05-05 09:00") as harness:
        runtime, context = harness.runtime, harness.runtime.contexts["jira"]
        runtime.register.halts.set("jira", Halt(HaltKind.PAUSED, harness.clock.now(), "a test"))
        harness.play("2025-05-05 09:00", Create({"title": "Access review missed", "owner": "anna.lee"}))
        harness.play("2025-05-07 10:00", AddAction("Name a deputy", None))
        harness.cycle("2025-05-07 12:00")
        now = harness.clock.now()
        runtime.register.queue.want_all_judged("jira", now)
        judge_from_mirror(runtime, now)
        assert harness.ticket() in context.plans
