"""The management review of a past period stays the same, byte for byte, whatever happens later."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta

import pytest

from capa_sync.sandbox.stories.script import Create, Fill, Say
from capa_sync.store import open_register
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, Harness

PERIOD = ("--from", "2026-06-01", "--to", "2026-06-14")


def report(harness: Harness, name: str, period: tuple[str, ...] = PERIOD) -> bytes:
    """Write the report of a period, by default of the two weeks before the harness began; return its bytes."""
    done = harness.run("register", "report", str(harness.folder / name), *period)
    assert done.code == 0, done.err
    return (harness.folder / name).read_bytes()


def test_a_later_edit_and_a_new_ticket_change_nothing_in_the_report_of_an_earlier_period(
    make_harness: MakeHarness,
) -> None:
    """A cause that is filled, a ticket that is closed and one that is new belong to the next report."""
    harness = make_harness("jira")
    harness.create_broken("jira", days=8)
    harness.sync()
    before = report(harness, "before.html")
    assert b"nonconformity found in the period" in before
    harness.set_clock(harness.clock.now() + timedelta(days=5))
    harness.play_event("jira", "broken", Fill({"root_cause": "No deputy is named for the yearly review of access"}))
    harness.play_event("jira", "new", Create(FACTS))
    harness.sync()
    assert report(harness, "after.html") == before
    for first, last in (("2027-01-01", "2027-02-01"), ("2026-06-01", "9999-12-31"), ("0001-01-01", "2026-06-14")):
        asked = ("register", "report", str(harness.folder / "x.html"), "--from", first, "--to", last)
        refused = harness.run(*asked, CAPA_SYNC_TIMEZONE="Asia/Tokyo")
        assert (refused.code, len(refused.err.splitlines())) == (2, 1), refused.err
    explain = ("explain", harness.key("jira", "broken"), "--as-of", "9999-12-31")
    refused = harness.run(*explain, CAPA_SYNC_TIMEZONE="America/New_York")
    assert (refused.code, len(refused.err.splitlines())) == (2, 1), refused.err
    assert not (harness.folder / "x.html").exists()
    reader = harness.run("register", "report", str(harness.folder / "after.html"), *PERIOD, "--as-role", "reader")
    assert (reader.code, (harness.folder / "after.html").read_bytes()) == (0, before)  # nothing is confidential here
    assert harness.run("verify").code == 0


def test_a_period_that_is_not_over_says_so_and_shows_no_month_that_has_not_begun(make_harness: MakeHarness) -> None:
    """Once the period is read whole, neither is said."""
    harness = make_harness("jira")
    harness.create_broken("jira", days=8)
    harness.sync()
    late = ("--from", "2026-06-01", "--to", "2026-07-31")
    says = b"Later days of the period are not counted: not every source is read beyond that instant."
    page = report(harness, "early.html", late)
    assert (says in page, b"<td>2026-06</td>" in page, b"<td>2026-07</td>" in page) == (True, True, False)
    assert says not in report(harness, "past.html")
    harness.set_clock(harness.clock.now() + timedelta(days=60))
    harness.sync()
    page = report(harness, "whole.html", late)
    assert (says in page, b"<td>2026-07</td>" in page) == (False, True)


@pytest.mark.parametrize(
    ("zone", "end", "seconds"),
    [
        ("Europe/London", "2026-06-14 22:59Z", "2026-06-14T22:59:59.999999"),
        ("America/New_York", "2026-06-15 03:59Z", "2026-06-15T03:59:59.999999"),
        ("Asia/Kathmandu", "2026-06-14 18:14Z", "2026-06-14T18:14:59.999999"),
    ],
)
def test_the_line_of_the_report_is_in_utc_whatever_the_zone(
    make_harness: MakeHarness, zone: str, end: str, seconds: str
) -> None:
    """So is the instant in its JSON, and the line of a period of which nothing is read."""
    harness = make_harness("jira")
    asked = ("register", "report", str(harness.folder / "x.html"))
    harness.create_broken("jira", days=8)
    harness.sync()
    done = harness.run(*asked, *PERIOD, CAPA_SYNC_TIMEZONE=zone)
    assert f"the management review over 1 record, as of {end}\n" in done.out, done.err
    said = json.loads(harness.run(*asked, *PERIOD, "--json", CAPA_SYNC_TIMEZONE=zone).out)
    assert said["as_of"].startswith(seconds)
    assert said["as_of"][len(seconds) :] in ("Z", "+00:00")
    later = harness.run(*asked, "--from", "2026-07-01", "--to", "2026-07-31", CAPA_SYNC_TIMEZONE=zone)
    read = f"{harness.clock.now():%Y-%m-%d %H:%M}Z"
    assert f"its sources are read until {read}; choose an earlier period, or run `capa-sync sync`" in later.err


def test_of_a_source_that_was_never_read_no_earlier_day_is_offered(make_harness: MakeHarness) -> None:
    """No earlier one could be told either: the line says what can be done."""
    harness = make_harness("jira", "servicenow")
    open_register(harness.register_file, clock_now=harness.clock.now()).close()
    refused = harness.run("register", "report", str(harness.folder / "x.html"), *PERIOD)
    assert (refused.code, refused.err) == (2, "no source was read to its end yet; run `capa-sync sync` first\n")
    harness.create_broken("jira", days=8)
    harness.sync("--source", "jira")
    refused = harness.run("register", "export", str(harness.folder / "x.html"), "--as-of", "2026-06-14")
    says = "nothing is known of servicenow at the end of 2026-06-14 in Europe/London: it was not read to its end yet"
    hint = "run `capa-sync sync` first, or choose others with --source"
    assert (refused.code, refused.err) == (2, f"{says}; {hint}\n")
    assert not (harness.folder / "x.html").exists()


def test_a_waiver_counts_while_it_is_in_force_and_a_later_second_person_changes_no_earlier_report(
    make_harness: MakeHarness,
) -> None:
    """A high finding's waiver waits for its second person, counts from then on, and runs out on its day alone."""
    harness = make_harness("jira")
    harness.create_broken("jira", days=8)
    harness.sync()
    later(harness, hours=1)
    waived = "capa waive root-cause-before-action until 2026-07-20 because Only one such system is left and it goes"
    harness.play_event("jira", "broken", Say(waived), "mara.roy")
    harness.sync()
    later(harness, days=2)
    harness.sync()
    half, quarter = ("--from", "2026-06-01", "--to", "2026-06-16"), ("--from", "2026-06-01", "--to", "2026-08-31")
    waiting = report(harness, "waiting.html", half)
    assert (b"0 waivers counted" in waiting, b"1 waiver recorded without effect" in waiting) == (True, True)
    assert (b"mara.roy" in waiting, b"0 open records of 1 with a waived rule" in waiting) == (False, True)
    harness.play_event("jira", "broken", Say("capa approve root-cause-before-action"), "priya.nair")
    later(harness, hours=1)
    harness.sync()
    assert report(harness, "approved_later.html", half) == waiting
    approved = report(harness, "approved.html", quarter)
    assert (b"1 waiver counted" in approved, b"priya.nair" in approved, b"ran out" in approved) == (True, True, False)
    assert b"1 open record of 1 with a waived rule" in approved
    later(harness, days=40)
    harness.sync()
    over = report(harness, "over.html", quarter)
    assert b"1 waiver counted in the period, 1 of them not any more at its end" in over
    assert (b"1 waiver ran out while the point is open" in over, b"mara.roy" in over) == (True, False)
    assert report(harness, "approved_later.html", half) == waiting


def test_a_ticket_that_was_erased_since_is_a_gap_of_the_report(make_harness: MakeHarness) -> None:
    """The numbers of the period are others then, and the report says why."""
    harness = make_harness("jira")
    harness.create_broken("jira", days=8)
    harness.create_clean("jira")
    harness.sync()
    assert b"erased" not in report(harness, "before.html")
    erase = ("register", "erase", harness.key("jira", "clean"), "--reason", "case 17", "--yes")
    assert harness.run(*erase).code == 0
    gap = b"jira: 1 ticket erased since 2026-06-01: what they were is not counted."
    assert gap in report(harness, "after.html")


def test_a_month_that_ended_is_reported_from_what_was_kept_as_from_the_histories(make_harness: MakeHarness) -> None:
    """After the month, the daemon keeps what each record showed at its end; the report is equal without it."""
    harness = make_harness("jira", "servicenow")
    for source in ("jira", "servicenow"):
        harness.create_broken(source, days=8)
        harness.create_clean(source)
        harness.sync()
    harness.set_clock(harness.clock.now() + timedelta(days=18))
    harness.play_event("jira", "broken", Fill({"root_cause": "No deputy is named for the yearly review of access"}))
    harness.play_event("jira", "new", Create(FACTS))
    harness.sync()
    assert made(harness) == []  # until a run that began after the month has ended well
    harness.sync()
    assert {at for at, _ in made(harness)} == {"2026-06-30T22:59:59.999999Z"}
    assert all(is_done for _, is_done in made(harness))
    june = ("--from", "2026-06-01", "--to", "2026-06-30")
    kept = report(harness, "kept.html", june)
    assert b"nonconformities found in the period" in kept
    with sqlite3.connect(harness.register_file) as connection:
        rows = connection.execute("SELECT DISTINCT source FROM review_fact ORDER BY 1").fetchall()
        assert rows == [("jira",), ("servicenow",)]
        connection.execute("UPDATE review_fact SET facts = replace(facts, 'nonconformity', 'improvement')")
    assert report(harness, "other.html", june) != kept  # what is kept is read
    with sqlite3.connect(harness.register_file) as connection:
        connection.execute("UPDATE review_made SET basis = 'something else'")
    connection.close()
    assert report(harness, "replayed.html", june) == kept


def test_a_record_that_cannot_be_kept_ends_no_cycle(make_harness: MakeHarness) -> None:
    """What it matched once is damaged: one log line names it, the cycle ends well, and later polls let it be."""
    harness = make_harness("jira")
    harness.create_broken("jira", days=8)
    harness.sync()
    harness.set_clock(harness.clock.now() + timedelta(days=18))
    harness.sync()
    with sqlite3.connect(harness.register_file) as connection:
        (ticket,) = connection.execute("SELECT ticket_id FROM mirror").fetchone()
        damaged = ("jira", ticket, "2030-01-01T00:00:00.000000Z", "{")
        connection.execute("INSERT INTO past_match (source, ticket_id, until, was) VALUES (?,?,?,?)", damaged)
    connection.close()
    done = harness.sync()
    assert (done.code, done.err.count("action=review_not_kept")) == (0, 1), done.err
    assert [is_done for _, is_done in made(harness)] == [True]
    assert "review_not_kept" not in harness.sync().err


def later(harness: Harness, **time: int) -> None:
    """Let time pass."""
    harness.set_clock(harness.clock.now() + timedelta(**time))


def made(harness: Harness) -> list[tuple[str, bool]]:
    """Return as of when each source's records are kept, and whether all of them are."""
    with sqlite3.connect(harness.register_file) as connection:
        found = connection.execute("SELECT at, is_done FROM review_made").fetchall()
    connection.close()
    return [(at, bool(is_done)) for at, is_done in found]
