"""The queries of every poll use an index, however large the mirror is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from capa_sync.model.finding import Finding, FindingState, Severity
from capa_sync.model.ticket import Role
from capa_sync.model.write import WriteState
from capa_sync.store import Register
from capa_sync.store.views import VIEWS
from tests.unit.store.fake_parser import DAY, PARSER, SOURCE, T0, FakeTicket, page
from tests.unit.store.writes import write

LARGE = "mirror|part|ticket|change|child|observed|finding|verdict|write_out|due|plan_due|joined|action|birth|old_key"

QUERIES: dict[str, Callable[[Register], object]] = {
    "ticket": lambda r: r.tickets.ticket(SOURCE, "1", PARSER),
    "find": lambda r: r.tickets.find("CAPA-1"),
    "find in source": lambda r: r.tickets.find("paper:NONE-1"),
    "who names": lambda r: r.roles.naming(SOURCE, ["1", "2"]),
    "who is named": lambda r: r.roles.named_by(SOURCE, ["1", "2"]),
    "places": lambda r: r.roles.places(SOURCE, ["1", "2"]),
    "misplaced": lambda r: r.roles.misplaced(SOURCE, ["1", "2"]),
    "children": lambda r: r.tickets.children_of(SOURCE, "1"),
    "actions": lambda r: r.tickets.action_ids(SOURCE),
    "digest": lambda r: r.tickets.known_digest(SOURCE, "1"),
    "key": lambda r: r.tickets.key(SOURCE, "1"),
    "read at": lambda r: r.tickets.read_at(SOURCE, "1"),
    "as of": lambda r: r.runs.as_of(SOURCE),
    "last run": lambda r: r.runs.last(SOURCE, "poll"),
    "latest findings": lambda r: r.findings.latest(SOURCE, "1"),
    "due": lambda r: r.findings.due(T0),
    "changed": lambda r: r.findings.changed_since(SOURCE, T0),
    "joined": lambda r: r.records.joined(SOURCE, "1"),
    "writes": lambda r: r.outbox.writes(SOURCE, "1"),
    "due writes": lambda r: r.outbox.due(SOURCE, T0),
    "unknown writes": lambda r: r.outbox.due(SOURCE, T0, (WriteState.UNKNOWN,)),
    "comment": lambda r: r.outbox.remote_comment(SOURCE, "1"),
    "notified": lambda r: r.outbox.notified_since(SOURCE, "1", T0),
    "due judging": lambda r: r.queue.due_judging(SOURCE, T0),
    "due actions": lambda r: r.queue.due_actions(SOURCE, T0),
    "batch": lambda r: r.batch(SOURCE, ["1", "2"], PARSER),
    "findings of many": lambda r: r.findings.latest_of(SOURCE, ["1", "2"]),
    "outcomes of many": lambda r: r.findings.outcomes_of(SOURCE, ["1", "2"]),
    "refresh": lambda r: r.outbox.take_refresh(SOURCE),
    "writes of many": lambda r: r.outbox.writes_of(SOURCE, ["1", "2"]),
    "touched": lambda r: r.outbox.touched(SOURCE, ["1", "2"]),
    "notifications of a day": lambda r: r.outbox.notifications_since(SOURCE, T0),
    "judged tickets": lambda r: r.findings.judged_tickets(SOURCE, 10),
    "due planning": lambda r: r.queue.due_planning(SOURCE, T0),
    "former values": lambda r: r.past(T0).former(SOURCE, ["parent"]),
}


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_of_a_poll_reads_a_whole_table(register: Register, name: str) -> None:
    """SQLite's own plan of each query searches the large tables and scans none of them."""
    fill = [FakeTicket(str(n), f"CAPA-{n}") for n in range(3)]
    run = register.runs.start(SOURCE, "poll", T0)
    register.tickets.commit_page(SOURCE, page(*(fake.reading() for fake in fill)), T0, run, PARSER)
    asked: list[str] = []
    reader = register._db._connections.reader().connection
    reader.set_trace_callback(asked.append)
    QUERIES[name](register)
    reader.set_trace_callback(None)
    assert asked
    for query in asked:
        plan = [str(row[3]) for row in reader.execute(f"EXPLAIN QUERY PLAN {query}")]
        whole = [step for step in plan if re.match(rf"SCAN ({LARGE}|[a-z])\b(?!.*INDEX)", step)]
        assert not whole, (query, plan)


def test_reasons_are_counted_from_their_own_index(register: Register) -> None:
    """`sync`, `plan` and `status` end with the reasons: counting reads no decided verdict and sorts nothing."""
    asked: list[str] = []
    reader = register._db._connections.reader().connection
    reader.set_trace_callback(asked.append)
    register.reports.cannot_tell()
    reader.set_trace_callback(None)
    [query] = asked
    plan = [str(row[3]) for row in reader.execute(f"EXPLAIN QUERY PLAN {query}")]
    scanned = [step for step in plan if step.startswith("SCAN") and re.search("USING .*INDEX", step)]
    assert {step.split()[-1] for step in scanned} <= {
        "verdict_unknown",
        "mirror_absent",
        "sqlite_autoindex_quarantine_1",
    }
    assert any("verdict_unknown" in step for step in scanned)
    assert "USE TEMP B-TREE FOR count(DISTINCT)" not in plan


def test_work_follows_what_changed_not_what_is_mirrored(register: Register) -> None:
    """A page of one changed ticket among many stores one version of the parts that changed."""
    fakes = [FakeTicket(str(n), f"CAPA-{n}", {"status": "Open"}) for n in range(300)]
    run = register.runs.start(SOURCE, "changes", T0)
    register.tickets.commit_page(SOURCE, page(*(fake.reading() for fake in fakes)), T0, run, PARSER)
    fakes[7].edit(T0 + DAY, status="Closed")
    run, before = register.runs.start(SOURCE, "changes", T0), register.changed_rows
    register.tickets.commit_page(SOURCE, page(*(fake.reading() for fake in fakes)), T0 + DAY, run, PARSER)
    # two parts, the event of the page, the ticket's row out and in, one change row, the run's count
    assert register.changed_rows - before == 7


def test_tickets_are_iterated_while_their_findings_are_written(register: Register) -> None:
    """A cycle evaluates while it reads: writing does not disturb the reading."""
    fakes = [FakeTicket(f"{n:03}", f"CAPA-{n}") for n in range(450)]
    run = register.runs.start(SOURCE, "changes", T0)
    register.tickets.commit_page(SOURCE, page(*(fake.reading() for fake in fakes)), T0, run, PARSER)
    seen = []
    for ticket in register.tickets.tickets(SOURCE, PARSER, Role.RECORD):
        seen.append(ticket.id)
        finding = Finding(SOURCE, ticket.id, "rule", 1, FindingState.OPEN, Severity.LOW, T0, "hash")
        register.findings.save([finding])
        register.outbox.put([write(ticket.id, ticket.id, source=SOURCE)])
    assert seen == sorted(fake.id for fake in fakes)
    assert len(register.outbox.due(SOURCE, T0)) == 450


@pytest.mark.parametrize(
    "view", [name for name, sql in VIEWS.items() if name.startswith("v_") and "UNION ALL" in sql]
)
def test_a_query_of_two_columns_computes_no_others(register: Register, view: str) -> None:
    """SQLite reads the branches of a view as they are, and not through a list of all of the view's columns."""
    query = f"EXPLAIN QUERY PLAN SELECT source, ticket_id FROM {view}"  # noqa: S608 - names of ours
    plan = [str(row[3]) for row in register._db.rows(query)]
    assert not [step for step in plan if view in step]
    assert len([step for step in plan if step.startswith("UNION ALL")]) == VIEWS[view].count("UNION ALL")
