"""What a confidential ticket says is in nothing that people take away, or are shown, as a reader."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from capa_sync.assistants.answers import Answers
from capa_sync.model.digest import DigestItem
from capa_sync.sandbox.stories.script import AddAction, Create, Day, Fill
from capa_sync.web import RegisterPage, serve_register
from capa_sync.web.reader_views import ReaderViews
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, NOW, Harness
from tests.patience import PATIENCE
from tests.pdf_text import pdf_text

RECORD, ACTION, OTHER, SUBTASK = "Zebrafish", "Zebrafinch", "Zebrawood", "Zebroid"
"""Words in the texts of a confidential record, of one that is an open record's action, of a related one, and of a
sub-task that is confidential by itself."""
WORDS = (RECORD, ACTION, OTHER, SUBTASK)
OWNER = "Adeyemi"
"""He is named by the confidential tickets alone."""
PERIOD = ("--from", "2026-06-01", "--to", "2026-06-15")
EXITS: dict[str, tuple[str, tuple[str, ...]]] = {
    "all.html": ("export", ()),
    "all.xlsx": ("export", ()),
    "all.oscal.json": ("export", ()),
    "register.csv": ("export", ()),
    "changes.csv": ("export", ("--table", "changes")),
    "actions.jsonl": ("export", ("--table", "actions")),
    "past.csv": ("export", ("--as-of", "2026-06-15")),
    "report.html": ("report", PERIOD),
    "sample": ("sample", ("--seed", "x")),
}
"""Name of a file or folder -> the verb that makes it, with its options."""
WITHOUT_ACTIONS = ("changes.csv", "report.html")
"""Exits that have records alone."""


def _plant(harness: Harness, source: str, story: str, word: str) -> None:
    """Create a late confidential ticket with a word in its texts."""
    planted = {"title": f"{word} title", "description": f"{word} description", "confidential": "yes"}
    harness.play_event(source, story, Create({**FACTS, **planted, "owner": "samuel.adeyemi", "due_at": Day(3)}))
    harness.play_event(source, story, Fill({"action_text": f"{word} action", "root_cause": f"{word} cause"}))


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """Confidential tickets: one alone, one related to another, and actions of open records: a link and a sub-task."""
    made = shared_harness("jira-dc", "servicenow", rules=("root-cause-before-action", "action-overdue"))
    made.create_broken("servicenow", "open")
    _plant(made, "servicenow", "secret", RECORD)
    tracker = made.players["jira-dc"].tracker.as_user("alee")
    for word, story, link in ((ACTION, "resolved", "Resolves"), (OTHER, "related", "Relates")):
        made.create_broken("jira-dc", story)
        _plant(made, "jira-dc", word, word)
        tracker.link(made.key("jira-dc", word), link, made.key("jira-dc", story))
        made.play_event("jira-dc", story, Fill({"impact": f"As {made.key('jira-dc', word)} says, payroll stopped"}))
    made.create_broken("jira-dc", "parent")
    made.play_event("jira-dc", "parent", AddAction(f"{SUBTASK} action", Day(3), "child", "samuel.adeyemi"))
    tracker.edit(made.players["jira-dc"].actions["parent"], {"Confidential": "Yes"})
    made.sync()
    made.set_clock(NOW + timedelta(days=1))
    made.sync()  # so that the day of the first one is past
    return made


def _hidden_key(harness: Harness, word: str) -> str:
    """Return the key of the confidential ticket in Jira whose texts have a word."""
    player = harness.players["jira-dc"]
    return player.actions["parent"] if word == SUBTASK else player.keys[word]


def _texts(path: Path) -> Iterator[bytes]:
    """Yield what a file, a zip or a folder of these holds."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                yield from map(_readable, (archive.read(name) for name in archive.namelist()))
        elif file.is_file():
            yield file.read_bytes()


def _readable(content: bytes) -> bytes:
    return pdf_text(content).encode() if content.startswith(b"%PDF-") else content


def _words(path: Path) -> set[str]:
    """Return the planted words that a file, a zip or a folder of these holds."""
    texts = list(_texts(path))
    assert texts
    return {word for word in WORDS if any(word.encode() in text for text in texts)}


@pytest.mark.parametrize("file", EXITS)
def test_no_exit_has_a_confidential_text_for_a_reader_and_each_has_it_for_an_auditor(
    harness: Harness, file: str
) -> None:
    """The auditor's file has the planted words, the reader's none of them, and has the open tickets all the same."""
    verb, options = EXITS[file]
    whole = {*WORDS} - ({SUBTASK} if file in WITHOUT_ACTIONS else set())
    for role, expected in (("auditor", whole), ("reader", set())):
        path = harness.folder / f"{role}-{file}"
        done = harness.run("register", verb, str(path), *options, "--as-role", role)
        assert done.code == 0, done.err
        assert _words(path) == expected, role


def test_a_reader_gets_no_pack_of_a_confidential_ticket(harness: Harness) -> None:
    """One line says who may take it, and no file is made."""
    path = harness.folder / "pack.zip"
    ticket = harness.key("servicenow", "secret")
    refused = harness.run("register", "pack", ticket, "--output", str(path), "--as-role", "reader")
    assert (refused.code, refused.err) == (
        2,
        f"servicenow:{ticket} is confidential; an auditor may take its pack\n",
    )
    assert not path.exists()


@pytest.fixture(scope="module")
def page(harness: Harness) -> Iterator[RegisterPage]:
    """The page of the register, for somebody who did not sign in."""
    running = serve_register(harness.register_file, "127.0.0.1:0")
    yield running
    running.stop()


VIEWS = ("v_register", "v_actions", "v_findings", "v_episodes", "v_changes", "v_writes", "v_today", "v_tickets")


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_or_facet_of_the_page_has_a_text_or_owner_of_a_confidential_action(
    page: RegisterPage, view: str
) -> None:
    """Neither the rows, nor what one column can be narrowed to."""
    everything = requests.get(f"{page.url}register/{view}.json?_shape=array&_size=max", timeout=PATIENCE)
    assert everything.status_code == 200
    columns = everything.json()[0]
    facets = "&".join(f"_facet={column}" for column in columns)
    narrowed = requests.get(f"{page.url}register/{view}.json?{facets}", timeout=PATIENCE)
    for text in (everything.text, narrowed.text):
        assert not [word for word in (*WORDS, OWNER) if word in text]


@pytest.mark.parametrize(("story", "origin", "word"), [("resolved", "link", ACTION), ("parent", "subtask", SUBTASK)])
def test_only_the_confidential_action_of_an_open_record_is_hidden(
    harness: Harness, page: RegisterPage, story: str, origin: str, word: str
) -> None:
    """The record's own action is shown, and the texts of the record; what may quote its actions is not."""
    key = harness.key("jira-dc", story)
    asked = f"{page.url}register/v_actions.json?_shape=array&ticket_key={key}"
    actions = {row["origin"]: row for row in requests.get(asked, timeout=PATIENCE).json()}
    assert (actions[origin]["text"], actions[origin]["owner"]) == ("restricted", "restricted")
    assert actions[origin]["action_key"] == _hidden_key(harness, word)
    assert actions["field"]["text"] == "Do the missing review and name a deputy"
    (row,) = requests.get(asked.replace("v_actions", "v_register"), timeout=PATIENCE).json()
    assert (row["title"], row["action_text"], row["confidential"]) == (FACTS["title"], "restricted", "no")
    (row,) = requests.get(
        f"{page.url}register/v_register.json?_shape=array&ticket_key={harness.key('jira-dc', 'related')}",
        timeout=PATIENCE,
    ).json()
    assert row["action_text"] == "Do the missing review and name a deputy"


def test_our_own_pages_show_and_find_no_confidential_action(harness: Harness, page: RegisterPage) -> None:
    """The record's page, the search and today's list."""
    ids = {row["ticket_key"]: row["ticket_id"] for row in harness.rows("v_tickets")}
    paths = ["", "records", "register/v_today.json"]
    own = [ids[harness.key("jira-dc", story)] for story in ("resolved", "related", "parent")]
    paths += [f"record?source=jira-dc&ticket={ticket_id}" for ticket_id in own]
    for path in paths:
        text = requests.get(page.url + path, timeout=PATIENCE).text
        assert not [word for word in (*WORDS, OWNER) if word in text], path
    for word in WORDS:
        assert ">0</strong> record" in requests.get(f"{page.url}records?q={word}", timeout=PATIENCE).text


def test_an_assistant_is_told_nothing_of_a_confidential_action(harness: Harness) -> None:
    """Neither in the explanation of the open record, nor by a statement of its own."""
    answers = Answers(ReaderViews(harness.register_file))
    answered = [answers.explain(harness.key("jira-dc", story), 100) for story in ("resolved", "related", "parent")]
    answered += [
        answers.query(f"SELECT * FROM {view}", 1000)  # noqa: S608 - names of ours
        for view in VIEWS
    ]
    answered += [answers.overdue(100), answers.today("", 100)]
    text = json.dumps(answered)
    assert not [word for word in (*WORDS, OWNER) if word in text]


def test_a_digest_marks_what_may_quote_a_confidential_action(harness: Harness) -> None:
    """The matters of the open record that has one, and no others."""
    with harness.register() as register:
        items: tuple[DigestItem, ...] = register.sends.facts().items
    marked = {item.ticket_key for item in items if item.has_secret_action and not item.is_confidential}
    assert marked == {harness.key("jira-dc", story) for story in ("resolved", "parent")}


def _pack(harness: Harness, story: str, role: str) -> tuple[Path, dict[str, Any]]:
    """Write the pack of a story's ticket; return the file and its evidence.json."""
    path = harness.folder / f"{role}-{story}.zip"
    done = harness.run("register", "pack", harness.key("jira-dc", story), "--output", str(path), "--as-role", role)
    assert done.code == 0, done.err
    with zipfile.ZipFile(path) as archive:
        return path, json.loads(archive.read("evidence.json"))


@pytest.mark.parametrize(("story", "word"), [("resolved", ACTION), ("related", OTHER), ("parent", SUBTASK)])
def test_a_readers_pack_names_what_it_has_not_of_a_confidential_ticket(
    harness: Harness, story: str, word: str
) -> None:
    """No file has its texts or owner, not even as Jira copied them into the record; the auditor's pack has them."""
    path, whole = _pack(harness, story, "auditor")
    assert _words(path) == {word}
    path, evidence = _pack(harness, story, "reader")
    assert _words(path) == set()
    assert not any(OWNER.encode() in text for text in _texts(path))
    own, other = (f"jira-dc:{key}" for key in (harness.key("jira-dc", story), _hidden_key(harness, word)))
    hint = "an auditor may take it"
    assert f"{own}: raw payloads of record: it names {other}, which is confidential; {hint}" in evidence["missing"]
    left_out = [f"{other} (action): it is confidential; {hint}"] if story != "related" else []
    assert [what for what in evidence["missing"] if "(action)" in what] == left_out
    assert [finding["rule"] for finding in evidence["findings"]] == [row["rule"] for row in whole["findings"]]
    assert any(event["what"].startswith("Root cause") or event["kind"] == "created" for event in evidence["timeline"])
    said = {row["field"]: row["text"] for row in evidence["fields"]}
    assert said["description"] == FACTS["description"]
    assert said.get("impact") == (None if story == "parent" else "restricted")
    assert list(said) == [row["field"] for row in whole["fields"]]


def test_a_pack_has_as_actions_only_what_the_mapping_takes_as_such(harness: Harness) -> None:
    """Of an auditor's pack, too: a ticket that is only related is no part of it."""
    for story, tickets in (("resolved", ["record", "action"]), ("related", ["record"])):
        _, evidence = _pack(harness, story, "auditor")
        assert [ticket["role"] for ticket in evidence["tickets"]] == tickets
        names = {
            f"jira-dc:{harness.key('jira-dc', name)}" for name in (story, *([ACTION] if len(tickets) > 1 else []))
        }
        assert {event["ticket"] for event in evidence["timeline"]} == names
