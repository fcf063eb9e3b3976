"""The world of the digest's tests, and its verbs as real processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.daemon.fork_server import Child, ForkServer
from tests.digest.world import ROOT, DigestWorld, Hook, MailServer, mail_server, web_hook
from tests.unit.store.fake_parser import T0

Verb = Callable[..., Child]


@pytest.fixture(name="mail")
def _mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(name="hook")
def _hook() -> Iterator[Hook]:
    with web_hook() as server:
        yield server


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill one folder, which each test copies."""
    folder = tmp_path_factory.mktemp("digest") / "world"
    DigestWorld(folder, MailServer(), Hook()).write()
    return folder


@pytest.fixture
def world(filled: Path, tmp_path: Path, mail: MailServer, hook: Hook) -> DigestWorld:
    """Copy the filled folder; its variables lead to the servers of this test."""
    shutil.copytree(filled, tmp_path / "world")
    return DigestWorld(tmp_path / "world", mail, hook)


@pytest.fixture
def verb(world: DigestWorld, fork_server: ForkServer, tmp_path: Path) -> Verb:
    """Run a verb to its end."""
    return verb_of(world, fork_server, tmp_path)


def verb_of(world: DigestWorld, fork_server: ForkServer, outputs: Path, *, waits: bool = True) -> Verb:
    """Return what runs a verb at an instant, by default on a Monday at 09:00 in London; `waits`: to its end."""

    def run(*arguments: str, at: datetime = T0, **env: str) -> Child:
        out = outputs / f"{len(list(outputs.glob('*.out')))}.out"
        ours = {name: value for name, value in os.environ.items() if not name.startswith("CAPA_SYNC_")}
        environ = {"CAPA_SYNC_TEST_CLOCK": at.isoformat(), **ours, **world.environ, **env}
        words = [*arguments, "--config", str(world.settings)]
        child = fork_server.start(words, env=environ, folder=ROOT, out=out, limits={})
        return child.wait() if waits else child

    return run
