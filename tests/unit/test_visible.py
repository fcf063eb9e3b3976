"""Text of others leaves the program by one renderer: to the terminal, logs, cells, pages, and tickets."""

from __future__ import annotations

import ast
import csv
import io
import json
import logging
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

import capa_sync
from capa_sync.daemon.log import LogAction, configure_logs, log
from capa_sync.model.inert import inert
from capa_sync.model.visible import escaped, lines, one_line
from capa_sync.sources.servicenow.writer import plain_text
from capa_sync.web.inert import inert_csv
from capa_sync.writeback.wording import clean

PACKAGE = Path(capa_sync.__file__).parent
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = "\u200b\u2060\u2061\u206f\ufeff\ufff9\ufffb\U000e0001\U000e0041\U000e007f"
CONTROL = "".join(letter for letter in map(chr, range(256)) if unicodedata.category(letter) == "Cc")
BREAKS = "\u2028\u2029"
HALVES = "\ud800\udfff"
ORDERS = set(CONTROL + BIDI + UNSEEN + BREAKS + HALVES)
HOSTILE = f"a{CONTROL}b{BIDI}c{UNSEEN}d{BREAKS}e{HALVES}f\x1b[31m\x1b]0;owned\x07\x9b2Jg"


def csv_cell(text: str) -> str:
    """Return the cell as it stands in a CSV file."""
    out = io.StringIO()
    csv.writer(out).writerow([text])
    data, _ = inert_csv(out.getvalue().encode("utf-8", "replace"), is_end=True)
    return next(csv.reader(io.StringIO(data.decode(), newline="")))[0]


def log_line(text: str) -> str:
    """Return what a log line shows of a value, without the end of the line."""
    out = io.StringIO()
    configure_logs(out)
    log(LogAction.TICKET_QUARANTINED, source="jira", reason=text)
    return out.getvalue().removesuffix("\n")


def library_line(text: str) -> str:
    """Return what the log shows of a library's message and of the error with it."""
    out = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers[:] = []
    try:
        configure_logs(out)
        logging.getLogger("other").error("odd %s", text, exc_info=ValueError(text))
    finally:
        root.handlers[:] = before
    return out.getvalue().removesuffix("\n")


WAYS: dict[str, tuple[Callable[[str], str], str]] = {
    "a line of the terminal": (one_line, ""),
    "a document of JSON": (lambda text: escaped(json.dumps(text, ensure_ascii=False)), ""),
    "a log line": (log_line, ""),
    "a line of a library": (library_line, ""),
    "a cell of CSV": (csv_cell, "\n\t"),
    "text on several lines": (lines, "\n\t"),
    "a point of a warning": (lambda text: clean(text, 1_000), ""),
    "a work note": (plain_text, "\n\t"),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_control_or_invisible_character_leaves(way: str) -> None:
    """The output has no control or escape characters, turned directions, invisible characters or lone surrogates."""
    shown, allowed = WAYS[way]
    assert ORDERS & set(shown(HOSTILE)) - set(allowed) == set()
    for letter in ORDERS:
        assert ORDERS & set(shown(f"before{letter}after")) - set(allowed) == set()


@pytest.mark.parametrize("way", sorted(set(WAYS) - {"a document of JSON"}))
@pytest.mark.parametrize(
    "text", ["Ursache: Prüfung fehlte", "審査", "क्\u200dष", "نمی\u200cخواهم", "👩\u200d🔧", "a→b", "a'b"]
)
def test_what_people_write_is_unchanged(way: str, text: str) -> None:
    """Every script is unchanged, with the joiners that it needs."""
    assert text in WAYS[way][0](text)


def test_json_loses_nothing() -> None:
    """A program reads what the tracker has."""
    text = HOSTILE.replace(HALVES, "")
    assert json.loads(escaped(json.dumps(text, ensure_ascii=False))) == text


MAY_PRINT = {
    "cli/context.py",  # the renderer itself
    "cli/progress.py",  # names from the settings, and numbers
    "cli/demo.py",  # the sandbox's own addresses and keys
    "cli/trackers.py",
    "cli/init.py",
    "cli/serve.py",
    "cli/rebuild.py",
    "cli/retry.py",
    "cli/sync.py",
    "cli/rule_files.py",  # the vocabulary and the schema
    "cli/verbs.py",  # help
    "daemon/guard.py",  # a sentence of our own
}
"""Modules that print without the renderer, and nothing of a tracker."""


def prints(path: Path) -> bool:
    """Return whether a module writes to the terminal without the renderer."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}:
                return True
    return False


def test_commands_print_through_the_renderer() -> None:
    """A module that prints otherwise prints nothing of a tracker, and is listed with the reason."""
    found = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if prints(path)}
    assert found - MAY_PRINT == set()


SPACES = [letter for letter in map(chr, range(0x11000)) if letter.isspace() or unicodedata.category(letter) == "Zs"]
BLANKS = [*SPACES, *"\u00ad\u034f\u115f\u1160\u180e\u200b\u200c\u200d\u2060\u2800\u3164\ufeff\uffa0\u202e\x00\x08"]
SIGNS = ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "⁺", "₌", "−", "|", "%"]


@pytest.mark.parametrize("sign", SIGNS)
def test_a_cell_that_begins_with_odd_white_space_before_a_sign_is_neutralised(sign: str) -> None:
    """The cases are every white space character and every invisible character, alone and mixed."""
    for blank in BLANKS:
        for cell in (f"{blank}{sign}1+1", f" {blank}\u3000{blank}{sign}cmd", f"{sign}{blank}1+1"):
            assert inert(cell).startswith("'"), repr(cell)


@pytest.mark.parametrize(
    "cell", ["plain", " plain", "\u3000審査", "\u200cن", "12", "-12", "+3.5", "a=b", "", " ", "\u3164"]
)
def test_a_cell_without_a_sign_gets_no_apostrophe(cell: str) -> None:
    """Words, numbers and empty cells stay as they are."""
    assert not inert(cell).startswith("'")
