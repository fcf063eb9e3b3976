"""Clerks: other processes weigh due tickets, and nothing comes out differently for it, whatever befalls them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from capa_sync.cli.clerk import clerk_command
from capa_sync.daemon import clerks as clerks_module
from capa_sync.daemon import judging
from capa_sync.daemon.clerks import Clerks
from capa_sync.daemon.house import House
from capa_sync.model.clock import FileClock
from capa_sync.settings import load_settings
from capa_sync.store import open_register
from capa_sync.wiring import build_house_for_reading, configure
from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import NOW, Desk, until
from tests.daemon.houses import Judged, judge, tell_fours

TICKETS = 24
BATCH = 4


@pytest.fixture(scope="module")
def desk(shared_desk: MakeDesk) -> Desk:
    """A tracker of two dozen mirrored tickets, judged by one rule; the settings name three more by now."""
    desk = shared_desk("jira-dc", rules=["what-when-where"])
    tell_fours(desk, "jira-dc", TICKETS)
    desk.sync()
    root = Path(judging.__file__).parents[2]
    for rule in ("root-cause-before-action", "action-overdue", "root-cause-substantive"):
        shutil.copy(root / "rules" / f"{rule}.yaml", desk.folder / "rules")
    return desk


@contextmanager
def _house(desk: Desk, folder: Path, *, clerks: Clerks | None = None) -> Iterator[House]:
    """A copy of the desk's register with everything wired; nothing but the tracker is missing."""
    shutil.copytree(desk.folder, folder)
    settings = folder / "capa-sync.toml"
    configuration = configure(load_settings(settings, {}), settings, {}, with_secrets=False)
    clock = FileClock(folder / "clock")
    with open_register(configuration.register_path, clock_now=clock.now()) as register:
        house = build_house_for_reading(configuration, register, clock)
        for setup in house.setups.values():
            setup.write = replace(setup.write, mode="plan")
        if clerks is not None:
            house.clerks = clerks
        yield house


@pytest.fixture(scope="module")
def alone(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """What judging without any clerk comes to."""
    with _house(desk, tmp_path_factory.mktemp("alone") / "desk") as house:
        return judge(house)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "BATCH", BATCH)
    monkeypatch.setattr(clerks_module, "_HERE", 1e9)  # none for this process


class _Watched(Clerks):
    """Clerks that count how many batches were answered."""

    answered = 0

    def weigh(self, *given: Any) -> Iterator[Any]:
        for outcomes in super().weigh(*given):
            self.answered += outcomes is not None
            yield outcomes


def _clerks(folder: Path, command: Sequence[str] = ()) -> _Watched:
    return _Watched(command or clerk_command(folder / "capa-sync.toml"), cores=3, worth=1)


def test_with_clerks_every_row_is_as_without(desk: Desk, alone: Judged, tmp_path: Path) -> None:
    """Verdicts, findings, register numbers, rows, due times and plans are the same, and clerks made them."""
    clerks = _clerks(tmp_path / "desk")
    with _house(desk, tmp_path / "desk", clerks=clerks) as house:
        assert judge(house) == alone
    assert alone[0]["judged"] == TICKETS
    assert alone[0]["opened"] >= TICKETS // 4
    assert alone[2]
    assert clerks.answered == TICKETS // BATCH


def test_a_clerk_that_is_killed_leaves_his_batches_to_us(
    desk: Desk, alone: Judged, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    """`kill -9` of every clerk after the first answer loses nothing and doubles nothing."""
    clerks = _clerks(tmp_path / "desk")
    with _house(desk, tmp_path / "desk", clerks=clerks) as house:

        def kill(name: str) -> None:
            if name == "after-judging-commit" and started[0].poll() is None:
                for process in started:
                    os.kill(process.pid, signal.SIGKILL)
                    process.wait()

        house.checkpoint = kill
        assert judge(house) == alone
    assert len(started) == 2
    assert clerks.answered < TICKETS // BATCH  # how many came before the kill is a matter of the machine


def test_a_clerk_who_knows_other_rules_declines(desk: Desk, alone: Judged, tmp_path: Path) -> None:
    """A rule file edited after this process has read it is not judged by, here or there."""
    clerks = _clerks(tmp_path / "desk")
    with _house(desk, tmp_path / "desk", clerks=clerks) as house:
        edited = tmp_path / "desk" / "rules" / "what-when-where.yaml"
        edited.write_text(edited.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
        assert judge(house) == alone
    assert clerks.answered == 0


@pytest.mark.parametrize("command", [["/nonexistent/python"], [sys.executable, "-c", "raise SystemExit(1)"]])
def test_clerks_that_do_not_come_are_not_missed(
    desk: Desk, alone: Judged, tmp_path: Path, command: list[str]
) -> None:
    """A program that cannot be started, or ends at once, costs nothing but its start."""
    clerks = _clerks(tmp_path / "desk", command)
    with _house(desk, tmp_path / "desk", clerks=clerks) as house:
        assert judge(house) == alone
    assert clerks.answered == 0


def test_a_clerk_that_may_not_be_polite_works_all_the_same(desk: Desk, alone: Judged, tmp_path: Path) -> None:
    """Our own systemd unit forbids to change priorities."""
    command = clerk_command(tmp_path / "desk" / "capa-sync.toml")
    forbid = "import os\ndef nice(_by): raise PermissionError(1, 'no')\nos.nice = nice\n"
    command[3] = forbid + command[3]
    clerks = _clerks(tmp_path / "desk", command)
    with _house(desk, tmp_path / "desk", clerks=clerks) as house:
        assert judge(house) == alone
    assert clerks.answered == TICKETS // BATCH


@pytest.mark.parametrize("with_clerks", [False, True])
def test_the_wish_to_stop_leaves_the_rest_due(desk: Desk, alone: Judged, tmp_path: Path, with_clerks: bool) -> None:
    """A daemon that is told to end stores the batch at hand; the next one judges the others."""
    clerks = _clerks(tmp_path / "desk") if with_clerks else None
    with _house(desk, tmp_path / "desk", clerks=clerks) as house:
        house.checkpoint = lambda name: house.stop.set() if name == "after-judging-commit" else None
        first = judge(house)[0]
        assert first["judged"] == BATCH
        assert len(house.register.agenda.due_judging("jira-dc", NOW)) == TICKETS - BATCH
        house.stop.clear()
        house.checkpoint = lambda _name: None
        second, tables, _ = judge(house)
    assert second["judged"] == TICKETS - BATCH
    assert tables == alone[1]


def test_a_clerk_ends_when_the_process_that_started_it_is_killed(desk: Desk, tmp_path: Path) -> None:
    """`kill -9` of the daemon leaves no clerk behind."""
    shutil.copytree(desk.folder, tmp_path / "desk")
    program = (
        "import os, signal, socket, subprocess, sys\n"
        "ours, his = socket.socketpair()\n"
        "clerk = subprocess.Popen([*sys.argv[1:], str(his.fileno())], pass_fds=[his.fileno()])\n"
        "print(clerk.pid, flush=True)\n"
        "his.close()\n"
        "sys.stdin.readline()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", program, *clerk_command(tmp_path / "desk" / "capa-sync.toml")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        clerk = int(process.stdout.readline())
        assert Path(f"/proc/{clerk}").exists()
        process.stdin.write("\n")
        process.stdin.flush()
    until(lambda: not _is_running(clerk))


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
