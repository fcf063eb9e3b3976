"""The mirror filled by the real sources over HTTP: what trackers log is history, what they do not is observed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from capa_sync.model.settings import ChildSpec
from capa_sync.model.ticket import Origin, Page
from capa_sync.ports.reading import Parser
from capa_sync.store import Register
from tests.contract.jira_source_harness import Harness, harness
from tests.unit.sources.servicenow.source_harness import source_harness
from tests.unit.store.conftest import register as register

MINUTE = timedelta(minutes=1)


def commit(register: Register, source: str, parser: Parser, pages: Iterable[Page], at: datetime) -> list[str]:
    """Commit what a source read as one run."""
    run = register.runs.start(source, "poll", at)
    changed = [
        ticket_id for page in pages for ticket_id in register.tickets.commit_page(source, page, at, run, parser)
    ]
    register.runs.finish(run, at, True, as_of=at)
    return changed


def observed(register: Register, source: str, parser: Parser) -> list[tuple[str, str, str]]:
    """Return (field, old, new) of every observed change."""
    return [
        (change.field_id, change.old.text, change.new.text)
        for ticket in register.tickets.tickets(source, parser)
        for change in ticket.changes
        if change.origin is Origin.OBSERVED
    ]


def every_honest_edit(it: Harness) -> Iterable[None]:
    """Do to two tickets and a sub-task what people do in Jira, one edit at a time."""
    who, other = ("acc-ann", "acc-ben") if it.tracker.face == "cloud" else ("ann", "ben")
    ann = it.tracker.as_user(who)
    first = ann.create("CAPA", "Nonconformity", {"summary": "One", "Root cause": "Because"})
    second = ann.create("CAPA", "Nonconformity", {"summary": "Two"})
    yield
    edits: list[dict[str, Any]] = [
        {"summary": "One, reworded"},
        {"Root cause": "Because of *this*"},
        {"Severity": "Major"},
        {"Sites": ["London", "Leeds"]},
        {"Reviewer": other},
        {"Review on": "2026-04-01"},
        {"Reference": "REF-1"},
        {"Cost": 12.5},
        {"assignee": other},
        {"labels": ["urgent", "audit"]},
        {"duedate": "2026-05-01"},
        {"Root cause": None},
    ]
    for edit in edits:
        ann.edit(first, edit)
        yield
    for act in (
        lambda: ann.transition(first, "In Action"),
        lambda: ann.comment(first, "A remark"),
        lambda: ann.link(first, "Blocks", second),
        lambda: ann.create("CAPA", "Sub-task", {"summary": "Part", "parent": {"key": first}}),
        lambda: ann.move(second, "OPS"),
    ):
        act()
        yield


@pytest.mark.parametrize("face", ["cloud", "datacenter"])
def test_what_people_do_in_jira_is_history_and_never_observed(register: Register, face: str) -> None:
    """After each ordinary edit, read by itself, the history has all of it, and a further poll changes no row."""
    with harness(face, "project in (CAPA, OPS)", children=(ChildSpec("subtask", types=("Sub-task",)),)) as it:
        parser = it.source.parser()
        for _ in every_honest_edit(it):
            it.tracker.clock.advance(MINUTE)
            assert commit(register, "jira", parser, it.cycle(), it.tracker.clock.now())
            assert observed(register, "jira", parser) == []
        dump = register.rows_by_table()
        it.tracker.clock.advance(timedelta(days=1))
        assert commit(register, "jira", parser, it.cycle(full=True), it.tracker.clock.now()) == []
        dump["cursor"] = register.rows_by_table()["cursor"]  # a full read begins its cursor anew
        assert register.rows_by_table() == dump
        for ticket in register.tickets.tickets("jira", parser):
            assert ticket == it.mirror.ticket(ticket.key)
        change_count = sum(items for _, _, items, _ in it.truth().values())
        assert change_count >= 15
        assert len(list(register.view("v_changes"))) == change_count


@pytest.mark.parametrize("face", ["cloud", "datacenter"])
def test_what_jira_hides_is_observed_by_the_full_sweep(register: Register, face: str) -> None:
    """A value edited without a history entry is an observed change at the instant of our read."""
    with harness(face) as it:
        parser = it.source.parser()
        who = "acc-ann" if face == "cloud" else "ann"
        key = it.tracker.as_user(who).create("CAPA", "Nonconformity", {"summary": "One", "Reference": "REF-1"})
        commit(register, "jira", parser, it.cycle(), it.tracker.clock.now())
        it.tracker.state.issues[next(iter(it.tracker.state.issues))].fields["customfield_10007"] = "REF-2"
        it.tracker.clock.advance(timedelta(days=7))
        now = it.tracker.clock.now()
        assert commit(register, "jira", parser, it.cycle(full=True), now) == [it.mirror.ticket(key).id]
        assert observed(register, "jira", parser) == [("customfield_10007", "REF-1", "REF-2")]
        (row,) = register.view("v_changes")
        assert (row["origin"], row["changed_by"]) == ("observed", "")


def test_what_people_do_in_servicenow_is_history_and_never_observed(register: Register) -> None:
    """Edits of columns, states, people and notes are audit rows; a full read later changes no row."""
    with source_harness() as sn:
        parser = sn.source.parser()
        issue = sn.insert(short_description="one", state="10")
        task = sn.insert("sn_grc_task", short_description="act", issue=issue)
        lee = sn.tracker.accounts.caller("lee").sys_id
        acts: list[dict[str, str]] = [
            {},
            {"state": "11"},
            {"u_root_cause": "no review"},
            {"assigned_to": lee},
            {"due_date": "2026-04-01"},
            {"u_root_cause": ""},
        ]
        for act in acts:
            sn.later(minutes=1)
            sn.edit(issue, **act) if act else None
            sn.sync()
            commit(register, "sn", parser, [sn.mirror.pages[-1]], sn.tracker.clock.now())
            assert observed(register, "sn", parser) == []
        sn.tracker.as_user("kim").work_note("sn_grc_issue", issue, "asked lee")
        sn.edit(task, "sn_grc_task", state="3")
        sn.later(minutes=1)
        sn.sync()
        commit(register, "sn", parser, sn.mirror.pages[-3:], sn.tracker.clock.now())
        assert observed(register, "sn", parser) == []
        dump = register.rows_by_table()
        sn.later(hours=25)
        seen = len(sn.mirror.pages)
        sn.sync(full=True)
        assert commit(register, "sn", parser, sn.mirror.pages[seen:], sn.tracker.clock.now()) == []
        dump["cursor"] = register.rows_by_table()["cursor"]  # a full read begins its cursor anew
        assert register.rows_by_table() == dump
        assert {ticket.id for ticket in register.tickets.tickets("sn", parser)} == {issue, task}
        for ticket in register.tickets.tickets("sn", parser):
            assert ticket == sn.ticket(ticket.id)
