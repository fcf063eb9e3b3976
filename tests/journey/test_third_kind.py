"""A kind of source from another distribution: one package and one entry point; our code does not know its name."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.model.ticket import Presence
from capa_sync.store import Register, open_register
from tests.daemon.fork_server import ROOT, ForkServer

THIRD_KIND = ROOT / "tests" / "third_kind"
NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
SETTINGS = """register = "register.db"
rules = ["rules"]
timezone = "Europe/London"
rules_live = "on_save"
[write_back]
mode = "on"
settle = "0s"
[sources.shared-drive]
kind = "folder"
url = "file://{folder}"
mapping = "map.yaml"
"""
MAPPING = """mapping: folder
kind: folder
record:
  track: {constant: nonconformity}
  title: Title
  description: Description
  detected_at: Detected on
  location: Location
  owner: Owner
  grade: {field: Grade, values: {Major: major, Minor: minor}}
  correction: Correction
  correction_na_reason: No correction because
stage:
  field: Status
  values: {Open: identified, Analysed: analysed, Planned: planned, Closed: closed}
actions:
  - {from: field, field: Action, kind: corrective, inherit: [owner]}
"""
SITE = {
    "me": "capa-sync",
    "accounts": {"capa-sync": "capa-sync", "ann": "Ann Lee", "ben": "Ben Roy"},
    "fields": {
        "Title": "text", "Description": "text", "Detected on": "date", "Location": "text", "Owner": "user",
        "Grade": "option", "Correction": "text", "No correction because": "text", "Status": "status",
        "Action": "text",
    },
    "statuses": ["Open", "Analysed", "Planned", "Closed"],
}  # fmt: skip
RULE = "correction-recorded"
CORRECTION = "The door was locked again and the guard was informed on the same day."


class Drive:
    """A folder of issues, a settings file beside it, and processes of capa-sync that work on them."""

    def __init__(self, folder: Path, fork_server: ForkServer) -> None:
        self.folder = folder
        self._fork_server = fork_server
        self._count = itertools.count()
        self.issues = folder / "site" / "issues"
        self.comments = folder / "site" / "comments"
        self.now = NOW
        self.issues.mkdir(parents=True)
        (folder / "rules").mkdir()
        shutil.copy(ROOT / "rules" / f"{RULE}.yaml", folder / "rules")
        (folder / "site" / "site.json").write_text(json.dumps(SITE), encoding="utf-8")
        (folder / "map.yaml").write_text(MAPPING, encoding="utf-8")
        (folder / "capa-sync.toml").write_text(SETTINGS.format(folder=folder / "site"), encoding="utf-8")
        self._path = str(installed(folder / "installed"))

    def create(self, number: int, **fields: str) -> None:
        """Let Ann create an issue today."""
        at = self.now.isoformat()
        issue = {"id": str(number), "key": f"NC-{number}", "type": "Issue", "by": "ann", "created": at, "updated": at}
        self.save(issue | {"fields": fields, "history": []})

    def edit(self, number: int, **fields: str) -> None:
        """Let Ben change fields now; the history records each."""
        issue = self.issue(number)
        for name, value in fields.items():
            entry = {"id": f"{number}-{len(issue['history'])}", "at": self.now.isoformat(), "by": "ben"}
            entry |= {"field": name, "old": issue["fields"].get(name, ""), "new": value}
            issue["history"].append(entry)
            issue["fields"][name] = value
        self.save(issue | {"updated": self.now.isoformat()})

    def issue(self, number: int) -> dict[str, Any]:
        """Return an issue as the folder has it."""
        found: dict[str, Any] = json.loads((self.issues / f"{number}.json").read_text(encoding="utf-8"))
        return found

    def save(self, issue: dict[str, Any]) -> None:
        """Write an issue."""
        (self.issues / f"{issue['id']}.json").write_text(json.dumps(issue), encoding="utf-8")

    def texts(self, number: int) -> list[str]:
        """Return the texts of an issue's comments."""
        files = sorted((self.comments / str(number)).glob("*.json"))
        return [json.loads(file.read_text(encoding="utf-8"))["text"] for file in files]

    def picture(self) -> dict[str, str]:
        """Return every file of the folder."""
        site = self.folder / "site"
        return {str(file.relative_to(site)): file.read_text(encoding="utf-8") for file in site.rglob("*.json")}

    def run(self, verb: str, *arguments: str, code: int = 0, **more: str) -> str:
        """Run a command in a process of its own and return what it printed."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("CAPA_SYNC_")}
        env |= {"PYTHONPATH": self._path, "CAPA_SYNC_TEST_CLOCK": self.now.isoformat()} | more
        out = self.folder / f"{next(self._count)}-{verb}.out"
        done = self._fork_server.start(
            [verb, *arguments, "-c", "capa-sync.toml"],
            env=env, folder=self.folder, out=out, limits={}, yaml=(self.folder / "rules").iterdir(),
        ).wait()  # fmt: skip
        assert done.code == code, f"{verb} ended with {done.code}:\n{done.out}\n{done.err}"
        return done.out + done.err

    def sync(self, later: timedelta = timedelta(minutes=5)) -> str:
        """Run one cycle some time later, with the brakes released."""
        self.now += later
        return self.run("sync", "--release", "all")

    def tables(self) -> dict[str, list[Any]]:
        """Return every row of the register but the ledger of runs, without the numbers that SQLite counts up."""
        with self.register() as register:
            tables = register.rows_by_table()
        return {
            name: sorted((row[1:] for row in rows), key=repr) if name in ("change", "child") else rows
            for name, rows in tables.items()
        }

    def changed(self, before: dict[str, list[Any]]) -> set[str]:
        """Return the names of the tables with other rows than before."""
        return {name for name, rows in self.tables().items() if rows != before[name]}

    def rows(self, view: str) -> list[dict[str, object]]:
        """Return the rows of a public view."""
        with self.register() as register:
            return list(register.view(view))

    def register(self) -> Register:
        """Open the register to read it."""
        return open_register(self.folder / "register.db", clock_now=self.now, read_only=True)


def installed(place: Path) -> Path:
    """Install the package as pip does: its files, and the entry points that its pyproject.toml names."""
    shutil.copytree(THIRD_KIND / "folder_source", place / "folder_source")
    project = tomllib.loads((THIRD_KIND / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = place / f"folder_source-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1\n", encoding="utf-8")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return place


@pytest.fixture
def drive(tmp_path: Path, fork_server: ForkServer) -> Drive:
    """A folder with one issue that breaks a rule after its deadline, and one that breaks none."""
    drive = Drive(tmp_path, fork_server)
    common = {"Description": "The side door of the office was found unlocked at night.", "Location": "Office",
              "Owner": "ann", "Grade": "Minor", "Status": "Open", "Detected on": "2026-06-15"}  # fmt: skip
    drive.create(1, Title="Door found open", **common)
    drive.create(2, Title="Window found open", Correction=CORRECTION, **common)
    drive.sync()
    assert drive.texts(1) == drive.texts(2) == []
    drive.now += timedelta(days=20)
    return drive


def test_an_issue_is_warned_about_once_edited_and_declared_clear(drive: Drive) -> None:
    """One comment is created, changes with the finding, and says at the end that nothing is open."""
    drive.sync()
    [warning] = drive.texts(1)
    assert "Nothing is recorded about the immediate correction" in warning
    drive.now += timedelta(days=2)
    drive.edit(1, Correction="TBD")
    drive.sync()
    [edited] = drive.texts(1)
    assert "The immediate correction is only a placeholder" in edited
    drive.now += timedelta(days=2)
    drive.edit(1, Correction=CORRECTION)
    drive.sync()
    [clear] = drive.texts(1)
    assert "correction" not in clear.lower() or "no open point" in clear.lower(), clear
    assert drive.texts(2) == []


def test_a_second_pass_writes_nothing_and_changes_no_row(drive: Drive) -> None:
    """The folder is as it was, also after a full read; `rebuild` makes the same register."""
    drive.sync()
    drive.sync()  # reads our own comment
    folder, tables = drive.picture(), drive.tables()
    drive.now += timedelta(minutes=5)
    drive.run("sync")
    assert drive.picture() == folder
    assert drive.changed(tables) == set()
    drive.run("sync", "--full")
    drive.run("rebuild")
    assert drive.picture() == folder
    assert drive.changed(tables) == set()


def test_the_register_and_explain_show_an_issue_with_its_history(drive: Drive) -> None:
    """Verdict, evidence and status are rendered as those of any tracker."""
    drive.edit(1, Correction="TBD")
    drive.sync()
    explanation = drive.run("explain", "NC-1")
    assert f"{RULE} (7): breach" in explanation
    assert "by Ben Roy" in explanation
    assert "shared-drive" in drive.run("status")
    [row] = [row for row in drive.rows("v_register") if row["ticket_key"] == "NC-1"]
    assert (row["source"], row["title"], row["owner"]) == ("shared-drive", "Door found open", "Ann Lee")
    [write] = drive.rows("v_writes")
    assert (write["kind"], write["state"]) == ("comment", "delivered")


def test_what_people_delete_is_noticed(drive: Drive) -> None:
    """An issue without a file is gone after a census; a deleted comment comes back once, and not a second time."""
    drive.sync()
    (drive.issues / "2.json").unlink()
    for _time in range(2):
        for comment in (drive.comments / "1").glob("*.json"):
            comment.unlink()
        drive.edit(1, Description=f"The side door was found unlocked at {drive.now:%H:%M}.")
        drive.sync(timedelta(hours=26))
        drive.sync()
    assert drive.texts(1) == []
    with drive.register() as register:
        assert register.tickets.presences("shared-drive")["2"][0] is Presence.DELETED_OR_HIDDEN


def test_an_issue_that_makes_no_ticket_is_quarantined_until_it_does(drive: Drive) -> None:
    """It is shown with its reason, also after a census and a full read, and others go on; mended it is judged."""
    drive.create(3, Title="Gate found open", Status="Open")
    good = drive.issue(3)
    drive.save(good | {"fields": "none"})
    for arguments in ([], ["--full"], []):
        drive.now += timedelta(hours=26)
        drive.run("sync", "--release", "all", *arguments)
        assert "shared-drive:NC-3: a part of it cannot be read (AttributeError)" in drive.run("status")
        for name in ("NC-3", "nc-3", "3", "shared-drive:NC-3", "shared-drive:3"):
            printed = drive.run("explain", name)
            assert printed.startswith("shared-drive:NC-3 is quarantined: it could not be read\n"), printed
            assert "a part of it cannot be read (AttributeError)" in printed
    assert len(drive.texts(1)) == 1
    drive.save(good | {"updated": drive.now.isoformat()})
    drive.sync()
    assert "quarantined: 0" in drive.run("status")
    assert "shared-drive:NC-3 “Gate found open”" in drive.run("explain", "NC-3")


def test_a_lost_register_makes_no_second_comment(drive: Drive) -> None:
    """A new register takes over the comment that an earlier one created with our account."""
    drive.sync()
    for file in drive.folder.glob("register.db*"):
        file.unlink()
    drive.sync()
    drive.sync()
    assert len(drive.texts(1)) == 1
    drive.run("withdraw", "--source", "shared-drive")
    drive.sync()
    assert drive.texts(1) == []


@pytest.mark.parametrize("step", ["deliver.request.before", "deliver.request.after"])
def test_a_kill_beside_the_write_makes_no_second_comment(drive: Drive, step: str) -> None:
    """The next start looks up by its marker whether the comment was written."""
    drive.now += timedelta(minutes=5)
    drive.run("sync", "--release", "all", code=-signal.SIGKILL, CAPA_SYNC_TEST_KILL_AT=step)
    assert len(drive.texts(1)) == (step == "deliver.request.after")
    drive.sync()
    drive.sync()
    assert len(drive.texts(1)) == 1
    assert [write["state"] for write in drive.rows("v_writes")] == ["delivered"]


def test_doctor_and_mapping_answer_for_the_kind_too(drive: Drive) -> None:
    """Its package declares the checks; the proposed mapping loads and maps the same fields; nothing is written."""
    before = drive.picture()
    checked = json.loads(drive.run("doctor", "--json"))
    [source] = checked["sources"]
    states = {check["name"]: check["state"] for check in source["checks"]}
    assert (states["sign_in"], states["right_to_write"], states["rule"]) == ("ok", "ok", "ok")
    proposed = drive.folder / "proposed.yaml"
    drive.run("mapping", "suggest", "shared-drive", "--out", str(proposed))
    fields = (
        "title: Title",
        "description: Description",
        "owner: Owner",
        "correction: Correction",
        "location: Location",
    )
    assert all(f"\n  {field}  # 0.9" in proposed.read_text(encoding="utf-8") for field in fields)
    (drive.folder / "map.yaml").write_text(proposed.read_text(encoding="utf-8"), encoding="utf-8")
    shown = drive.run("mapping", "check", "shared-drive", "NC-1")
    assert "Title: Door found open" in shown
    assert drive.picture() == before


def test_withdraw_takes_the_comment_back(drive: Drive) -> None:
    """Everything that we wrote in the folder is removed."""
    drive.sync()
    drive.run("withdraw", "--source", "shared-drive")
    drive.sync()
    assert drive.texts(1) == []


def test_a_mistake_in_the_settings_of_the_kind_is_reported_in_its_words(drive: Drive) -> None:
    """The kind refuses an address that is no folder, a sign-in, and an action place that it does not have."""
    file = drive.folder / "capa-sync.toml"
    good = file.read_text(encoding="utf-8")
    file.write_text(good.replace("file://", "https://files.example"), encoding="utf-8")
    assert "the address of a folder begins with file:///" in drive.run("sync", code=2)
    file.write_text(good + 'auth = { method = "pat", token_env = "T" }\n', encoding="utf-8")
    assert "a folder source needs no sign-in: take the table out" in drive.run("sync", code=2)
    file.write_text(good + 'hint_secret_env = "SECRET"\n', encoding="utf-8")
    assert "a folder source takes no hints" in drive.run("sync", code=2)
    file.write_text(good.replace('"folder"', '"foldr"'), encoding="utf-8")
    printed = drive.run("sync", code=2)
    assert "write one of 'jira', 'servicenow' or 'folder'" in printed
    assert ".auth: this key is missing" not in printed  # what an unknown kind needs is not known
    file.write_text(good, encoding="utf-8")
    mapping = drive.folder / "map.yaml"
    mapping.write_text(MAPPING + "  - {from: subtask, types: [Task], kind: corrective}\n", encoding="utf-8")
    assert "A folder has no subtask; use `from: field`" in drive.run("sync", code=2)
