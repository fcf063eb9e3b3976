"""Folders and names that cannot be made: the user's mistake, in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import Child, ForkServer

LONG = "n" * 300


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "nowhere").symlink_to("not-there")
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "capa-sync.toml").symlink_to(tmp_path / "outside.toml")
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/proc/x", "the starter cannot be written there"),
        ("/dev/null/x", "the starter cannot be written there"),
        ("file/x", "the starter cannot be written there"),
        (LONG, "File name too long"),
        ("nowhere", "the starter cannot be written there"),
        ("circle", "the starter cannot be written there"),
        ("pipe", "the starter cannot be written there"),
        ("linked", "this is there already"),
    ],
)
def test_init_says_why_a_folder_cannot_be_made(fork_server: ForkServer, world: Path, folder: str, why: str) -> None:
    """Nothing is written outside the folder either, through a link that leads nowhere."""
    done = fork_server.start(
        ["init", folder], env=os.environ, folder=world, out=world.parent / f"{world.name}.out", limits={}
    ).wait()
    _check(done, why)
    assert not (world / "outside.toml").exists()
    assert not (world / "not-there").exists()


def test_a_name_that_no_file_can_have_is_the_user_s_mistake(make_harness: MakeHarness) -> None:
    """Whichever verb meets it first."""
    harness = make_harness("jira")
    harness.create_clean("jira")
    harness.sync()
    (harness.folder / "nowhere").symlink_to("not-there")
    for words in (
        f"register sample {LONG} --seed a",
        f"mapping suggest jira --out {LONG}/m.yaml",
        f"register pack CAPA-1 --out {LONG}",
        f"register export {LONG}.csv",
    ):
        done = harness.run(*words.split())
        assert (done.code, "Traceback" in done.err) == (2, False), f"{words[:20]}: {done.code} {done.err}"
    _check(harness.run("register", "sample", "nowhere", "--seed", "a"), "there is such a file or folder already")


def _check(done: Child, why: str) -> None:
    assert done.code == 2, done.err
    assert len(done.err.splitlines()) == 1
    assert why in done.err
