"""`demo` as a new user runs it: it keeps running, serves the register, and prints the addresses."""

from __future__ import annotations

import html
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.daemon.fork_server import ROOT
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The output of a demo until it is ready; the process is still running."""
    err = tmp_path_factory.mktemp("demo") / "err"
    command = [sys.executable, "-m", "capa_sync", "demo", "--listen", "127.0.0.1:0"]
    with err.open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    assert process.poll() is None, Path(err).read_text()
    yield "".join(lines)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 0
    process.stdout.close()


def test_the_register_and_three_tickets_are_there_to_look_at(printed: str) -> None:
    """Every address that the demo prints answers a browser."""
    (page,) = re.findall(r"^The register:  (\S+)$", printed, re.MULTILINE)
    tickets = re.findall(r"^  (http://\S+)  \S.*$", printed, re.MULTILINE)
    assert len(tickets) == 3
    assert "Today" in requests.get(page, timeout=PATIENCE).text
    for address in tickets:
        answer = requests.get(address, timeout=PATIENCE)
        assert answer.status_code == 200
        assert "Clause 10 check" in answer.text, "the ticket shows our comment"


def test_the_printed_token_signs_in(printed: str) -> None:
    """As an admin of the demo's page, who belongs to the waiver group."""
    (page,) = re.findall(r"^The register:  (\S+)$", printed, re.MULTILINE)
    (token,) = re.findall(r"^Everybody is a reader there; .*:  (\S+)$", printed, re.MULTILINE)
    with requests.Session() as browser:
        form = browser.get(f"{page}sign-in", timeout=PATIENCE).text
        proof = re.findall(r'name="csrftoken" value="([^"]+)"', form)[0]
        answer = browser.post(f"{page}sign-in", data={"csrftoken": proof, "token": token}, timeout=PATIENCE)
        assert "mara.roy, admin" in answer.text
        (record,) = re.findall(r'href="(/record\?[^"]+)"', answer.text)[:1]
        assert "Waive this finding" in browser.get(page.rstrip("/") + html.unescape(record), timeout=PATIENCE).text


def test_the_printed_explain_can_be_pasted(printed: str) -> None:
    """The command explains the first of the tickets, in a shell without a `capa-sync` command."""
    (command,) = re.findall(r"^Why a warning is there:  (.+)$", printed, re.MULTILINE)
    done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert ": breach" in done.stdout


def test_everything_is_read_and_written(printed: str) -> None:
    """All three trackers were read to their end, and every write arrived."""
    assert re.search(r"^writes: \d+ delivered$", printed, re.MULTILINE)
    assert "problem:" not in printed


def test_the_demo_judges_by_a_live_set_like_every_daemon(printed: str) -> None:
    """Its settings work with the verbs that look at what is live, and with those that change it."""
    (command,) = re.findall(r"^Why a warning is there:  (.+)$", printed, re.MULTILINE)
    program, _, rest = command.partition(" explain ")
    words = [*shlex.split(program), "history", "--json", "--config", rest.partition("--config ")[2]]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert [row["how"] for row in json.loads(done.stdout)] == ["first"], done.stderr


def test_a_port_that_is_taken_is_told_before_the_first_cycle() -> None:
    """In one line that says what to do, and nothing is read for it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        words = [sys.executable, "-m", "capa_sync", "demo", "--listen", listen]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"cannot listen on {listen}: ")
    assert done.stderr.endswith("for the demo with --listen\n")
