"""The timeline of a record also has its waivers and what happened on the tickets of its actions."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from capa_sync.model.columns import RESTRICTED
from capa_sync.model.finding import FindingState
from capa_sync.model.page import PageOptions
from capa_sync.model.record import Action, ActionKind, ActionOrigin
from capa_sync.model.ticket import Role
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.model.visitor import AccessRole
from capa_sync.model.waiver import Waiver, Way
from capa_sync.store import Register, open_register
from capa_sync.web import RegisterPage, serve_register
from capa_sync.web.asked import PageQuery
from capa_sync.web.record import record
from capa_sync.web.site import RegisterSite
from capa_sync.web.timeline import MOST, TimelineEvent
from capa_sync.web.times import PageTimes
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import DAY, PARSER, SOURCE, T0, FakeTicket, page
from tests.unit.web.conftest import HOSTILE, SECRET
from tests.unit.web.world import ZONE
from tests.unit.writeback.harness import ManualClock, finding

RULE = "root-cause-before-action"
OWN = f"record?source={SOURCE}&ticket=1"
ACTIONS = {
    "11": ("CAPA-11", "Write a checklist"),  # a record of its own, open to everybody
    "12": ("CAPA-12", f"{SECRET} task"),  # a confidential record of its own
    "13": ("CAPA-13", "Train the team"),  # an action alone: nothing says whether it is confidential
}


def build(register: Register) -> None:
    """Store a record with three action tickets and one action in a field, and five waivers."""
    tickets = [FakeTicket("1", "CAPA-1", {"summary": "Access review missed"})]
    tickets[0].edit(T0 - 9 * DAY, by="bob", summary="Access review missed twice")
    for number, (key, summary) in ACTIONS.items():
        fake = FakeTicket(number, key, {"summary": "first"}, parent="1")
        fake.edit(T0 - 5 * DAY, by=f"person {summary}", summary=summary)
        tickets.append(fake)
    tickets[1].edit(T0 - 3 * DAY, summary=HOSTILE)
    readings = [fake.reading(Role.ACTION if fake.id == "13" else Role.RECORD) for fake in tickets]
    run = register.runs.start(SOURCE, "changes", T0)
    register.tickets.commit_page(SOURCE, page(*readings), T0, run, PARSER)
    register.runs.finish(run, T0, ok=True, as_of=T0)
    for number, confidential in (("1", "no"), ("11", "no"), ("12", "yes")):
        row = {"ticket_key": f"CAPA-{number}", "title": f"Title {number}", "confidential": confidential}
        register.records.save_row(SOURCE, number, row)
    actions = [_action(number, key, ActionOrigin.SUBTASK, text) for number, (key, text) in ACTIONS.items()]
    register.records.save_actions(SOURCE, "1", [*actions, _action("field:a", "CAPA-1", ActionOrigin.FIELD, "Ask")])
    rests_on = (
        {"what": "actions", "text": "became 'x'", "entry": _entry(register), "phrase": "actions: at least 1"},
    )
    register.findings.save(
        [
            finding(source=SOURCE, ticket_id="1", title="The cause comes first", inputs=rests_on),
            finding(
                "owner-active", source=SOURCE, ticket_id="1", title="Active", state=FindingState.WAIVED,
                waived_until=T0 + 5 * DAY,
            ),
        ]
    )  # fmt: skip
    _waive(register)


def _action(number: str, key: str, origin: ActionOrigin, text: str) -> Action:
    value = Value(ValueState.FILLED, text, text)
    return Action(number, key, origin, ActionKind.CORRECTIVE, value, value, EMPTY, done_at=T0 - DAY)


def _entry(register: Register) -> str:
    """Return the history entry of the edit that made the first action's text hostile."""
    sql = "SELECT entry FROM change JOIN ticket USING (nr) WHERE ticket_key = 'CAPA-11' ORDER BY changed_at DESC"
    return str(register._db.column(sql)[0])


def _waive(register: Register) -> None:
    """Record waivers: ended, replaced, in force, waiting, and one of a confidential record."""

    def ask(rule: str, reason: str, days: int, ticket: str = "1", **more: Any) -> int:
        asked = {"asked_by": "mara.roy", "asked_at": T0 - days * DAY, "way": Way.COMMAND} | more
        waiver = Waiver(SOURCE, ticket, rule, T0.date(), reason, **asked)
        return register.waivers.add(waiver, T0 - days * DAY)

    first = ask(RULE, HOSTILE, 8)
    register.waivers.end({first: "its last day, 2026-02-25, is over"}, T0 - 4 * DAY)
    ask("owner-active", "Only until the new owner is there", 3)
    second = ask("owner-active", "The new owner comes in April", 2, asked_by="dan.wu", approved_by="priya.nair")
    waits = ask("gone-rule", "A rule that the live set has not", 1)
    ask(RULE, SECRET, 1, "12", asked_by=SECRET, approved_by=SECRET)
    standing = (SOURCE, "1", second, "active", "")
    waiting = (SOURCE, "1", waits, "inactive", "a high finding needs a second person")
    register.waivers.replace_standings(SOURCE, {"1": [standing, waiting]})


@pytest.fixture(scope="module")
def life_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the register."""
    path = tmp_path_factory.mktemp("life") / "register.db"
    with open_register(path, clock_now=T0) as register:
        build(register)
    return path


@pytest.fixture(scope="module")
def life(life_file: Path) -> Iterator[RegisterPage]:
    """Serve it in London."""
    running = serve_register(life_file, "127.0.0.1:0", PageOptions(ZONE, ManualClock(T0)))
    yield running
    running.stop()


def entries(life: RegisterPage, path: str = OWN) -> list[str]:
    """Return the entries of the timeline as a person reads them, the latest first."""
    answer = requests.get(life.url + path, timeout=PATIENCE)
    assert answer.status_code == 200
    timeline = answer.text.partition('<ol class="timeline">')[2].partition("</ol>")[0]
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", one)).split()) for one in timeline.split("<li")[1:]]


def said(life: RegisterPage, *words: str) -> str:
    """Return the only entry that says all these words."""
    (found,) = [entry for entry in entries(life) if all(word in entry for word in words)]
    return found


def content_for(path: Path, role: AccessRole) -> dict[str, Any]:
    """Return the content of the record's page for a role."""
    connection = RegisterSite(path, role=role).page.connect()
    asked = PageQuery(connection, {"source": SOURCE, "ticket": "1"}, PageTimes(T0, ZONE), PageOptions())
    found = record(asked)
    connection.close()
    assert found is not None
    return found


def test_waivers_stand_in_the_timeline_from_their_beginning_to_their_end(life: RegisterPage) -> None:
    """Who, which rule, until which last day, why, who approved; one that ended says when and why."""
    made = said(life, "Waived: The cause comes first")
    assert f"(rule {RULE}) until {T0.day} {T0:%b %Y} by mara.roy {HOSTILE}" in made
    assert "its last day, 2026-02-25, is over" in said(life, f"Waiver ended: The cause comes first (rule {RULE})")
    assert "approved by priya.nair The new owner comes in April" in said(life, "Waived: Active", "by dan.wu")
    assert "by dan.wu replaced by a newer waiver" in said(life, "Waiver ended: Active")
    waits = said(life, "Waived: rule gone-rule")
    assert "without effect: a high finding needs a second person" in waits
    found = entries(life)
    order = ["Waived: rule gone-rule", "Waived: Active", "Waiver ended: The cause", "Waived: The cause"]
    places = [next(place for place, entry in enumerate(found) if step in entry) for step in order]
    assert places == sorted(places)


def test_a_waived_finding_leads_to_its_waiver(life: RegisterPage) -> None:
    """The notice of a waived finding points to the entry of the waiver that counts."""
    text = requests.get(life.url + OWN, timeout=PATIENCE).text
    (place,) = re.findall(r'Waived until .*?<a href="#(waiver-\d+)">', text)
    assert "The new owner comes in April" in text.partition(f'id="{place}"')[2].partition("</li>")[0]


def test_actions_stand_in_the_timeline_with_their_keys(life: RegisterPage, life_file: Path) -> None:
    """Changes of the tickets of actions name and lead to the ticket; an auditor's findings point to them."""
    text = requests.get(life.url + OWN, timeout=PATIENCE).text
    for key in ("CAPA-11", "CAPA-12", "CAPA-13"):
        assert any(f"Summary changed on {key}" in entry for entry in entries(life)), key
    assert f'on <a href="/record?source={SOURCE}&amp;ticket=11">CAPA-11</a>' in text
    assert HOSTILE in html.unescape(text)
    content = content_for(life_file, AccessRole.AUDITOR)
    findings = [
        row
        for rows in content.values()
        if isinstance(rows, list)
        for row in rows
        if isinstance(row, dict) and "lines" in row
    ]
    anchors = {fact["anchor"] for row in findings for line in row["lines"] for fact in line["facts"]}
    assert any(anchor.startswith("change-action-") for anchor in anchors if anchor)
    assert "<script" not in text
    assert "on CAPA-11 by Write a checklist" in said(life, "Action done", "CAPA-11")
    assert "on CAPA" not in said(life, "Action done", "by Ask")  # in a field of the record itself


def test_hidden_tickets_of_actions_stay_hidden_in_the_timeline(life: RegisterPage, life_file: Path) -> None:
    """A reader sees that they changed, and no text or person of it; an auditor sees both."""
    for key, text in (ACTIONS["12"], ACTIONS["13"]):
        (shown,) = _changes(life_file, AccessRole.READER, key)
        (seen,) = _changes(life_file, AccessRole.AUDITOR, key)
        assert (shown.who, [(change.old, change.new) for change in shown.changes]) == (
            RESTRICTED,
            [(RESTRICTED,) * 2],
        )
        assert (seen.who, [(change.old, change.new) for change in seen.changes]) == (
            f"{SOURCE}:person {text}", [("first", text)],
        )  # fmt: skip
    for number in ("1", "12"):
        found = entries(life, f"record?source={SOURCE}&ticket={number}")
        assert SECRET not in " ".join(entry for entry in found if "Action done" not in entry)


def _changes(path: Path, role: AccessRole, key: str) -> list[TimelineEvent]:
    return [event for event in content_for(path, role)["events"] if event.kind == "change" and event.ticket == key]


def test_a_long_life_of_an_action_is_cut_with_a_link_to_the_rest(tmp_path: Path) -> None:
    """The latest changes are shown; a link leads to all changes of the actions, and none where nothing is cut."""
    path = tmp_path / "register.db"
    with open_register(path, clock_now=T0) as register:
        build(register)
        busy = FakeTicket("11", "CAPA-11", {"summary": "first"}, parent="1")
        for number in range(MOST + 1):
            busy.edit(T0 - DAY + timedelta(seconds=number), summary=f"edit {number}")
        run = register.runs.start(SOURCE, "changes", T0)
        register.tickets.commit_page(SOURCE, page(busy.reading()), T0, run, PARSER)
        register.runs.finish(run, T0, ok=True, as_of=T0)
    running = serve_register(path, "127.0.0.1:0")
    try:
        text = requests.get(running.url + OWN, timeout=PATIENCE).text
        assert f"edit {MOST}" in text
        assert "<ins>edit 0</ins>" not in text
        (link,) = re.findall(r'Only the latest changes are shown; <a href="/([^"]+)">', text)
        rows = requests.get(running.url + html.unescape(link), timeout=PATIENCE)
        assert rows.status_code == 200
        assert f"{MOST + 1 + 2} rows" in rows.text  # those of the other two actions, and none of the record's own
        other = requests.get(f"{running.url}record?source={SOURCE}&ticket=12", timeout=PATIENCE).text
        assert "Only the latest" not in other
    finally:
        running.stop()
