"""The verbs that look at a tracker, run in this process while one endpoint returns malformed answers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from typing import NamedTuple

import pytest

from capa_sync.cli import context, doctor, looking, mapping_check
from capa_sync.cli.app import _guarded, cli
from capa_sync.daemon.attached_files import AttachmentFetch
from capa_sync.daemon.evidence import collect_evidence
from capa_sync.mapping.suggestions import propose
from capa_sync.mapping.suggestions.names import Guess, guess_field
from capa_sync.sandbox.jira.defaults import PERMISSIONS
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sources.retry import RetryPolicy
from tests.fuzz.tour import OWN, Endpoint, endpoint_of
from tests.sync.users import users_on
from tests.sync.world import SECRETS, World

ATTACHMENTS = "attachments"
VERBS: Mapping[str, tuple[str, ...]] = {
    "doctor": ("doctor", "--source"),
    "suggest": ("mapping", "suggest"),
    "check": ("mapping", "check"),
}
"""Name -> the words of its command line before the source."""
EXPECTED = (0, 2, 3)
"""All is read; the settings or the mapping do not fit what is read; the source cannot be read."""
_FENCED = "has a shape that capa-sync cannot use"
"""What the fence says of a shape that no reader has foreseen."""
_RIGHTS = (*PERMISSIONS[:14], "EDIT_OWN_COMMENTS", "DELETE_OWN_COMMENTS", "ADMINISTER_PROJECTS")


@cache
def _guessed(names: tuple[str, ...]) -> Guess | None:
    """Guess once for each field what its names mean; that takes half the time of a verb."""
    return guess_field(names)


class Done(NamedTuple):
    """How a verb ended, and what it printed."""

    code: int
    out: str
    err: str


class Verbs:
    """One world with mirrored tickets and an attached file, and the verbs on its tracker.

    Waits take no time, and settings, mapping and rules are read once. Our account may read notification schemes,
    which only administrators may.

    Attributes:
        asked: verb -> how often it asks each endpoint when all is well.
    """

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world, self._site = world, world.only
        self._users = users_on(world.only)
        patch.setattr(RetryPolicy, "_sleep", lambda _policy, _seconds: None)
        patch.setattr(looking, "stop_on_signals", lambda *_args, **_options: None)
        for name in [name for name in os.environ if name.startswith("CAPA_SYNC_")]:
            patch.delenv(name)  # those of the fuzz tests are no settings, and a verb says so
        for name, secret in SECRETS.items():
            patch.setenv(name, secret)
        configuration = context.read_configuration(world.folder / "capa-sync.toml")
        for module in (doctor, mapping_check):
            patch.setattr(module, "read_configuration", lambda _config: configuration)
        patch.setattr(propose, "guess_field", lambda names: _guessed(tuple(names)))
        for number in range(2):
            self._users.create(f"record {number}")
        self._ticket = self._users.records()[0]
        self._users.create_part(self._ticket, "part")
        self._attach("evidence.pdf", b"content")
        world.later(hours=1)
        world.cycle()
        self.asked = self._recorded()

    @property
    def source(self) -> str:
        """The name of the tracker."""
        return self._site.name

    def _attach(self, name: str, content: bytes) -> None:
        tracker = self._site.tracker
        if isinstance(tracker, ServiceNowTracker):
            tracker.attach("sn_grc_issue", self._ticket, name, content)
        else:
            tracker.admin.attach(tracker.state.find(self._ticket).key, name, content)
            tracker.admin.set_secrets("capa-sync", {"permissions": [*_RIGHTS]})

    def _recorded(self) -> dict[str, Counter[Endpoint]]:
        """Run each verb without a fault; return how often it asked each endpoint, as the sandbox routes them."""
        face = {"jira": "cloud", "jira-dc": "datacenter"}.get(self.source, "")
        found = {}
        for name in (*VERBS, ATTACHMENTS):
            self._site.server.requests.reset()
            done = self._run(name)
            assert done.code == 0, done
            found[name] = Counter(endpoint_of(exchange, face) for exchange in self._site.server.requests)
        return found

    def problem(self, name: str, endpoint: Endpoint, shape: str, *, for_good: bool) -> str:
        """Run a verb while an endpoint returns malformed answers; return what is wrong, "" if nothing."""
        faults = self._site.server.faults
        fault = faults.add("malformed", (endpoint.method, endpoint.path), times=None if for_good else 1, shape=shape)
        done = self._run(name)
        faults.clear()
        shown = f"{done.out}\n{done.err}"
        wrong = [word for word in ("Traceback", OWN, _FENCED, *SECRETS.values()) if word in shown]
        if done.code not in EXPECTED:
            wrong.append(f"exit code {done.code}")
        if not (done.err if done.code == 3 and name != "doctor" else done.out).strip():
            wrong.append("no output")
        if not fault.hits:
            wrong.append("was not asked")
        how = "for good" if for_good else "once"
        text = f"{name}, {endpoint.method} {endpoint.name} {shape} {how}: {', '.join(wrong)}\n{shown[-1500:]}"
        return text if wrong else ""

    def _run(self, name: str) -> Done:
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = _guarded(self._read_attachments if name == ATTACHMENTS else self._command(name))
        return Done(code, out.getvalue(), err.getvalue())

    def _command(self, name: str) -> Callable[[], object]:
        world = self.world
        clock = ["--test-clock", world.clock.now().isoformat()]
        words = [*VERBS[name], self.source, "--config", str(world.folder / "capa-sync.toml"), *clock]
        return lambda: cli.main(args=words, prog_name="capa-sync", standalone_mode=False)

    def _read_attachments(self) -> None:
        """Print the attachments of a record and what is missing, as a pack has them."""
        found = collect_evidence(self.world.runtime, self.source, self._ticket, fetch=AttachmentFetch())
        for ticket in found.tickets:
            print(*ticket.attachments, *ticket.missing, sep="\n")  # noqa: T201
