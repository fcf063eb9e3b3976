"""The backfill in slices: several sessions read in parallel and ahead, within the budget; no fault is lost."""

from __future__ import annotations

import gc
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from capa_sync.errors import BadAnswer, Fatal, NotBefore, Retryable
from capa_sync.sandbox.messages import Reply, Request
from capa_sync.sources.environment import read_environment_once
from capa_sync.sources.servicenow import pace
from capa_sync.sources.servicenow.build import build_servicenow
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.sessions import Sessions
from tests.daemon.harness import until
from tests.patience import PATIENCE
from tests.unit.sources.servicenow.source_harness import LISTS, SourceHarness, source_harness

PAGE, PAGES = 100, 4
AUDIT_OF = r"/table/sys_audit\?.*documentkey"


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use several sessions however fast the instance is."""
    monkeypatch.setattr(pace, "SLOW", 0.0)


@pytest.fixture
def sn() -> Iterator[SourceHarness]:
    """Four pages of old issues with a change and a note each, never read."""
    with source_harness(page_size=PAGE, children=()) as made:
        made.issues = sorted(made.insert(short_description=str(n)) for n in range(PAGE * PAGES))  # type: ignore[attr-defined]
        for sys_id in made.issues:
            made.edit(sys_id, state="11")
            made.tracker.as_user("kim").work_note("sn_grc_issue", sys_id, "seen")
        made.later(hours=1)
        yield made


def is_whole(sn: SourceHarness) -> bool:
    """Whether every issue is mirrored with every one of its audit rows and notes."""
    for sys_id in sn.issues:  # type: ignore[attr-defined]
        ticket = sn.ticket(sys_id)
        audit = sn.tracker.rows("sys_audit", f"documentkey={sys_id}^fieldnameNOT INwork_notes,comments")
        notes = sn.tracker.rows("sys_journal_field", f"element_id={sys_id}")
        assert {change.entry for change in ticket.changes} == {row["sys_id"] for row in audit}
        assert {comment.id for comment in ticket.comments} == {row["sys_id"] for row in notes}
        assert ticket.history_complete
    return True


def lists(sn: SourceHarness) -> int:
    """The number of pages of records that were requested."""
    return sum(
        exchange.path == LISTS and "sysparm_limit=1&" not in exchange.request.target
        for exchange in sn.server.requests
    )


def test_a_fill_in_slices_is_whole_and_asks_nothing_twice(sn: SourceHarness) -> None:
    """Each page and each slice of its history is requested once, the end with a count; the mirror holds every row."""
    sn.source.identify()
    sn.sent()
    sn.sync()
    assert is_whole(sn)
    asked = [re.sub(r"&sysparm_(no_count|suppress)[^&]*", "", exchange.request.target) for exchange in sn.sent()]
    slices = [target for target in asked if "documentkeyIN" in target or "element_idIN" in target]
    assert len(slices) == len(set(slices)) == 2 * PAGES * 3
    pages = [target for target in asked if LISTS in target and "sys_id%3E" in target and "ORDERBYsys_id" in target]
    assert len(pages) <= PAGES + 2


def test_one_page_is_read_ahead_and_no_more(sn: SourceHarness) -> None:
    """While a page is committed, the next one with its history is requested, and not the one after it."""
    sn.source.identify()
    sn.sent()
    pages = sn.source.read_changes(sn.mirror.cursor)
    next(pages)
    until(lambda: sum("documentkeyIN" in exchange.request.target for exchange in sn.server.requests) == 2 * 3)
    until(lambda: sum("element_idIN" in exchange.request.target for exchange in sn.server.requests) == 2 * 3)
    time.sleep(0.2)
    assert lists(sn) == 2


def test_a_sweep_reads_nothing_ahead(sn: SourceHarness) -> None:
    """A full sweep may end after any page, so that reading ahead would be wasted."""
    sn.sync()
    sn.sent()
    pages = sn.source.read_changes(sn.mirror.cursor, full=True)
    next(pages)
    time.sleep(0.2)
    assert lists(sn) == 1


def test_a_fault_ahead_holds_back_no_page_before_it(sn: SourceHarness) -> None:
    """The second page is refused while the first is committed: the first stays, then the fault is reported."""
    sn.source.identify()
    sn.server.faults.add("answer", ("GET", rf"{LISTS}\?.*sys_id%3E"), times=None, status=302)
    with pytest.raises(Fatal, match="redirects"):
        sn.sync()
    assert sorted(sn.mirror.parts) == sn.issues[:PAGE]  # type: ignore[attr-defined]
    sn.server.faults.clear()
    sn.sync()
    assert is_whole(sn)


def test_after_a_limit_nothing_that_waits_is_sent(sn: SourceHarness) -> None:
    """One slice must wait for an hour: the slices behind it are dropped, not sent to be refused as well."""
    sn.source.identify()
    sn.server.faults.add("rate_limit", ("GET", AUDIT_OF), times=None, retry_after=3600)
    sn.sent()
    with pytest.raises(NotBefore):
        sn.sync()
    time.sleep(0.3)
    sent = len(sn.sent())
    assert sent < 2 * 2 * 3, "two pages would be twelve slices"
    time.sleep(0.3)
    assert sn.sent() == []


def test_what_happens_between_a_row_and_its_history_is_read_whole(sn: SourceHarness) -> None:
    """Edited and noted after its notes were read and before its audit was: row, audit and notes are read again."""
    touched, answered, once = sn.issues[5], threading.Event(), threading.Lock()  # type: ignore[attr-defined]

    def note_read(request: Request, _reply: Reply) -> None:
        if "element_id" in request.target and touched in request.target:
            answered.set()

    def touch(request: Request) -> None:
        if "documentkey" in request.target and touched in request.target and once.acquire(blocking=False):
            assert answered.wait(PATIENCE)
            sn.later(seconds=2)
            sn.edit(touched, user="kim", state="12")
            sn.tracker.as_user("lee").work_note("sn_grc_issue", touched, "closed it")

    sn.server.after.append(note_read)
    sn.server.before.append(touch)
    for page in sn.source.read_changes(sn.mirror.cursor):
        sn.mirror.commit(page)
        break
    row = sn.tracker.find("sn_grc_issue", touched) or {}
    ticket = sn.ticket(touched)
    assert ticket.updated_at.strftime("%Y-%m-%d %H:%M:%S") == row["sys_updated_on"]
    assert {comment.text for comment in ticket.comments} == {"seen", "closed it"}
    assert [change.new.ids for change in ticket.changes if change.field_id == "state"][-1] == ("12",)


def test_rows_touched_while_slices_are_read_are_not_lost(sn: SourceHarness) -> None:
    """Twenty more issues are edited with every answered slice: after the next cycle the mirror is equal."""
    left, turn = iter(sn.issues), threading.Lock()  # type: ignore[attr-defined]

    def touch(request: Request, _reply: Reply) -> None:
        if "documentkeyIN" in request.target:
            with turn:
                for sys_id in [next(left, None) for _ in range(20)]:
                    if sys_id is not None:
                        sn.edit(sys_id, user="kim", state="12")

    sn.server.after.append(touch)
    sn.sync()
    sn.server.after.clear()
    sn.later(seconds=1)
    sn.sync()
    assert next(left, None) is None
    assert is_whole(sn)


def test_slices_of_pages_left_short_by_access_rules_come_whole(sn: SourceHarness) -> None:
    """A page of which a third is visible, and one of which nothing is, end nothing and lose no history."""
    hidden = set(sn.issues[10:80]) | set(sn.issues[PAGE : 2 * PAGE])  # type: ignore[attr-defined]
    sn.tracker.settings.hidden_rows = sorted(hidden)
    sn.issues = [sys_id for sys_id in sn.issues if sys_id not in hidden]  # type: ignore[attr-defined]
    assert sn.sync() == sn.issues  # type: ignore[attr-defined]
    assert is_whole(sn)


def test_a_history_row_that_does_not_say_whose_it_is_is_refused(sn: SourceHarness) -> None:
    """Where a rule hides the document key itself, rows cannot be assigned: the page is refused, not cut."""
    stray = '{"result": [{"sys_id": "a", "sys_created_on": "2026-03-01 09:00:00"}]}'
    sn.server.faults.add("answer", ("GET", AUDIT_OF), status=200, answer=stray)
    with pytest.raises(BadAnswer, match="which of the records"):
        sn.sync()
    assert sn.mirror.parts == {}


def test_the_environment_s_proxy_is_honoured(sn: SourceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names is used, unless it excepts the host; certificates are those it names."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(Retryable, match="no answer"):
        sn.again().source.identify()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert sn.again().source.identify().me.name
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    session = requests.Session()
    read_environment_once(session, "https://x.service-now.com")
    assert session.verify == "/no/such/file.pem"


def test_slices_keep_the_budget() -> None:
    """All sessions together never exceed a second's burst and then the rate, over real HTTP."""
    with source_harness(page_size=PAGE, children=(), budget="20/s", waits_are_instant=False) as sn:
        for number in range(PAGE * PAGES):
            sn.insert(short_description=str(number))
        sn.later(hours=1)
        times: list[float] = []
        sn.server.before.append(lambda _request: times.append(time.monotonic()))
        sn.sync()
    assert len(times) > 35
    assert times[-1] - times[0] >= (len(times) - 20) / 20 * 0.98


def test_a_session_that_must_wait_holds_the_others_back() -> None:
    """One slice is answered 429 with Retry-After: from then on every session waits before it sends, nothing is lost.

    The budget's clock stands still and no wait is spent, so each wait is as long as the session would have waited.
    """
    waits: list[float] = []
    with source_harness(page_size=PAGE, children=()) as sn:
        sn.issues = sorted(sn.insert(short_description=str(n)) for n in range(PAGE * 2))  # type: ignore[attr-defined]
        sn.later(hours=1)
        sn.source.identify()
        source: Any = sn.source
        budget = source.client._budget
        now, reserve = budget._monotonic(), budget._reserve

        def noted() -> float:
            is_asked_to_rest = budget._rests_until > now
            seconds: float = reserve()
            if is_asked_to_rest:
                waits.append(seconds)
            return seconds

        budget._monotonic, budget._reserve = lambda: now, noted
        sn.server.faults.add("answer", ("GET", AUDIT_OF), status=429, headers={"Retry-After": "2"})
        sn.sync()
        sn.server.faults.clear()
        assert is_whole(sn)
    assert len(waits) > 1, "the refused request, and others"
    assert min(waits) >= 2


def test_a_stop_is_seen_while_slices_wait_for_a_slow_instance(sn: SourceHarness) -> None:
    """The instance delays every slice for longer than any test; the reader is free when the daemon stops."""
    stop = threading.Event()
    source, _writer = build_servicenow(sn.options, sn.tracker.clock, stop, sn.mirror)
    hang = sn.server.faults.add("delay", ("GET", AUDIT_OF), times=None, seconds=100 * PATIENCE)
    threading.Thread(target=lambda: until(lambda: hang.hits >= 3) and stop.set(), daemon=True).start()
    with pytest.raises(Retryable, match="stopped while waiting"):
        next(source.read_changes(sn.mirror.cursor))
    sn.server.faults.clear()


@pytest.mark.parametrize("delay", [0.0, 0.12])
def test_as_many_sessions_as_the_instance_is_slow_for(
    sn: SourceHarness, monkeypatch: pytest.MonkeyPatch, delay: float
) -> None:
    """A fast instance is read by one session, a slow one by several; what is read is complete either way."""
    monkeypatch.setattr(pace, "SLOW", 0.1 if delay else 60)  # a busy machine also delays answers
    asking: set[int] = set()  # the server has a thread a connection

    def note(request: Request) -> None:
        if "documentkeyIN" in request.target:
            asking.add(threading.get_ident())

    sn.server.before.append(note)
    if delay:
        sn.server.faults.add("delay", ("GET", r"/table/"), times=None, seconds=delay)
    sn.sync()
    assert len(asking) > 3 if delay else len(asking) == 1
    assert is_whole(sn)


def test_sessions_end_with_who_opened_them(sn: SourceHarness) -> None:
    """No thread and no connection is left when a source is deleted."""
    client = TableClient(sn.options, sn.tracker.clock, threading.Event())
    client.pace.note(1.0)
    sessions = Sessions(client, 3)
    with sessions.slices() as slices:
        names: list[Callable[[], str]] = [
            slices.ask(lambda _client: threading.current_thread().name).result for _ in range(9)
        ]
        assert {name() for name in names} <= {f"sn-session-{number}" for number in (1, 2, 3)}
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("sn-session-")]
    assert len(threads) >= 3
    assert all(thread.daemon for thread in threads)
    ours = list(sessions._threads)
    del sessions, slices
    gc.collect()
    for thread in ours:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_what_waits_behind_a_limit_hears_of_it_and_is_not_begun(sn: SourceHarness) -> None:
    """Whichever answer is waited for first: it raises the slice's own error, not that it was cancelled."""
    begun: list[str] = []

    def limited(_client: TableClient) -> None:
        raise NotBefore("servicenow", "stay away", sn.tracker.clock.now())

    with Sessions(sn.source.client, 1).slices() as slices:
        slices.ask(limited)
        behind = slices.ask(lambda _client: begun.append("behind"))
        with pytest.raises(NotBefore, match="stay away"):
            slices.wait(behind)
    assert begun == []
