"""Starts the sandbox trackers, for `demo` and `sandbox`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from capa_sync.errors import Problem, UserError
from capa_sync.model.light import light
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN, JiraTracker
from capa_sync.sandbox.loading import face_of
from capa_sync.sandbox.servicenow import INTEGRATION_USER, PASSWORD, ServiceNowTracker
from capa_sync.sandbox.stories import Highlight, play_stories

AnyTracker = JiraTracker | ServiceNowTracker
PORTS = {"jira": 8701, "jira-dc": 8702, "servicenow": 8703}
"""Fixed ports of the `sandbox` verb."""
_RECORD_TABLES = ("sn_grc_issue", "problem", "incident", "u_capa")
"""Tables of a ServiceNow whose rows may be corrective actions."""


@light
class Trackers:
    """Running sandbox trackers by source name, and the tickets worth looking at."""

    servers: dict[str, SandboxServer]
    clock: SandboxClock
    highlights: tuple[Highlight, ...] = ()


@contextmanager
def default_trackers(ports: dict[str, int], clock: SandboxClock | None = None) -> Iterator[Trackers]:
    """Run the three trackers with the built-in stories, dated relative to the present of the clock."""
    clock = clock or SandboxClock()
    cloud = JiraTracker(face="cloud", clock=clock)
    datacenter = JiraTracker(face="datacenter", clock=clock)
    servicenow = ServiceNowTracker(clock=clock)
    highlights = play_stories(cloud, datacenter, servicenow, clock)
    trackers: dict[str, AnyTracker] = {"jira": cloud, "jira-dc": datacenter, "servicenow": servicenow}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_server(tracker, ports[name])) for name, tracker in trackers.items()}
        yield Trackers(servers, clock, tuple(highlights))


@contextmanager
def loaded_tracker(file: Path, port: int | None) -> Iterator[Trackers]:
    """Run the tracker that a sandbox file describes.

    Raises:
        UserError: the file is no sandbox file, or the port cannot be used.
    """
    clock, face = SandboxClock(), face_of(file)
    tracker: AnyTracker = (
        ServiceNowTracker(clock=clock) if face == "servicenow" else JiraTracker(face=face, clock=clock)
    )
    tracker.load(file)
    name = {"cloud": "jira", "datacenter": "jira-dc"}.get(face, face)
    with _server(tracker, port if port is not None else PORTS[name]) as server:
        yield Trackers({name: server}, clock)


def _server(tracker: AnyTracker, port: int) -> SandboxServer:
    try:
        return SandboxServer(tracker, port)
    except OSError as error:
        what = f"port {port} cannot be used: {error.strerror}"
        raise UserError([Problem("", 0, what, "end the program that uses it, or wait a minute")]) from None


def sign_in_lines(trackers: Trackers) -> list[str]:
    """Return each tracker's address, sign-in (the sandbox's secrets are public), and where its tickets are."""
    how = {
        "jira": f"basic, {API_EMAIL} with token {API_TOKEN}",
        "jira-dc": f"PAT {API_TOKEN}",
        "servicenow": f"basic, {INTEGRATION_USER} with password {PASSWORD}",
    }
    return [
        f"{name:<12}{server.url}   ({how[name]}; {_contents(server.tracker)})"
        for name, server in trackers.servers.items()
    ]


def _contents(tracker: object) -> str:
    """Return the projects of a Jira, or those of the usual tables of a ServiceNow that have rows."""
    what, names = "table", list[str]()
    if isinstance(tracker, JiraTracker):
        what, names = "project", sorted(project.key for project in tracker.state.projects.values())
    elif isinstance(tracker, ServiceNowTracker):
        names = [table for table in _RECORD_TABLES if tracker.rows(table, "")]
    return f"{what if len(names) == 1 else f'{what}s'} {', '.join(names)}"


def print_sign_in(trackers: Trackers) -> None:
    """Print the address and the sign-in of each tracker."""
    for line in sign_in_lines(trackers):
        click.echo(line)
