"""The spans of verdicts in a pack: at every instant they say what `explain --as-of` says, on all three trackers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.cli.context import read_setup
from capa_sync.daemon.explaining import Explanation
from capa_sync.daemon.explaining_past import bind_as_known_at, explain_past
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.verdict_history import VerdictHistory, VerdictSpan, verdict_history
from capa_sync.live.settle import settle
from capa_sync.live.verdict_history import SetsThen
from capa_sync.model.verdict_set import How, PartKind, VerdictSet
from capa_sync.model.waiver import Waiver, Way
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.people import PEOPLE
from capa_sync.sandbox.stories.script import AddAction, Create, Fill, Say
from capa_sync.settings import load_settings
from capa_sync.wiring import build_runtime_for_reading, configure
from tests.journey.harness import SECRETS, SOURCES, Harness, local, open_harness
from tests.journey.watched import Watched, watch_stories

pytestmark = pytest.mark.slow

CYCLES = 5
TICKETS = 45
"""So many tickets of each register, chosen by `SEED`, are compared with `explain`."""
SEED = 20260331
STEP = timedelta(microseconds=1)
CHANGED = "source-classified"
"""A rule of medium severity."""
BREACH = (CHANGED, "breach")
ORDERLY = {
    "title": "Access review missed",
    "description": "The review of the first quarter was not done.",
    "owner": "anna.lee",
    "root_cause": "No deputy named in AC-03",
    "action_text": "Name a deputy",
    "due_at": "2025-06-30",
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """All stories, with some cycles while they happen."""
    with watch_stories(tmp_path_factory.mktemp("spans"), CYCLES) as found:
        yield found


Histories = Mapping[tuple[str, str], VerdictHistory]


@pytest.fixture(scope="module")
def of_watched(watched: Watched) -> Histories:
    """The history of every ticket of the register that watched."""
    return histories(watched.runtime, records(watched.runtime))


@pytest.fixture(scope="module")
def of_late(watched: Watched) -> Histories:
    """The same of the register that read all afterwards."""
    return histories(watched.late, records(watched.late))


def histories(runtime: Runtime, places: Sequence[tuple[str, str]], most: int = 500) -> Histories:
    """Return the spans of tickets up to when their source was read, as `register sample` finds them."""
    register, clock = runtime.register, runtime.clock
    setup = read_setup(register.path.parent / "capa-sync.toml", with_secrets=False)
    live = settle(setup, register, clock.now(), "a test", stores=False).configuration
    reading = build_runtime_for_reading(live, register, clock)
    set_at, found = SetsThen(setup, register, clock, live, reading), dict[tuple[str, str], VerdictHistory]()
    for source, ticket_id in places:
        until = register.runs.as_of(source)
        assert until is not None
        found[source, ticket_id] = verdict_history(reading, set_at, source, ticket_id, until, most)
    return found


def history(runtime: Runtime, source: str, ticket_id: str, most: int = 500) -> VerdictHistory:
    """Return the spans of one ticket."""
    return histories(runtime, [(source, ticket_id)], most)[source, ticket_id]


def records(runtime: Runtime) -> list[tuple[str, str]]:
    """Return source and id of every ticket that is no action."""
    tickets = runtime.register.tickets
    return [
        (source, ticket_id)
        for source in SOURCES
        for ticket_id in runtime.register.roles.all_ids(source)
        if not tickets.is_action(source, ticket_id)
    ]


def said_then(spans: Sequence[VerdictSpan], at: datetime) -> dict[str, tuple[object, ...]]:
    """Return what the spans say at an instant: rule -> verdict, and why where the ticket was not judged."""
    found: dict[str, tuple[object, ...]] = {}
    for span in spans:
        if span.since <= at and (span.until is None or at < span.until):
            rule = span.verdict.rule if span.verdict is not None else ""
            assert rule not in found, "two spans of one rule at one instant"
            found[rule] = said(span.verdict) if span.verdict is not None else (span.not_judged,)
    return found


def said(verdict: Any) -> tuple[object, ...]:
    """Return what two equal verdicts have in common: why a rule does not apply may change meanwhile."""
    reason = verdict.reason if verdict.outcome != "not_applicable" else ""
    return verdict.outcome, verdict.severity, verdict.message, verdict.fix, reason


def explained(runtime: Runtime, source: str, ticket_id: str, at: datetime) -> Explanation:
    """Return what `explain --as-of` says of a ticket."""
    bind_as_known_at(runtime, at)
    [found] = explain_past(runtime, f"{source}:{runtime.register.tickets.key(source, ticket_id)}", at, ())
    return found


def looked_at(chance: random.Random, found: VerdictHistory, until: datetime) -> Iterator[datetime]:
    """Yield instants: at the edges of spans, just before them, and any."""
    edges = sorted({span.since for span in found.spans})
    for edge in chance.sample(edges, min(2, len(edges))):
        yield edge
        if edge > edges[0]:
            yield edge - STEP
    for _ in range(3):
        yield edges[0] + (until - edges[0]) * chance.random()
    yield until


def test_at_every_instant_the_spans_say_what_explain_says(
    watched: Watched, of_watched: Histories, of_late: Histories
) -> None:
    """On each tracker, of a register that watched and of one that read all afterwards; not judged, too."""
    chance, compared, unjudged = random.Random(SEED), 0, 0  # noqa: S311 - a test's choice
    for runtime, known in ((watched.runtime, of_watched), (watched.late, of_late)):
        for source, ticket_id in chance.sample(sorted(known), TICKETS):
            found = known[source, ticket_id]
            until = runtime.register.runs.as_of(source)
            assert until is not None
            assert found.cut_before is None
            for at in looked_at(chance, found, until):
                then, spans = explained(runtime, source, ticket_id, at), said_then(found.spans, at)
                if not then.verdicts:
                    [(why,)] = spans.values()
                    headline = then.headline.partition(" ")[2]
                    assert str(why).startswith(headline), (source, ticket_id, at)
                    unjudged += 1
                    continue
                assert spans == {one.rule: said(one) for one in then.verdicts}, (source, ticket_id, at)
                compared += 1
    assert (compared > 400, unjudged > 0) == (True, True)


def test_a_verdict_of_a_cycle_is_in_a_span(watched: Watched, of_watched: Histories) -> None:
    """What the register held at each cycle: outcome and severity; each reason, too, but of what does not apply."""
    for at, recorded in watched.recorded.items():
        spans = {place: said_then(found.spans, at) for place, found in of_watched.items()}
        for (source, ticket_id, rule), (outcome, severity, reason) in recorded.items():
            found = spans[source, ticket_id][rule]
            assert found[:2] == (outcome, severity)
            assert outcome == "not_applicable" or found[4] == reason


def test_each_finding_lies_in_its_breach(watched: Watched, of_watched: Histories) -> None:
    """An episode opens within a span of breach, and is cleared after its end."""
    opened = cleared = 0
    for (source, ticket_id), found in of_watched.items():
        spans = found.spans
        for episode in watched.runtime.register.findings.episodes(source, ticket_id):
            at_opening = said_then(spans, episode.opened_at)[episode.rule]
            assert at_opening[0] == "breach", episode
            opened += 1
            if episode.cleared_at is not None:
                assert said_then(spans, episode.cleared_at)[episode.rule][0] != "breach", episode
                cleared += 1
    assert (opened > 50, cleared > 3) == (True, True)


def test_spans_say_by_what_they_were_judged_and_whether_it_was_then(
    watched: Watched, of_watched: Histories, of_late: Histories
) -> None:
    """The register that read all afterwards judged nothing in the past; the other one did from the first read on."""
    [(source, ticket_id)] = watched.runtime.register.tickets.find("jira:CAPA-3")
    late, then = of_late[source, ticket_id], of_watched[source, ticket_id]
    until = watched.late.register.runs.as_of(source)
    assert {span.afterwards for span in late.spans if span.since < until} == {  # type: ignore[operator]
        "no set was live then: judged by the oldest stored one"
    }
    first = min(span.since for span in then.spans if not span.afterwards)
    assert {span.afterwards for span in then.spans if span.since < first} == {"the ticket was not read yet"}
    rules = watched.runtime.rules
    assert {span.judged_by for span in then.spans} == {(1, rules.hash, rules.language)}
    assert all(span.until is None or span.since < span.until for span in then.spans)


def compare(harness: Harness, instants: int) -> VerdictHistory:
    """Compare the spans of a story's ticket with `explain --as-of` at their edges and at many other instants."""
    runtime, place = harness.runtime, (harness.source, harness.ticket())
    found, until = history(runtime, *place), runtime.register.runs.as_of(harness.source)
    assert until is not None
    chance, edges = random.Random(SEED), sorted({span.since for span in found.spans})  # noqa: S311
    instants_then = [edges[0] + (until - edges[0]) * chance.random() for _ in range(instants)]
    for at in (*edges, *(edge - STEP for edge in edges[1:]), *instants_then, until):
        then, spans = explained(runtime, *place, at), said_then(found.spans, at)
        expected = {one.rule: said(one) for one in then.verdicts}
        assert spans == expected or (not expected and [*spans] == [""]), at
    return found


def settled(harness: Harness) -> None:
    """Make the configured set live in the register."""
    file = harness.runtime.register.path.parent / "capa-sync.toml"
    configuration = configure(load_settings(file, SECRETS), file, SECRETS)
    settle(configuration, harness.runtime.register, harness.clock.now(), "a test", stores=True)


def test_changes_without_a_trace_count_from_the_read_that_shows_them(tmp_path: Path) -> None:
    """A deleted comment, an account that is switched off, an action that is deleted, a ticket that vanishes."""
    with open_harness("jira", tmp_path, "2025-06-02 09:00") as harness:
        settled(harness)
        tracker = harness.player.tracker
        assert isinstance(tracker, JiraTracker)
        account = PEOPLE["anna.lee"].cloud
        harness.play("2025-06-02 10:00", Create(ORDERLY))
        harness.cycle("2025-06-02 12:00")
        harness.play("2025-06-03 10:00", Fill({"due_at": "2025-07-31"}))
        harness.play("2025-06-03 11:00", Say("Moved, because the shared mailbox comes in July."))
        harness.play("2025-06-03 12:00", AddAction("Share the mailbox", None, "child"))
        harness.cycle("2025-06-03 13:00")
        key = harness.player.address("life")[0]
        issue = tracker.state.find(key)
        assert issue is not None
        tracker.as_user(account).delete_comment(key, str(issue.comments[-1].id))
        tracker.admin.set_user(account, {"active": False})
        harness.cycle("2025-06-12 13:00")
        tracker.as_user(account).delete(harness.player.actions["life"])
        harness.cycle("2025-06-13 13:00")
        tracker.admin.set_user(account, {"active": True})
        tracker.as_user(account).delete(key)
        harness.cycle("2025-06-15 13:00")
        found = compare(harness, 30)
    owner = [span.verdict.outcome for span in found.spans if span.verdict and span.verdict.rule == "owner-active"]
    assert "breach" in owner


def test_a_read_that_takes_time_judges_from_its_as_of_on(tmp_path: Path) -> None:
    """The spans agree with `explain` around the first reads of two tickets, and are of then from its `as_of` on."""
    with open_harness("jira", tmp_path, "2025-06-02 09:00") as harness:
        settled(harness)
        harness.play("2025-06-02 10:00", Create(ORDERLY), story="first")
        harness.play("2025-06-03 10:00", Fill({"due_at": "2025-07-31"}), story="first")
        begun = []
        for day in ("2025-06-12 12:00", "2025-06-13 12:00"):
            harness.clock.set(local(day))
            harness.clock.resume()
            harness.cycle()
            harness.clock.freeze()
            begun.append(harness.runtime.register.runs.as_of("jira"))
            if len(begun) == 1:
                harness.play("2025-06-12 15:00", Create(ORDERLY))
        harness.cycle("2025-06-14 12:00")
        new = compare(harness, 30)
        old = history(harness.runtime, "jira", harness.ticket("first"))
    assert min(span.since for span in old.spans if not span.afterwards) == begun[0]
    assert {span.verdict.outcome for span in new.spans if span.verdict and span.verdict.rule == "due-date-moved"} == {
        "ok"
    }


def test_a_ticket_with_an_incomplete_history_cannot_be_told_before_it_was_read(tmp_path: Path) -> None:
    """Where ServiceNow audits nothing, no rule can tell what was before the version that was read first."""
    with open_harness("servicenow", tmp_path, "2025-06-02 09:00") as harness:
        settled(harness)
        tracker = harness.player.tracker
        assert isinstance(tracker, ServiceNowTracker)
        tracker.set_audit("sn_grc_issue", audited=False)
        harness.play("2025-06-02 09:00", Create({"title": "Access review missed", "owner": "anna.lee"}))
        harness.play("2025-06-04 09:00", Fill({"location": "Finance app"}))
        harness.cycle("2025-06-05 12:00")
        harness.play("2025-06-05 15:00", Fill({"root_cause": "Nobody was named as deputy"}))
        harness.cycle("2025-06-06 12:00")
        found = compare(harness, 20)
    updated = local("2025-06-04 09:00")
    before = [span for span in found.spans if span.since < updated]
    assert {span.verdict.outcome for span in before if span.verdict} == {"cannot_tell"}
    assert {span.verdict.reason for span in before if span.verdict} == {
        "its history is not complete, and it was read later than that"
    }
    assert {span.until for span in before} == {updated}
    assert any(span.verdict and span.verdict.outcome == "breach" for span in found.spans if span.since >= updated)


def test_each_set_judges_its_own_time_and_one_that_does_not_load_is_named(tmp_path: Path) -> None:
    """After another set became live its rules judge; a set that this version cannot read judges nothing."""
    with open_harness("jira", tmp_path, "2025-06-02 09:00") as harness:
        settled(harness)
        harness.play("2025-06-02 10:00", Create(ORDERLY))
        harness.cycle("2025-06-02 12:00")
        sets = harness.runtime.register.verdict_sets
        [first] = sets.activations()
        stored = sets.load(first.set_hash)
        changed = replace_rule(stored, "severity: medium", "severity: high")
        broken = replace_rule(stored, "severity: medium", "severity: terrible")
        for verdict_set, day in ((broken, "2025-06-09 09:00"), (changed, "2025-06-16 09:00")):
            sets.keep(verdict_set)
            sets.activate(verdict_set.hash, rule_set="", at=local(day), by="a test", how=How.ACTIVATE)
        harness.cycle("2025-06-20 12:00")
        found = history(harness.runtime, "jira", harness.ticket())
    assert {span.judged_by[0] for span in found.spans if span.since < local("2025-06-09 09:00")} == {1}
    [unread] = [span for span in found.spans if span.judged_by[0] == 2]
    assert (unread.since, unread.until) == (local("2025-06-09 09:00"), local("2025-06-16 09:00"))
    assert unread.not_judged.startswith("the set of then cannot be loaded: ")
    assert "terrible" in unread.not_judged
    last = [span for span in found.spans if span.judged_by[0] == 3]
    severities = {span.verdict.severity for span in last if span.verdict and span.verdict.rule == CHANGED}
    assert severities == {"high"}
    assert {span.afterwards for span in last} == {
        "the phrases were of another version then, and are of version 3 now"
    }


def replace_rule(stored: VerdictSet, before: str, after: str) -> VerdictSet:
    """Return a set with another text of the rule `CHANGED`."""
    part = stored.of()[PartKind.RULE, CHANGED]
    assert before in part.text
    return stored.with_parts([replace(part, text=part.text.replace(before, after))])


def test_a_waiver_in_force_is_in_the_span_of_the_verdict_that_it_waives(tmp_path: Path) -> None:
    """From when it was recorded until it ends; before and after the same breach stands without it."""
    with open_harness("jira", tmp_path, "2025-06-02 09:00") as harness:
        settled(harness)
        harness.play("2025-06-02 10:00", Create(ORDERLY))
        harness.cycle("2025-06-06 12:00")
        waiver = Waiver(
            "jira", harness.ticket(), CHANGED, date(2025, 6, 20), "Agreed in the management review", "mara.roy",
            local("2025-06-06 13:00"), Way.COMMAND, is_bound=False,
        )  # fmt: skip
        harness.runtime.register.waivers.add(waiver, local("2025-06-06 13:00"))
        harness.runtime.register.queue.want_judging("jira", [harness.ticket()], local("2025-06-06 13:00"))
        harness.cycle("2025-06-06 14:00")
        assert harness.states()[CHANGED] == "waived"
        harness.cycle("2025-06-25 12:00")
        assert harness.states()[CHANGED] == "open medium"
        found = history(harness.runtime, "jira", harness.ticket())
    breach = [span for span in found.spans if span.verdict and (span.verdict.rule, span.verdict.outcome) == BREACH]
    given, over = local("2025-06-06 13:00"), local("2025-06-21 00:00")
    waived = [(span.waived is not None, span.since, span.until) for span in breach if span.since >= given]
    assert waived == [(True, given, over), (False, over, None)]
    assert breach[0].waived is None
    [reason] = {span.waived.reason for span in breach if span.waived}
    assert reason == "Agreed in the management review"


def test_a_waiver_counts_from_its_second_person_on(tmp_path: Path) -> None:
    """A finding of severity high is waived when somebody has approved it, also in what is computed later."""
    asked, approved = local("2025-06-06 13:00"), local("2025-06-09 09:00")
    with open_harness("jira", tmp_path, "2025-06-02 09:00") as harness:
        settled(harness)
        harness.play("2025-06-02 10:00", Create(ORDERLY))
        harness.cycle("2025-06-02 12:00")
        register, place = harness.runtime.register, ("jira", harness.ticket())
        stored = register.verdict_sets.load(register.verdict_sets.activations()[0].set_hash)
        severe = replace_rule(stored, "severity: medium", "severity: high")
        register.verdict_sets.keep(severe)
        register.verdict_sets.activate(
            severe.hash, rule_set="", at=local("2025-06-03 09:00"), by="a test", how=How.ACTIVATE
        )
        harness.clock.set(asked)
        waiver = Waiver(
            *place, CHANGED, date(2025, 6, 20), "Agreed in the management review", "mara.roy", asked, Way.COMMAND,
            is_bound=False,
        )  # fmt: skip
        number = register.waivers.add(waiver, asked)
        harness.clock.set(approved)
        register.waivers.approve({number: "ben.okafor"}, approved)
        harness.cycle("2025-06-12 12:00")
        found = history(harness.runtime, *place)
    waived = [
        (span.waived is not None, span.since, span.until)
        for span in found.spans
        if span.verdict and (span.verdict.rule, span.verdict.outcome) == BREACH and span.since >= asked
    ]
    assert waived == [(True, approved, None)]


def test_of_too_many_instants_the_latest_count_and_the_cut_is_named(watched: Watched) -> None:
    """The spans that are left are those of the whole history, begun at the first instant that is left."""
    [(source, ticket_id)] = watched.runtime.register.tickets.find("jira:CAPA-3")
    whole, part = (history(watched.runtime, source, ticket_id, most) for most in (500, 6))
    assert part.cut_before is not None
    assert part.instants < whole.instants
    assert min(span.since for span in part.spans) == part.cut_before
    at = part.cut_before
    until = watched.runtime.register.runs.as_of(source)
    while until is not None and at <= until:
        assert said_then(part.spans, at) == said_then(whole.spans, at)
        at += timedelta(hours=7)
