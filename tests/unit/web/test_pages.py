"""Our own pages: what they show, that links and counts agree, and that hostile or confidential text does nothing."""

from __future__ import annotations

import html
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from capa_sync.errors import Problem, RuleFileError
from capa_sync.model.page import PageOptions, RuleWords
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.userfile import yaml_files
from capa_sync.rules import load_rules, rules_in_words
from capa_sync.rules.in_words import cases_text
from capa_sync.starter import starter_path
from capa_sync.web import RegisterPage, serve_register
from capa_sync.web.asked import PageQuery
from capa_sync.web.chart import Point, bar_chart, line_chart
from capa_sync.web.filters import FILTERS
from capa_sync.web.record import record
from capa_sync.web.site import RegisterSite
from capa_sync.web.times import PageTimes
from capa_sync.web.today import today
from capa_sync.web.unknown import unknown_ticket
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import SOURCE, T0
from tests.unit.web.conftest import HOSTILE, SECRET
from tests.unit.web.world import OTHER, ZONE, build_world
from tests.unit.writeback.harness import ManualClock

PATHS = (
    "",
    "records",
    "records?q=a&sort=due",
    "records?rule=root-cause-before-action",
    *(f"record?source={SOURCE}&ticket={number}" for number in range(1, 8)),
    f"record?source={OTHER}&ticket=aa",
    "rules?rule=rca-method",
    "trends",
    "sync",
)
RULES = (
    RuleWords(
        "owner-active",
        6,
        HOSTILE,
        "10.1",
        "warn",
        "low",
        ((0, "Track: x"),),
        ((0, "any:"), (1, "b")),
        3,
        f"tests:\n  - case: {HOSTILE}\n    expect:\n      - {{day: 2026-03-02, result: ok}}",
    ),
)
FREE = {"q", "owner"}
"""A search takes any value; owners are too many to name."""


@pytest.fixture(scope="module")
def world_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the register."""
    path = tmp_path_factory.mktemp("world") / "register.db"
    build_world(path)
    return path


@pytest.fixture(scope="module")
def world(world_file: Path) -> Iterator[RegisterPage]:
    """Serve the register two hours after its last reading, in London."""
    options = PageOptions(ZONE, ManualClock(T0 + timedelta(minutes=2)), {SOURCE: timedelta(minutes=1)}, lambda: RULES)
    running = serve_register(world_file, "127.0.0.1:0", options)
    yield running
    running.stop()


def text_of(world: RegisterPage, path: str) -> str:
    """Return a page's text as a person reads it: without markup, white space joined."""
    answer = requests.get(world.url + path, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def section(text: str, title: str, end: str) -> str:
    """Return what stands between a heading and the next one."""
    return text.rpartition(f" {title} ")[2].partition(f" {end} ")[0]


def test_today_lists_each_matter_with_its_reason_and_its_next_step(world: RegisterPage) -> None:
    """Tickets and findings are counted apart, and nothing is listed that needs nobody."""
    text = text_of(world, "")
    assert text.count("CAPA-4") == 1
    assert "Monday 2 March 2026" in text
    assert "servicenow last read to its end 2 days ago 503 from the tracker" in text
    assert "CAPA-1 Access review missed 18 Feb 2026 · 11 days late · Ann Lee Ask Ann Lee to finish it" in text
    assert "5 Mar 2026 · in 3 days" in text
    assert "CAPA-4 Backups untested 4 Mar 2026 · in 2 days" in text
    assert "New warnings 4 findings on 3 tickets" in text
    assert "root-cause-before-action is broken Write the cause down." in text
    waiver = section(text, "Waivers about to end 1 ticket", "Stuck writes")
    assert "CAPA-5 Old firewall rule high 7 Mar 2026 · in 5 days" in waiver
    assert (
        "Waived by Mara Roy: The list is being replaced. Close the point with Ann Lee, or renew the waiver." in waiver
    )
    assert "Stuck writes 1 write on 1 ticket" in text
    assert "then run capa-sync retry ." in text
    assert "explain paper:CAPA-6" in text
    assert "'cause' is not mapped" in text
    assert "paper: 1 check on 1 ticket" in text
    assert "Plain" not in text


def test_a_calm_register_says_so(tmp_path: Path) -> None:
    """Where nothing is due, stuck or stale there is one sentence, and no list."""
    from capa_sync.store import open_register

    path = tmp_path / "register.db"
    open_register(path, clock_now=T0).close()
    running = serve_register(path, "127.0.0.1:0")
    try:
        assert "Nothing needs you now" in text_of(running, "")
        assert "The register is empty" in text_of(running, "records")
        assert "No source has been read yet" in text_of(running, "sync")
        assert "There is nothing to draw yet" in text_of(running, "trends")
        assert "No rule has been evaluated yet" in text_of(running, "rules")
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("due=overdue", ["CAPA-1"]),
        ("due=week", ["CAPA-3"]),
        ("due=review", ["CAPA-4"]),
        ("warning=new", ["CAPA-1", "CAPA-3", "CAPA-2"]),
        ("warning=high", ["CAPA-1"]),
        ("stage=planned&gap=yes&grade=major", ["CAPA-1"]),
        ("rule=root-cause-before-action&finding=waived", ["CAPA-5"]),
        ("clause=ISO+27001+10.2+b", ["CAPA-1"]),
        ("q=second+LINE", ["CAPA-1"]),
        ("q=%25review%25", []),
        ("q=NC-2026-0004", ["CAPA-4"]),
        ("owner=none", []),
        ("stage=&source=paper&q=firewall&no-such-filter=x", ["CAPA-5"]),
        (f"q={SECRET}", []),
    ],
)
def test_a_link_lists_the_records_that_it_names(world: RegisterPage, query: str, keys: list[str]) -> None:
    """The filter is the link; an empty value filters nothing; hidden texts are not searched."""
    page = requests.get(f"{world.url}records?{query}", timeout=PATIENCE).text
    assert re.findall(r'scope="row"[^>]*><a [^>]*>(.*?)</a>', page) == keys
    assert "finds no record" not in page


@pytest.mark.parametrize("name", [name for name in FILTERS if name not in FREE])
@pytest.mark.parametrize("value", ["bogus", "2026-13", f"{HOSTILE}!"], ids=["word", "month", "hostile"])
def test_an_unknown_value_of_a_filter_says_so_and_shows_no_record(world: RegisterPage, name: str, value: str) -> None:
    """A mistyped link shows no other rows than it names; the page says which values there are."""
    query = urlencode({name: value, "rule": "root-cause-before-action"} if name == "finding" else {name: value})
    text = text_of(world, f"records?{query}")
    assert f"{name} “{' '.join(value.split())}” finds no record: " in text
    assert re.search(r"finds no record: (there are \w|a month is written like 2026-03)", text)
    assert "0 records found" in text
    page = requests.get(f"{world.url}records?{query}", timeout=PATIENCE).text
    assert 'scope="row"' not in page
    assert "<script" not in page


def test_the_register_explains_claimed_and_evidenced(world: RegisterPage) -> None:
    """Where the status claims more than the fields prove, the row names what is missing."""
    text = text_of(world, "records?q=Access")
    assert "1 record found. 1 with 2 open warnings (1 high, 0 medium, 1 low)." in text
    assert "planned proven: contained, missing: Root cause 18 Feb 2026 11 days late 1 high 1 low" in text
    assert "Evidenced stage is the furthest stage that the filled fields prove" in text


def test_a_record_is_one_timeline_with_the_entries_behind_its_findings(world: RegisterPage) -> None:
    """Changes, findings and our comment stand in the order of time; evidence points to its history entry."""
    path = f"record?source={SOURCE}&ticket=1"
    text = text_of(world, path)
    life = text.partition(" Timeline ")[2]
    steps = [
        "capa-sync wrote the comment",
        "Finding opened again",
        "2 fields changed by Bob Miller",
        "Finding cleared",
    ]
    assert [life.index(step) for step in steps] == sorted(life.index(step) for step in steps)
    assert "Root cause is missing" in life  # the text that we wrote
    assert "root cause: filled before action started: no" in text
    assert "Name an owner" in text
    assert "11 days late" in text
    assert "Nobody owned the list." in text
    raw = requests.get(world.url + path, timeout=PATIENCE).text
    (anchor,) = set(re.findall(r'href="#(change-\d+)"', raw))
    assert re.search(rf'id="{anchor}".*?Planned', raw, re.DOTALL)


def test_a_joined_record_shows_both_tickets(world: RegisterPage) -> None:
    """Each page leads to the other; the timeline names the ticket of each change, a table both of their values."""
    primary = text_of(world, f"record?source={SOURCE}&ticket=7")
    assert "The same nonconformity as PRB001 on servicenow" in primary
    assert "Both are counted once, here." in primary
    assert "on PRB001" in primary
    assert re.search(r"Where the tickets disagree 1 .*root cause No owner CAPA-7 .* PRB001", primary)
    assert "It is judged and counted there." in text_of(world, f"record?source={OTHER}&ticket=aa")


def test_an_unknown_ticket_is_404_and_a_quarantined_one_says_why(world: RegisterPage) -> None:
    """No parameter of a record's page makes an error; the page keeps its layout and says what to do."""
    hostile = urlencode({"source": HOSTILE, "ticket": HOSTILE})
    for query in (
        "",
        "?source=paper",
        "?source=paper&ticket=404",
        "?ticket=1%00",
        "?ticket=CAPA-9%25",
        f"?{hostile}",
    ):
        answer = requests.get(f"{world.url}record{query}", timeout=PATIENCE)
        assert answer.status_code == 404
        assert "There is no such ticket" in answer.text
        assert '<nav aria-label="Pages">' in answer.text
        assert '<a href="/records">Show all records</a>' in answer.text
        assert not {"<script", "<img"} & set(re.findall(r"<\w+", answer.text))
    assert (
        f"Its sources are {SOURCE}, {OTHER}." in requests.get(f"{world.url}record?{hostile}", timeout=PATIENCE).text
    )
    assert "Quarantined. status <script>" in text_of(world, f"record?source={SOURCE}&ticket=6")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (f"source={SOURCE}&ticket=CAPA-2", f"source={SOURCE}&ticket=2"),
        (f"source={SOURCE}&ticket=capa-2", f"source={SOURCE}&ticket=2"),
        ("ticket=+Capa-2+", f"source={SOURCE}&ticket=2"),
        ("ticket=prb001", f"source={OTHER}&ticket=aa"),
    ],
)
def test_a_key_leads_to_the_page_of_its_ticket(world: RegisterPage, query: str, wanted: str) -> None:
    """In any case, with or without its source; an id is looked for first."""
    answer = requests.get(f"{world.url}record?{query}", timeout=PATIENCE)
    assert (answer.status_code, answer.url) == (200, f"{world.url}record?{wanted}")
    assert requests.get(f"{world.url}record?source={OTHER}&ticket=CAPA-2", timeout=PATIENCE).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_no_page_runs_or_shows_what_it_should_not(world: RegisterPage, path: str) -> None:
    """Hostile text is text, hidden text is hidden; no script, style or address of another host is in a page."""
    answer = requests.get(world.url + path, timeout=PATIENCE)
    page = answer.text
    assert SECRET not in page
    assert "<img" not in page
    assert "<script" not in page
    assert not re.search(r"<[^>]*\s(style|on\w+)=", re.sub(r'"[^"]*"', '""', page))
    assert "javascript:" not in page
    loaded = re.findall(r"<(?:link|script|img|iframe)[^>]*(?:href|src)=\"([^\"]*)", page)
    assert loaded == ["/page/style.css"]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_every_point_of_the_trends_leads_to_as_many_records(world: RegisterPage) -> None:
    """The rows behind a point are as many as it says, around midnight and the clock change too; months reconcile."""
    page = requests.get(world.url + "trends", timeout=PATIENCE).text
    table = page.partition('id="months"')[2].partition("</table>")[0]
    rows = [[int(cell) for cell in re.findall(r">(\d+)<", row)] for row in table.split("<tr>")[2:]]
    assert len(rows) == 13
    assert all(start + opened - ended == end for start, opened, ended, end in rows)
    assert all(row[0] == before[3] for before, row in pairwise(rows))
    assert sum(row[1] for row in rows) > 20
    points = set(re.findall(r'<a href="(/records\?[^"]+)" aria-label="[^"]*?(\d+) records? ', page))
    points |= {(link, value) for link, value in re.findall(r'<a href="(/records\?[^"]+)">(\d+)</a>', page)}
    named = {link.partition("?")[2].partition("=")[0] for link, _ in points}
    assert named == {"opened", "ended", "open_at", "age", "corrected", "caused", "implemented", "on_time", "late"}
    assert len(points) > 80
    for link, value in points:
        found = requests.get(world.url + html.unescape(link)[1:], timeout=PATIENCE).text
        (count,) = re.findall(r'id="counts"><strong>(\d+)<', found)
        assert count == value, link


@pytest.mark.parametrize("path", PATHS)
def test_no_link_of_a_page_leads_nowhere(world: RegisterPage, path: str) -> None:
    """Each has an address and words."""
    page = requests.get(world.url + path, timeout=PATIENCE).text
    links = re.findall(r"<a ([^>]*)>(.*?)</a>", page, re.DOTALL)
    assert len(links) > 3
    for attributes, words in links:
        assert re.search(r'href="[/#h]', attributes), (attributes, words)
        assert re.search(r"\w", re.sub(r"<[^>]+>", "", words)), (attributes, words)
        assert not re.fullmatch(r"\W*%\W*", words), (attributes, words)


@pytest.mark.parametrize(("path", "tables"), [("trends", 5), ("rules?rule=rca-method", 1)])
def test_a_table_has_the_numbers_and_the_links_of_the_charts_above_it(
    world: RegisterPage, path: str, tables: int
) -> None:
    """Each point is in it with its number and its address, and the table links nothing else but empty months."""
    page = requests.get(world.url + path, timeout=PATIENCE).text
    looked_at = 0
    for part in re.split(r"</table>", page):
        above, _, table = part.partition("<table")
        points = re.findall(r'<a href="([^"]*)" aria-label="(?:[^":]*: )?(\d+) ', above)
        assert len(points) == above.count('"><title>')
        if points:
            linked = re.findall(r'<a href="([^"]*)">(\d+)(?: %)?</a>', table)
            assert set(points) <= set(linked)
            assert all(number == "0" for link, number in linked if (link, number) not in points)
            looked_at += 1
    assert looked_at == tables


def test_the_last_months_share_of_clear_records_leads_to_them(world: RegisterPage) -> None:
    """Of past months nobody can list what had a warning then: their points lead to what was open."""
    page = requests.get(world.url + "trends", timeout=PATIENCE).text
    ((link, clear, _),) = re.findall(
        r'href="([^"]*warning=none)" aria-label="March 2026[^"]*\((\d+) of (\d+)\)', page
    )
    found = requests.get(world.url + html.unescape(link)[1:], timeout=PATIENCE).text
    assert re.findall(r'id="counts"><strong>(\d+)<', found) == [clear]


def test_rules_say_what_they_ask_and_where_they_cannot_tell(world: RegisterPage) -> None:
    """Each count leads to its tickets; a rule whose file is gone stays listed with its findings."""
    text = text_of(world, "rules?rule=rca-method")
    assert "It then requires: any: b" in text
    assert "The live set does not have it" in text
    assert "Why it cannot tell: 'cause' is not mapped" in text
    page = requests.get(world.url + "rules", timeout=PATIENCE).text
    for link, value in re.findall(r'class="count"><a href="(/records[^"]*)">(\d+)</a>', page):
        found = requests.get(world.url + html.unescape(link)[1:], timeout=PATIENCE).text
        assert re.findall(r'id="counts"><strong>(\d+)<', found) == [value]


def test_a_rule_shows_how_many_records_passed_it_by_month(world: RegisterPage) -> None:
    """As a point that leads to the records, as a table, and in the list; months without a count have no point."""
    page = requests.get(world.url + "rules?rule=rca-method", timeout=PATIENCE).text
    points = re.findall(r'<a href="([^"]*)" aria-label="([^"]*passed[^"]*)"', page)
    assert points == [("/records?rule=rca-method", "March 2026: 67 % of 3 records passed (2 of 3)")]
    text = text_of(world, "rules?rule=rca-method")
    assert "Feb 2026 Mar 2026 2 1 2 67 %" in text
    assert '<a href="/rules?rule=rca-method#rates">67 %</a>' in page
    assert "records that passed, by month" not in text_of(world, "rules?rule=owner-active")


def test_rule_files_in_the_middle_of_an_edit_leave_the_page_standing(world_file: Path) -> None:
    """Counts stay, and one line names the file."""

    def broken() -> tuple[RuleWords, ...]:
        raise RuleFileError([Problem("rules/x.yaml", 3, "there is no phrase 'fillde'", "write filled")])

    running = serve_register(world_file, "127.0.0.1:0", PageOptions(rules=broken))
    try:
        text = text_of(running, "rules")
    finally:
        running.stop()
    assert "rules/x.yaml:3: there is no phrase 'fillde'" in text
    assert "The owner is active" in text


def test_the_shipped_rules_are_told_in_words() -> None:
    """Every rule says what it requires, blocks with their members below them."""
    rules = rules_in_words(load_rules([starter_path("rules")], JudgeOptions()))
    assert all(rule.requires and rule.title and rule.tests for rule in rules)
    told = next(rule for rule in rules if rule.id == "root-cause-before-action")
    assert (0, "root cause: filled before action started") in told.requires
    assert (0, "at least one of these:") in told.applies
    assert any(depth == 1 and line.endswith("at least planned") for depth, line in told.applies)
    assert told.clause == "ISO 27001 10.2 b"


def test_each_rule_shows_its_tests_as_they_stand_in_its_file(world_file: Path) -> None:
    """Word by word with its lines, for somebody who is not signed in; what is hostile in them is text."""
    shipped = rules_in_words(load_rules([starter_path("rules")], JudgeOptions()))
    running = serve_register(world_file, "127.0.0.1:0", PageOptions(rules=lambda: (*RULES, *shipped)))
    try:
        page = requests.get(running.url + "rules", timeout=PATIENCE).text
    finally:
        running.stop()
    shown = {
        html.unescape(rule): html.unescape(tests)
        for rule, tests in re.findall(r'<tr id="([^"]*)">.*?<pre[^>]*>(.*?)</pre>', page, re.DOTALL)
    }
    assert len(shown) == len({rule.id for rule in (*RULES, *shipped)})
    assert "<script" not in page
    for file in yaml_files([starter_path("rules")]):
        if file.stem in shown and file.stem != RULES[0].id:
            _, begin, tests = file.read_text(encoding="utf-8").partition("\ntests:\n")
            assert begin
            assert shown[file.stem] == f"tests:\n{tests.rstrip()}"


@pytest.mark.parametrize(
    ("text", "tests"),
    [
        ("id: a\ntests:\n  - case: x\n", "tests:\n  - case: x"),
        ("'tests' :\n- case: x\n# why\n\n- case: y\n\nmessage: z\n", "'tests' :\n- case: x\n# why\n\n- case: y"),
        ('testsuite: 1\n"tests": [\n  {case: x},\n]\nid: a\n', '"tests": [\n  {case: x},\n]'),
        ("{id: a,\ntests: [{case: x}]}\n", "tests: [{case: x}]}"),
        ("{id: a, tests: [{case: x}]}\n", "{id: a, tests: [{case: x}]}"),
        ("id: a\r\ntests:\r\n  - case: x\r\nid: b\r\n", "tests:\r\n  - case: x"),
    ],
)
def test_the_tests_of_a_file_are_found_where_they_stand(text: str, tests: str) -> None:
    """Whatever follows them, in every way to write a key; of a file in one line, the whole."""
    assert cases_text(text) == tests


def test_sync_shows_how_fresh_and_complete_each_source_is(world: RegisterPage) -> None:
    """Age, problem, writes and quarantine stand under their source."""
    text = text_of(world, "sync")
    assert "Problem: 503 from the tracker" in text
    assert "As of 2 Mar 2026, 09:00 2 min ago" in text
    assert "Writes: 1 delivered, 1 failed" in text
    assert "Stuck writes 1" in text
    assert "Quarantined tickets 1" in text


def test_today_and_record_read_no_table_as_a_whole(world_file: Path) -> None:
    """SQLite's own plans search all tables that grow with the tickets, whatever the page asks."""
    connection = RegisterSite(world_file).page.connect()
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    times = PageTimes(T0, ZONE)
    own = [{"source": SOURCE, "ticket": name} for name in ("1", "7", "CAPA-1", "capa-404")]
    shown = [(record, own[0]), (record, own[1]), *((unknown_ticket, arguments) for arguments in own[2:])]
    for content, arguments in ((today, dict[str, str]()), *shown):
        assert content(PageQuery(connection, arguments, times, PageOptions())) is not None
    connection.set_trace_callback(None)
    plans = [
        (str(row[3]), sql)
        for sql in asked
        if not sql.startswith("--")
        for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
    ]
    connection.close()
    scans = {(step, sql) for step, sql in plans if step.startswith("SCAN")}
    assert {step for step, _ in scans if not re.fullmatch(ALLOWED, step)} == set()
    assert len(asked) > 15


ALLOWED = (
    r"SCAN (CONSTANT ROW|s|d|x|f( LEFT-JOIN)?)"  # sources, and what a view before it has found already
    r"|SCAN \d+ CONSTANT ROWS|SCAN \(subquery-\d+\)"  # the few rows that a part of the statement has found
    r"|SCAN (run|cursor|source)( USING (COVERING )?INDEX \w+)?"
    r"|SCAN (v USING (COVERING )?INDEX verdict_unknown|mirror USING (COVERING )?INDEX mirror_absent)"
    r"|SCAN (quarantine.*|q( USING .*)?)"
    r"|SCAN r USING (COVERING )?INDEX (register_restricted|run_source)"
)
"""Tables of a row a source or run, partial indexes of what is unknown, absent or confidential, and the quarantine."""


@pytest.mark.parametrize(
    ("value", "day", "moment", "exact"),
    [
        ("2026-03-28T23:30:00Z", "28 Mar 2026", "28 Mar 2026, 23:30", "Saturday 2026-03-28 23:30:00+00:00"),
        ("2026-03-29T23:30:00Z", "30 Mar 2026", "30 Mar 2026, 00:30", "Monday 2026-03-30 00:30:00+01:00"),
        ("2026-03-29T23:30:00.250000Z", "30 Mar 2026", "30 Mar 2026, 00:30", "Monday 2026-03-30 00:30:00+01:00"),
        ("2026-03-29", "29 Mar 2026", "29 Mar 2026", "Sunday"),
        ("restricted", "", "", ""),
        (None, "", "", ""),
    ],
)
def test_dates_are_shown_in_the_zone_of_the_organisation(
    value: str | None, day: str, moment: str, exact: str
) -> None:
    """The text is for people, the exact instant stands in the title; what is no date shows nothing."""
    times = PageTimes(datetime(2026, 3, 30, 23, 30, tzinfo=UTC), ZONE)
    assert times.today.isoformat() == "2026-03-31"
    for shown, expected in ((times.day(value), day), (times.moment(value), moment)):
        assert re.sub(r"<[^>]+>", "", shown) == expected
        assert exact in shown


def test_a_chart_begins_at_zero_and_its_highest_bar_stays_inside() -> None:
    """Heights are in proportion to the values, at every size."""
    for most in (0, 1, 4, 5, 39, 41, 12_345):
        chart = bar_chart(["a", "b"], [("first", [Point(most, ""), Point(0, "")])])
        high, low = chart.bars
        assert low.height == 0
        assert 0 <= high.height <= chart.floor
        assert high.y + high.height == pytest.approx(chart.floor, abs=0.2)
        assert chart.ticks[-1].value >= most


def test_a_line_breaks_where_a_month_has_no_value() -> None:
    """Each part between two gaps is a line of its own; every value has a mark in its place."""
    points = [Point(10, "a"), None, Point(20, "b"), Point(0, "c")]
    chart = line_chart(["1", "2", "3", "4"], [("first", points)], top=20)
    assert [len(line.places.split()) for line in chart.lines] == [1, 2]
    assert [mark.point.says for mark in chart.dots] == ["a", "b", "c"]
    assert chart.dots[2].y == chart.floor
    assert chart.dots[1].y < chart.dots[0].y < chart.dots[2].y


def test_other_programs_read_the_same_matters_from_the_file(world_file: Path) -> None:
    """`v_today` has a row for each kind of matter."""
    connection = sqlite3.connect(world_file)
    rows = connection.execute("SELECT matter, ticket_key FROM v_today ORDER BY 1, 2").fetchall()
    connection.close()
    assert ("overdue", "CAPA-1") in rows
    assert {matter for matter, _ in rows} == {
        "overdue", "due", "review_due", "warned", "waiver_ends", "stuck_write", "quarantined",
    }  # fmt: skip
