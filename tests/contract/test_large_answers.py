"""Tickets of any size: pages shrink with them, one too large for an answer is quarantined, all others are read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from capa_sync.errors import AnswerTooLarge, DeliveryUnknown, Skippable
from capa_sync.model.ticket import Page
from capa_sync.model.write import WriteKind
from capa_sync.sandbox.request_log import Exchange
from capa_sync.sources.sizes import PageSize
from capa_sync.sources.transport import Limits
from tests.contract.jira_source_harness import Harness, ann, harness, populate, shapes
from tests.contract.jira_writes import ours, write
from tests.unit.sources.servicenow import source_harness as servicenow

MOST = 100_000
LIMITS = Limits(answer=MOST)
LONG = "why " * 8_000
both_faces = pytest.mark.parametrize("face", ["cloud", "datacenter"])


def a_harness(face: str, count: int = 24, **options: Any) -> Harness:
    """A Jira with some ordinary tickets, none of whose pages may be large."""
    it = harness(face, limits=LIMITS, **options)
    populate(it.tracker, count)
    return it


def make_large(it: Harness, key: str, way: str) -> None:
    """Make a ticket larger than an answer may be: by its fields, by one entry of its history, by one comment."""
    issue = it.tracker.state.find(key)
    if way == "fields":
        for name in ("description", "environment"):
            issue.fields[name] = LONG * 4
        ann(it).edit(key, {"summary": "large"})
    elif way == "history":
        ann(it).edit(key, {"summary": "large"})
        issue.histories[-1].items.append(
            {"field": "description", "fieldId": "description", "from": None, "fromString": LONG * 4, "to": None}
            | {"toString": LONG, "fieldtype": "jira"}
        )
    else:
        ann(it).comment(key, "a long one")
        issue.comments[-1].body = LONG * 4


def skipped(pages: list[Page]) -> dict[str, str]:
    """Key -> reason of the quarantined tickets."""
    return {key: reason for page in pages for _id, key, reason, _version in page.skipped}


def sizes_asked(exchanges: list[Exchange]) -> list[int]:
    """The number of tickets that each page of whole tickets requested."""
    bodies = [
        orjson.loads(exchange.body)
        for exchange in exchanges
        if "/search" in exchange.path and exchange.method == "POST"
    ]
    return [body["maxResults"] for body in bodies if body.get("fields") == ["*all"]]


@both_faces
def test_a_page_that_is_too_large_is_asked_for_in_halves_and_the_size_is_remembered(face: str) -> None:
    """All tickets are read, and a second read does not meet the same limits again."""
    with a_harness(face, 60) as it:
        for issue in it.tracker.state.issues.values():
            issue.fields["description"] = LONG[:6_000]
        first = sizes_asked(it.exchanges(it.cycle))
        assert shapes(it.mirror) == it.truth()
        assert first[0] > first[1]
        again = sizes_asked(it.exchanges(lambda: it.cycle(full=True)))
        assert shapes(it.mirror) == it.truth()
        assert max(again) <= 32


@both_faces
@pytest.mark.parametrize("way", ["fields", "history", "comment"])
def test_one_ticket_that_is_too_large_is_quarantined_and_the_rest_is_read(face: str, way: str) -> None:
    """Backfill, poll and full read continue without it; its reason says what to do; made smaller, it is read."""
    with a_harness(face) as it:
        key = list(it.truth())[11]
        make_large(it, key, way)
        found = skipped(it.cycle())
        assert set(found) == {key}
        assert "max_answer" in found[key]
        whole = it.truth()
        large = whole.pop(key)
        assert shapes(it.mirror) == whole
        other = list(whole)[3]
        ann(it).edit(other, {"summary": "moved on"})
        ann(it).edit(key, {"summary": "moved on"})
        assert set(skipped(it.cycle())) == {key}
        assert it.mirror.ticket(other).values["summary"].text == "moved on"
        assert set(skipped(it.cycle(full=True))) == {key}
        issue = it.tracker.state.find(key)
        issue.fields["description"] = issue.fields["environment"] = None
        for entry in issue.histories:
            entry.items[:] = [item for item in entry.items if item["field"] != "description"]
        issue.comments[:] = issue.comments[:-1] if way == "comment" else issue.comments
        ann(it).edit(key, {"summary": "small"})
        assert skipped(it.cycle()) == {}
        assert shapes(it.mirror) == it.truth()
        assert large != it.truth()[key]


@both_faces
@pytest.mark.parametrize("place", [0, -1])
def test_the_first_and_the_last_ticket_may_be_too_large(face: str, place: int) -> None:
    """No page is left out at either end, and the watermark is kept."""
    with a_harness(face, 7, page_size=3, batch=3) as it:
        key = list(it.truth())[place]
        make_large(it, key, "fields")
        assert set(skipped(it.cycle())) == {key}
        assert it.mirror.keys == set(it.truth()) - {key}
        assert len(it.source.take_census().ids) == 7


@both_faces
def test_a_large_ticket_that_nobody_touches_costs_a_poll_nothing(face: str) -> None:
    """It is the newest, which each poll finds again: its outline is requested once, and nothing more."""
    with a_harness(face) as it:
        key = list(it.truth())[-1]
        make_large(it, key, "fields")
        it.cycle()
        for _ in range(3):  # until the overlap has passed
            it.tracker.clock.advance(timedelta(minutes=6))
            it.cycle()
        quiet = it.exchanges(it.cycle)
        assert len(quiet) == 1
        assert sum(len(exchange.answer) for exchange in quiet) < 5_000
        fields = it.tracker.state.find(key).fields
        fields["environment"] = fields["description"] = None
        ann(it).edit(key, {"summary": "touched"})
        it.cycle()
        assert shapes(it.mirror) == it.truth()


@both_faces
def test_two_neighbours_that_fit_only_alone_are_both_read(face: str) -> None:
    """Each is smaller than an answer may be; both together are not."""
    with a_harness(face, 6) as it:
        keys = list(it.truth())[2:4]
        for key in keys:
            it.tracker.state.find(key).fields["description"] = LONG[:10_000] * 6
        assert skipped(it.cycle()) == {}
        assert shapes(it.mirror) == it.truth()


@both_faces
def test_many_comments_are_read_in_pages_that_fit(face: str) -> None:
    """All sixty comments are read where the tracker pages them; Data Center puts them into the ticket itself."""
    with a_harness(face, 3) as it:
        key = next(iter(it.truth()))
        for _ in range(60):
            ann(it).comment(key, LONG[:2_500])
        found = skipped(it.cycle())
        assert set(found) == (set() if face == "cloud" else {key})
        assert it.mirror.keys == set(it.truth()) - set(found)
        if face == "cloud":
            assert shapes(it.mirror) == it.truth()


@both_faces
def test_a_history_of_many_long_entries_is_read_in_pages_that_fit(face: str) -> None:
    """It is read where the tracker pages it; Data Center returns it whole or not at all."""
    with a_harness(face, 3) as it:
        key = next(iter(it.truth()))
        for number in range(40):
            ann(it).edit(key, {"description": f"{number} {LONG[:5_000]}"})
        found = skipped(it.cycle())
        assert set(found) == (set() if face == "cloud" else {key})
        if face == "cloud":
            assert shapes(it.mirror) == it.truth()


@both_faces
def test_a_hinted_and_a_single_reading_of_a_large_ticket_name_it(face: str) -> None:
    """It is also quarantined when read by id, and tickets requested with it are read."""
    with a_harness(face, 4) as it:
        it.cycle()
        key, other = list(it.truth())[:2]
        make_large(it, key, "fields")
        ann(it).edit(other, {"summary": "hinted"})
        ids = [str(it.tracker.state.find(ticket_key).id) for ticket_key in (key, other)]
        page = it.source.read_hinted(ids, it.mirror.cursor)
        assert [ticket[1] for ticket in page.skipped] == [key]
        assert [reading.ticket.key for reading in page.readings] == [other]
        read = []
        with pytest.raises(Skippable, match="max_answer"):
            read.extend(it.source.read_tickets(ids))


@both_faces
def test_our_comment_is_found_among_large_ones(face: str) -> None:
    """The comments are searched in pages that fit; no second comment is made."""
    with a_harness(face, 1) as it:
        key = next(iter(it.truth()))
        done = it.writer.deliver(write(it, key), "")
        for _ in range(60):
            ann(it).comment(key, LONG[:5_000])
        assert it.writer.deliver(write(it, key), "").remote_id == done.remote_id
        assert len(ours(it, key)) == 1


@both_faces
def test_a_comment_too_large_to_look_past_fails_the_write_on_that_ticket_alone(face: str) -> None:
    """It is no fault of the source, and what was sent before stays unknown."""
    with a_harness(face, 1) as it:
        key = next(iter(it.truth()))
        make_large(it, key, "comment")
        with pytest.raises(Skippable, match="max_answer"):
            it.writer.deliver(write(it, key), "")
        with pytest.raises(DeliveryUnknown, match="max_answer"):
            it.writer.look_up(write(it, key), "")


# --- ServiceNow ------------------------------------------------------------------------------------------------


def widen(sn: servicenow.SourceHarness, table: str, column: str) -> None:
    """Let a column hold long texts."""
    found = sn.tracker._instance.schema.column(table, column)
    assert found is not None
    found.max_length = 1_000_000


def large_in(sn: servicenow.SourceHarness, sys_id: str, way: str) -> None:
    """Make a record larger than an answer may be: by a column, by one row of its audit, by one note."""
    widen(sn, "sn_grc_issue", "u_root_cause")
    if way == "column":
        sn.edit(sys_id, u_root_cause=LONG * 4)
    elif way == "audit":
        for cause in (LONG * 4, f"Why {LONG * 4}", "short"):
            sn.edit(sys_id, u_root_cause=cause)
    else:
        sn.tracker.as_user("kim").work_note("sn_grc_issue", sys_id, LONG * 4)


def pages_of(sn: servicenow.SourceHarness, *, full: bool = False) -> list[Page]:
    """The pages of one cycle."""
    before = len(sn.mirror.pages)
    sn.sync(full=full)
    return sn.mirror.pages[before:]


def test_a_page_of_large_records_is_asked_for_in_halves() -> None:
    """All records are read, whatever the page size of the settings."""
    with servicenow.source_harness(children=(), limits=LIMITS, page_size=500) as sn:
        ids = [sn.insert(short_description=str(number), u_root_cause=LONG[:6_000]) for number in range(60)]
        sn.later(hours=1)
        assert sorted(sn.sync()) == sorted(ids)
        sn.edit(ids[7], state="11")
        assert sn.sync() == [ids[7]]


@pytest.mark.parametrize("way", ["column", "audit", "note"])
def test_one_record_that_is_too_large_is_quarantined_and_the_rest_is_read(way: str) -> None:
    """Backfill, poll and full read continue without it; its reason says what to do."""
    with servicenow.source_harness(children=(), limits=LIMITS, page_size=20) as sn:
        ids = [sn.insert(short_description=str(number)) for number in range(50)]
        large_in(sn, ids[20], way)
        number = (sn.tracker.find("sn_grc_issue", ids[20]) or {})["number"]
        sn.later(hours=1)
        assert set(skipped(pages_of(sn))) == {number}
        assert set(sn.mirror.readings) == set(ids) - {ids[20]}
        sn.edit(ids[20], state="11")
        sn.edit(ids[3], state="11")
        pages = pages_of(sn)
        assert set(skipped(pages)) == {number}
        assert [reading.ticket.id for page in pages for reading in page.readings] == [ids[3]]
        assert "max_answer" in skipped(pages_of(sn, full=True))[number]
        if way == "column":
            sn.later(hours=1)
            with pytest.raises(Skippable, match="max_answer"):
                list(sn.source.read_tickets([ids[20]]))


def test_a_large_record_that_nobody_touches_costs_a_poll_little() -> None:
    """It is the newest, which each poll finds again: its outline is requested, and nothing more."""
    with servicenow.source_harness(children=(), limits=LIMITS, page_size=20) as sn:
        ids = [sn.insert(short_description=str(number)) for number in range(30)]
        large_in(sn, ids[7], "column")
        for _ in range(3):
            sn.later(hours=1)
            sn.sync()
        sn.sent()
        sn.sync()
        asked = [
            (exchange.path.rpartition("/")[2], b"sysparm_fields" in exchange.request.target.encode())
            for exchange in sn.sent()
        ]
        assert ("sn_grc_issue", True) in asked
        assert len([request for request in asked if request[0] == "sn_grc_issue"]) <= 4
        assert sn.mirror.readings.keys() == set(ids) - {ids[7]}


def test_a_child_that_is_too_large_is_quarantined_and_its_record_is_read() -> None:
    """Only the action is missing, with its reason."""
    with servicenow.source_harness(limits=LIMITS) as sn:
        widen(sn, "sn_grc_task", "description")
        issue = sn.insert(short_description="one")
        task = sn.insert("sn_grc_task", short_description="act", issue=issue, description=LONG * 4)
        sn.later(hours=1)
        assert {skip.id for page in pages_of(sn) for skip in page.skipped} == {task}
        assert set(sn.mirror.readings) == {issue}


def test_a_note_too_large_to_look_past_fails_the_write_on_that_record_alone() -> None:
    """It is unknown whether our note is there: none is written."""
    with servicenow.source_harness(children=(), limits=LIMITS) as sn:
        issue = sn.insert(short_description="one")
        large_in(sn, issue, "note")
        wanted = servicenow.write(WriteKind.WORK_NOTE, issue, notifies=True)
        with pytest.raises(Skippable, match="max_answer"):
            sn.writer.deliver(wanted, "")
        with pytest.raises(DeliveryUnknown, match="max_answer"):
            sn.writer.look_up(wanted, "")
        assert sn.writes() == []


# --- sizes -----------------------------------------------------------------------------------------------------


def test_a_page_size_follows_the_sizes_seen() -> None:
    """The page size falls at once, doubles at most with each page, and stays within its bounds."""
    size = PageSize(goal=1000)
    assert size.of(100) == 100
    size.learn(100, 100_000)
    assert size.of(100) == 1
    steps = []
    for _ in range(8):
        asked = size.of(100)
        size.learn(asked, asked)
        steps.append(size.of(100))
    assert steps == [2, 4, 8, 16, 32, 64, 100, 100]
    size.halve(64)
    assert size.of(100) == 32
    size.halve(1)
    assert size.of(100) == 1
    size.learn(0, 0)
    assert size.of(100) == 1


def test_an_answer_that_is_too_large_says_so_in_words() -> None:
    """The message names the request, the bound, and the setting."""
    assert str(AnswerTooLarge("jira", "GET /field", 16 * 1_048_576)) == (
        "jira: GET /field: the answer is larger than 16 MB (max_answer)"
    )
