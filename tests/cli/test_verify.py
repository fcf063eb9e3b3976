"""`verify` says whether the register is as capa-sync stored it, and prints heads that can be noted elsewhere."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from capa_sync.cli.app import cli
from capa_sync.errors import RegisterUnavailable, UserError
from capa_sync.store import open_register
from tests.unit.store.fake_parser import T0
from tests.unit.store.test_chain import fill


@pytest.fixture
def register_file(tmp_path: Path) -> Path:
    """Give the file of a register with every kind of chained row."""
    with open_register(tmp_path / "register.db", clock_now=T0) as register:
        fill(register)
    return tmp_path / "register.db"


def verify(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """Run the verb; return its exit code and lines."""
    code = cli.main(args=["verify", *words], prog_name="capa-sync", standalone_mode=False)
    return code, capsys.readouterr().out.splitlines()


def test_a_whole_register_and_its_noted_heads(
    register_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The head is one line for a mail or a tag; a file of such lines is compared with the chain."""
    code, (head,) = verify(capsys, str(register_file), "--head")
    assert code == 0
    noted = tmp_path / "heads.txt"
    noted.write_text(f"{head}  2026-03-02 by mail\n\n", encoding="ascii")
    code, lines = verify(capsys, str(register_file), "--against", str(noted), "--against", head)
    assert code == 0
    whole, uncovered = lines[-2:]
    says = "every event and every row that it covers is as capa-sync stored it; it has the 2 noted heads"
    assert whole == f"{says}; head {head}"
    assert uncovered.startswith("not covered: what people read of a ticket, which `capa-sync rebuild` makes again")
    for name in ("run", "register_check", "month_check", "pin", "cursor", "finding.on_ticket", "write_out.facts"):
        assert name in uncovered.replace(",", "").split()
    number, _, digest = head.partition(":")
    assert verify(capsys, str(register_file), "--against", f"{number}:{digest[::-1]}")[0] == 5


def test_a_changed_row_ends_with_5_and_is_named(register_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the terminal and as JSON."""
    with sqlite3.connect(register_file) as connection:
        connection.execute("UPDATE waiver SET reason = 'Agreed with the auditor'")
    code, lines = verify(capsys, str(register_file))
    assert code == 5
    assert lines[1].startswith("  waiver 1 of paper 1: is not as it was chained (event ")
    assert lines[-1] == "1 break: the register was changed outside of capa-sync, or is damaged"
    code, lines = verify(capsys, str(register_file), "--json")
    report = json.loads("\n".join(lines))
    assert (code, report["whole"], report["broken"]) == (5, False, 1)
    assert report["breaks"][0]["row"] == "waiver 1 of paper 1"


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("UPDATE event SET text = 'x' WHERE number = 1", "event 1: is not as it was chained"),
        ("UPDATE event SET text = '[]' WHERE number = 1", "event 1: is not as it was chained"),
        ("UPDATE event SET names = '{}' WHERE kind = 'page'", "event 4: its hash is not that of its content"),
        (
            "UPDATE event SET at = CAST(x'ff' AS TEXT) WHERE number = 3",
            "event 3: its hash is not that of its content",
        ),
        ("DROP TABLE waiver", "table waiver: it is gone, and no event says so"),
        ("DROP TABLE event", "table event: it is gone, and no event says so"),
        ("DROP TABLE meta", "table meta: it is gone, and no event says so"),
        ("DROP INDEX waiver_ticket", "index waiver_ticket of table waiver: it is gone, and no event says so"),
        ("DELETE FROM event", "event 1: it is not the beginning of a chain"),
        ("DELETE FROM waiver", "waiver 1 of paper 1: it is gone, and no event says so"),
        ("UPDATE waiver SET reason = CAST(x'41ff' AS TEXT)", "waiver 1 of paper 1: is not as it was chained"),
        ("UPDATE deletion SET remote_id = CAST(x'41ff' AS TEXT)", "deleted comment 77 of paper 1: it is gone"),
        ("UPDATE tombstone SET parts = '[[1, 99999999999999]]'", "erasure 1 of paper 3: is not as it was chained"),
    ],
)
def test_whatever_was_done_the_first_break_is_one_line_and_the_code_is_5(
    register_file: Path, capsys: pytest.CaptureFixture[str], statement: str, first: str
) -> None:
    """Also where a cell has no text or JSON any more, or a table is gone; `--head` says what to ask."""
    with sqlite3.connect(register_file) as connection:
        connection.execute(statement)
    code, lines = verify(capsys, str(register_file))
    assert (code, lines[1].strip()[: len(first)]) == (5, first)
    code, lines = verify(capsys, str(register_file), "--json")
    assert (code, json.loads("\n".join(lines))["whole"]) == (5, False)
    if "event" in statement.split() and "WHERE" not in statement:
        with pytest.raises(RegisterUnavailable, match="the chain has no event that can be read"):
            cli.main(args=["verify", str(register_file), "--head"], standalone_mode=False)


def test_what_is_no_head_is_the_users_mistake(register_file: Path, tmp_path: Path) -> None:
    """With the line of the file where a head in it is cut; a pipe or device is not read."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "none.txt").write_text("Received: 10:15\n12:abc\n", encoding="ascii")
    (tmp_path / "cut.txt").write_text(f"\n12:{'a' * 40}\n", encoding="ascii")
    for word, says in (
        ("12:abc", "'12:abc' is no head and no file"),
        (str(tmp_path / "pipe"), "pipe' is no head and no file that can be read"),
        (str(tmp_path / "none.txt"), "none.txt: there is no head in it"),
        (str(tmp_path / "cut.txt"), "cut.txt:2: '12:aaaa"),
    ):
        with pytest.raises(UserError) as refused:
            cli.main(["verify", str(register_file), "--against", word], standalone_mode=False)
        assert says in str(refused.value)
    with pytest.raises(UserError, match="zero: this is no regular file"):
        cli.main(["verify", str(register_file), "--tsa-ca", "/dev/zero"], standalone_mode=False)


def test_a_long_verification_says_how_far_it_is(
    register_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere than on a terminal in plain lines, on standard error; a short one says nothing."""
    assert verify(capsys, str(register_file))[0] == 0
    monkeypatch.setattr("capa_sync.store.chain_reading.TOLD", 5)
    monkeypatch.setattr("capa_sync.cli.progress.PLAIN_EVERY", 1)
    code = cli.main(args=["verify", str(register_file)], prog_name="capa-sync", standalone_mode=False)
    lines = capsys.readouterr().err.splitlines()
    assert (code, lines[0].startswith("register: events 5 of ")) == (0, True)
    assert lines[-1].startswith("register: tables ")
