"""Starts the generated trackers, and writes settings for a real daemon that reads them."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERVICENOW_TABLE = "sn_grc_issue"
_SOURCE = {
    "jira": """
[sources.{name}]
kind = "jira"
url = "{url}"
query = "project = CAPA"
mapping = "{root}/mappings/jira-cloud.yaml"
poll_every = "{poll}"
request_budget = "{budget}"
[sources.{name}.auth]
method = "basic"
user = "capa-sync@example.com"
token_env = "BENCH_SECRET"
""",
    "servicenow": """
[sources.{name}]
kind = "servicenow"
url = "{url}"
table = "sn_grc_issue"
query = ""
mapping = "{root}/mappings/servicenow-grc-issue.yaml"
poll_every = "{poll}"
request_budget = "{budget}"
[sources.{name}.auth]
method = "basic"
user = "capa.sync"
password_env = "BENCH_SECRET"
""",
}


@contextmanager
def tracker(kind: str, tickets: int, latency: float = 0.0) -> Iterator[str]:
    """Serve a generated tracker from another process while the block runs; yield its URL."""
    command = [sys.executable, "-m", "benchmarks.server", kind, "--tickets", str(tickets), "--latency", str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def requests_since(url: str) -> int:
    """Return how many requests a generated tracker received since the last call."""
    with urllib.request.urlopen(f"{url}/count") as answer:  # noqa: S310 - loopback
        return int(answer.read())


def edit(url: str, first: int, count: int) -> None:
    """Edit `count` tickets of a generated tracker now, from number `first` on."""
    with urllib.request.urlopen(f"{url}/rest/api/3/edit/{first}/{count}") as answer:  # noqa: S310 - loopback
        answer.read()


def write_settings(
    folder: Path,
    sources: Sequence[tuple[str, str, str]],
    *,
    budget: str = "100000/s",
    poll: str = "60s",
    write_back: str = "off",
    rules: Sequence[str] = (),
) -> Path:
    """Write a settings file for sources (name, kind, url) and return its path; `rules` are files of the pack."""
    settle = "0s" if write_back == "on" else "30m"
    text = f'register = "register.db"\n[write_back]\nmode = "{write_back}"\nsettle = "{settle}"\n'
    text += "max_new_comments_per_day = 100000\n"
    if rules:
        files = ", ".join(f'"{ROOT}/rules/{name}.yaml"' for name in rules)
        text = f"rules = [{files}]\n{text}"
    for name, kind, url in sources:
        text += _SOURCE[kind].format(name=name, url=url, root=ROOT, poll=poll, budget=budget)
    path = folder / "capa-sync.toml"
    path.write_text(text, encoding="utf-8")
    return path
