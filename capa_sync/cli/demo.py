"""`demo`: the main job on the sandbox trackers; it needs no account and no settings file."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import json_option, open_runtime, print_json
from capa_sync.cli.page import page_options, page_workshop
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.set_watch import SetWatch
from capa_sync.cli.summary import print_cycle, summary_of
from capa_sync.cli.trackers import Trackers, default_trackers, print_sign_in
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.cycle import run_round
from capa_sync.daemon.daemon import Daemon
from capa_sync.daemon.requests import release
from capa_sync.daemon.runtime import Runtime, no_progress
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.model.clock import SystemClock
from capa_sync.model.visitor import AccessRole
from capa_sync.private_folders import private_folder
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN
from capa_sync.sandbox.servicenow import INTEGRATION_USER, PASSWORD
from capa_sync.settings import load_settings
from capa_sync.settings.page_tokens import new_token
from capa_sync.starter import joined_mappings
from capa_sync.web import refuse_taken_address, serve_register
from capa_sync.wiring import Configuration, configure

SETTINGS = """# The settings that `capa-sync demo` runs with.
register = "register.db"
timezone = "Europe/London"
isms_lead = "Mara Roy"

[write_back]
mode = "on"
settle = "0s"                        # the demo does not wait for people to finish typing
max_new_comments_per_day = 200

[web]
listen = "127.0.0.1:8765"
auth.tokens = "page-tokens"

[sources.jira]
kind = "jira"
url = "{jira}"
query = "project in (CAPA)"
mapping = "{mappings}/jira-cloud.yaml"
poll_every = "5s"
request_budget = "100/s"
auth = {{ method = "basic", user = "{email}", token_env = "DEMO_JIRA_TOKEN" }}

[sources.jira-dc]
kind = "jira"
url = "{datacenter}"
query = "project in (NC)"
mapping = "{mappings}/jira-dc.yaml"
poll_every = "5s"
request_budget = "100/s"
auth = {{ method = "pat", token_env = "DEMO_JIRA_DC_TOKEN" }}

[sources.servicenow]
kind = "servicenow"
url = "{servicenow}"
table = "sn_grc_issue"
mapping = "{mappings}/servicenow-grc-issue.yaml"
poll_every = "5s"
request_budget = "100/s"
auth = {{ method = "basic", user = "{user}", password_env = "DEMO_SERVICENOW_PASSWORD" }}
write_back = {{ text_field = "u_capa_sync_text", state_field = "u_capa_sync_state", work_notes = true }}
"""

_ADMIN = "mara.roy"
"""Who signs in to the demo's page: a member of the waiver group of the shipped people file."""
SECRETS = {
    "DEMO_JIRA_TOKEN": API_TOKEN,
    "DEMO_JIRA_DC_TOKEN": API_TOKEN,
    "DEMO_SERVICENOW_PASSWORD": PASSWORD,
}


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync demo", "until Ctrl-C, with the register on a page"),
        ("capa-sync demo --once", "one cycle; prints what it found and wrote"),
        ("capa-sync demo --once --json", "the same for programs"),
    ),
)
@click.option("--once", is_flag=True, help="Run one cycle, print what it found and wrote, and exit.")
@click.option("--listen", default="127.0.0.1:8765", show_default=True, help="Where the register's page is served.")
@json_option
def demo(once: bool, listen: str, as_json: bool) -> None:
    """Run the main job on sandbox trackers, and show the register.

    One Jira Cloud, one Jira Data Center and one ServiceNow answer on loopback, over real HTTP; write-back is on. No
    account and no settings file is needed, and nothing stays behind.
    """
    stop = threading.Event()
    asked = stop_on_signals(stop)
    ports, clock = dict.fromkeys(("jira", "jira-dc", "servicenow"), 0), SystemClock()
    with default_trackers(ports) as trackers, private_folder("demo") as folder:
        configuration = demo_configuration(folder, trackers)
        token = _page_token(folder / configuration.settings.web.auth.tokens)
        if not once:
            refuse_taken_address(listen, page_options(configuration.settings, configuration.file, clock))
        watch = SetWatch(configuration, clock, stop)
        with open_runtime(configuration.register_path, watch.first, clock, stop=stop) as runtime:
            summary = _first_cycle(runtime, trackers, as_json=as_json)
            _print_result(summary, trackers, as_json=as_json)
            if once and not as_json:
                click.echo(f"That was one cycle. With the register on a page, until Ctrl-C:  {_program()} demo")
            if not once:
                daemon = Daemon(runtime, sets=watch, is_asked=asked.is_set)
                _stay(daemon, configuration, trackers, listen, token)


def demo_configuration(folder: Path, trackers: Trackers) -> Configuration:
    """Write the demo's settings file into `folder`, and load it like any settings file."""
    urls = {name: server.url for name, server in trackers.servers.items()}
    text = SETTINGS.format(
        jira=urls["jira"],
        datacenter=urls["jira-dc"],
        servicenow=urls["servicenow"],
        mappings=joined_mappings(folder / "mappings"),
        email=API_EMAIL,
        user=INTEGRATION_USER,
    )
    file = folder / "capa-sync.toml"
    file.write_text(text, encoding="utf-8")
    environ: Mapping[str, str] = {**os.environ, **SECRETS}
    return configure(load_settings(file, environ), file, environ)


def _first_cycle(runtime: Runtime, trackers: Trackers, *, as_json: bool) -> dict[str, Any]:
    """Release the brakes, and run one cycle over every source."""
    if not as_json:
        click.echo("Three sandbox trackers answer on loopback:")
        print_sign_in(trackers)
        click.echo()
    release(runtime, runtime.contexts, None)
    with progress_listener() as listener:
        runtime.progress = listener
        results = run_round(runtime, list(runtime.contexts.values()))
    runtime.progress = no_progress
    return summary_of(runtime, results)


def _page_token(file: Path) -> str:
    """Write the file of tokens for the demo's page; return the token of its one admin."""
    token, line = new_token(_ADMIN, AccessRole.ADMIN, None)
    file.write_text(f"{line}\n", encoding="utf-8")
    file.chmod(0o600)
    return token


def _print_result(summary: dict[str, Any], trackers: Trackers, *, as_json: bool) -> None:
    """Print what the first cycle found and wrote."""
    if as_json:
        urls = {name: server.url for name, server in trackers.servers.items()}
        print_json(
            {**summary, "trackers": urls, "look_at": [highlight.url_in(urls) for highlight in trackers.highlights]}
        )
        return
    print_cycle(summary)
    writes = summary["writes"]
    click.echo(f"writes: {', '.join(f'{count} {state}' for state, count in writes.items()) or 'none'}")
    click.echo("A warning is several writes: comment, labels and property in Jira, fields and a note in ServiceNow.")
    if summary["quarantined"]:
        click.echo(
            "One status is left out of a mapping on purpose: such a ticket is named, and nothing of it is guessed."
        )


def _stay(daemon: Daemon, configuration: Configuration, trackers: Trackers, listen: str, token: str) -> None:
    """Serve the register and run the daemon until stopped."""
    settings, clock = configuration.settings, SystemClock()
    options = page_options(settings, configuration.file, clock)
    workshop = page_workshop(settings, configuration.file, clock, "")
    page = serve_register(configuration.register_path, listen, options, workshop)
    urls = {name: server.url for name, server in trackers.servers.items()}
    click.echo(f"\nThe register:  {page.url}")
    click.echo(f"Everybody is a reader there; sign in as {_ADMIN}, who sees all, waives and edits rules:  {token}")
    click.echo("Three tickets worth opening in the sandbox:")
    for highlight in trackers.highlights:
        click.echo(f"  {highlight.url_in(urls)}  {highlight.why}")
    first = trackers.highlights[0]
    click.echo(f"Why a warning is there:  {_program()} explain {first.key} --config {configuration.file}")
    click.echo("The daemon goes on polling; edit a ticket through its tracker's API and watch. Ctrl-C ends the demo.")
    try:
        daemon.run()
    finally:
        page.stop()
        if workshop is not None:
            workshop.close()


def _program() -> str:
    """Return how to call this program from a shell: by its name, or else through its interpreter."""
    return "capa-sync" if shutil.which("capa-sync") else f"{os.path.relpath(sys.executable)} -m capa_sync"
