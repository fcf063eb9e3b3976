"""Several sources in one daemon: none waits for another's limit, polls are spread, each keeps its budget."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from capa_sync.daemon.scheduler import JITTER_SHARE, Scheduler
from capa_sync.model.write import Write, WriteKind
from capa_sync.sources.budget import Rate
from tests.contract.jira_source_harness import harness as jira_harness
from tests.contract.jira_source_harness import populate
from tests.daemon.harness import Harness, until


@pytest.mark.parametrize("wait", [55, 3600])
def test_a_limit_on_one_source_never_delays_another(make_harness: Callable[..., Harness], wait: int) -> None:
    """While a thread waits a minute, or a source is not read for an hour, the other gets its warning at once."""
    harness = make_harness("jira", "servicenow")
    harness.sync()
    limited = harness.servers["servicenow"]
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(1, harness.names)
        limit = limited.faults.add("rate_limit", times=None, retry_after=wait)
        until(lambda: limit.hits)
        harness.create_broken("jira", days=0)
        until(lambda: harness.picture("jira", "broken")["comments"])
        assert limit.hits == 1
    with harness.register() as register:
        assert (register.runs.not_before("servicenow") is not None) == (wait == 3600)


@pytest.mark.parametrize("fault", ["limit", "refused"])
def test_one_sync_reads_judges_and_writes_while_another_source_waits(
    make_harness: Callable[..., Harness], fault: str
) -> None:
    """The requests of the first source all fail; the second gets its warning long before the retries end."""
    harness = make_harness("jira-dc", "servicenow")
    harness.create_broken("servicenow")
    if fault == "limit":
        harness.servers["jira-dc"].faults.add("rate_limit", times=None, retry_after=55)
    else:
        port = str(harness.servers["jira-dc"].port)
        harness.file.write_text(harness.write_settings().replace(f":{port}", ":9"), encoding="utf-8")
    child = harness.start("sync", "--release", "all")
    until(lambda: harness.picture("servicenow", "broken")["state"] == "warning")
    assert (
        fault == "refused" or not child.ended.is_set()
    )  # refused at once: on a slow machine the process may have ended
    until(lambda: {row["source"] for row in harness.rows("v_sources") if row["as_of"]} == {"servicenow"})
    child.signal(signal.SIGTERM)
    child.wait()


def test_polls_are_spread() -> None:
    """Each poll is delayed by up to a tenth of its interval, so that sources are not polled at the same instants."""
    every = timedelta(minutes=1)
    scheduler = Scheduler({"one": every, "two": every}, lambda _name: None, lambda: None)
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    for name in ("one", "two"):
        trigger = scheduler._scheduler.get_job(name).trigger
        waits = [(trigger.get_next_fire_time(now, now) - now).total_seconds() for _ in range(200)]
        assert 60 <= min(waits) < 61
        assert 65 < max(waits) <= 60 * (1 + JITTER_SHARE)
        assert len(set(waits)) > 150


@pytest.mark.parametrize("face", ["cloud", "datacenter"])
def test_a_source_keeps_its_budget(face: str) -> None:
    """Reads and writes together stay within the burst of one second and then the rate, over real HTTP."""
    times: list[float] = []
    with jira_harness(face, budget=Rate.parse("20/s"), is_instant=False, page_size=2, batch=2) as harness:
        harness.server.before.append(lambda _request: times.append(time.monotonic()))
        populate(harness.tracker, 12)
        harness.cycle()
        ticket = next(iter(harness.mirror.readings.values())).ticket
        write = _write(ticket.id, ticket.key, harness.clock.now())
        while len(times) < 55:
            harness.writer.look_up(write, "")
    assert times[-1] - times[0] >= (len(times) - 20) / 20 * 0.98


def _write(ticket_id: str, key: str, now: datetime) -> Write:
    return Write("w1", "jira", ticket_id, key, WriteKind.LABELS, "h", now, labels_add=("capa-warning",))
