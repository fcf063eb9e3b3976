"""`register pack --fetch-attachments` hashes what the tracker sends, within limits, and names what it did not get."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zipfile import ZipFile

import pytest
from click.testing import CliRunner

from capa_sync.cli.app import cli
from capa_sync.daemon import attached_files
from capa_sync.daemon.attached_files import AttachmentFetch
from capa_sync.daemon.evidence import collect_evidence
from capa_sync.errors import Authentication
from capa_sync.model.to_do import TO_DO
from capa_sync.sandbox.messages import Reply, Request
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.script import Create
from tests.journey.harness import SECRETS, SOURCES, Harness, open_harness

NAMES = ("kept.pdf", "moved ü#1.txt", "away.txt", "gone.txt", "other.txt", "large.bin", "again.txt", "packed.txt")
MOST = 5_000


def attach(harness: Harness) -> dict[str, str]:
    """Attach files to the ticket; return the name of each by the tracker's id."""
    tracker, key = harness.player.tracker, harness.player.address("life")[0]
    found = {}
    for name in NAMES:
        content = content_of(name)
        if isinstance(tracker, ServiceNowTracker):
            [row] = tracker.rows("sn_grc_issue", f"number={key}")
            found[tracker.attach("sn_grc_issue", row["sys_id"], name, content)] = name
        else:
            found[tracker.admin.attach(key, name, content)] = name
    return found


def content_of(name: str) -> bytes:
    """Return the content of a file."""
    return name.encode() * (1_000 if name == "large.bin" else 3)


def spoil(files: dict[str, str]) -> Any:
    """Return a hook that moves, loses or changes what the tracker sends of some files."""

    def change(request: Request, reply: Reply) -> None:
        name = next((name for file_id, name in files.items() if f"/{file_id}" in request.path), "")
        here = request.path
        if name.startswith("moved") and "hop" not in request.target:
            reply.status, reply.body = 302, b""
            reply.headers["Location"] = f"{request.target}{'&' if '?' in request.target else '?'}hop=1"
        elif name == "away.txt":
            reply.status, reply.headers["Location"] = 302, f"http://localhost:{request.header('host')[-5:]}{here}"
        elif name == "again.txt":
            reply.status, reply.headers["Location"] = 303, request.target
        elif name == "gone.txt":
            reply.status = 404
        elif name == "other.txt":
            reply.body = b"other"
        elif name == "packed.txt":  # its outer layer has empty streams of the inner one, which give no byte to count
            reply.body = gzip.compress(gzip.compress(b"") * 2_000_000, 1)
            reply.headers["Content-Encoding"] = "gzip, gzip"

    return change


@pytest.mark.parametrize("source", SOURCES)
def test_each_attachment_is_hashed_or_says_why_not(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redirects to the same host are followed, others not; what is too large is not asked for; nothing is stored."""
    monkeypatch.setattr(attached_files, "MOST_FILE", MOST)
    with open_harness(source, tmp_path, "2025-06-02 09:00") as harness:
        harness.play("2025-06-02 09:00", Create({"title": "Access review missed", "owner": "anna.lee"}))
        files = attach(harness)
        harness.cycle("2025-06-02 12:00")
        harness.server.after.append(spoil(files))
        place = (source, harness.ticket())
        plain = collect_evidence(harness.runtime, *place)
        assert not any(row["content"] != "not fetched" for row in plain.tickets[0].attachments)
        asked = len(harness.server.requests)
        steps: list[tuple[str, str, int, int | None]] = []
        fetch = AttachmentFetch(lambda *step: steps.append(step))
        evidence = collect_evidence(harness.runtime, *place, fetch=fetch)
        large = next(file_id for file_id, name in files.items() if name == "large.bin")
        requests = list(harness.server.requests)[asked:]
    name, total = evidence.tickets[0].name, len(NAMES)
    assert steps == [(name, "attachments", done, total) for done in range(total + 1)]
    found = {row["name"]: row for row in evidence.tickets[0].attachments}
    assert sorted(found) == sorted(NAMES)
    for name in ("kept.pdf", "moved ü#1.txt"):
        assert found[name]["content"] == "fetched and hashed", found[name]
        assert found[name]["sha256"] == hashlib.sha256(content_of(name)).hexdigest()
        assert found[name]["size"] == len(content_of(name))
        assert found[name]["added_at"]
    assert {name: found[name]["content"] for name in NAMES[2:]} == {
        "away.txt": "not fetched: the tracker sends it from another address (localhost)",
        "gone.txt": "not fetched: the tracker no longer has it (404)",
        "other.txt": "not fetched: 5 bytes came, and the tracker says 27",
        "large.bin": "not fetched: 9,000 bytes are more than the 5,000 that are left",
        "again.txt": "not fetched: the tracker redirects more than 3 times",
        "packed.txt": "not fetched: the tracker sends it in several codings, which nobody asked for",
    }
    assert not any(f"/{large}" in exchange.path for exchange in requests)
    assert {exchange.method for exchange in requests} == {"GET"}
    assert not any("attachments" in what for what in evidence.missing)


def test_a_pack_has_the_digests_and_one_of_an_unreachable_tracker_says_so(tmp_path: Path) -> None:
    """The verb needs the secret only then; a tracker that is down costs the digests alone, and is asked once."""
    with open_harness("jira", tmp_path, "2025-06-02 09:00") as harness:
        harness.play("2025-06-02 09:00", Create({"title": "Access review missed", "owner": "anna.lee"}))
        attach(harness)
        harness.cycle("2025-06-02 12:00")
        fetched = pack(tmp_path, "fetched.zip", "--fetch-attachments")
        refused = pack(tmp_path, "refused.zip", "--fetch-attachments", TOKEN="wrong")
        plain = pack(tmp_path, "plain.zip")
    assert {row["content"] for row in fetched} == {"fetched and hashed"}
    assert {row["sha256"] for row in fetched} == {hashlib.sha256(content_of(name)).hexdigest() for name in NAMES}
    [why] = {row["content"] for row in refused}
    assert why == f"not fetched: Jira does not accept the sign-in (401); {TO_DO[Authentication]}"
    assert [(row["name"], row["sha256"], row["content"]) for row in plain] == [(n, "", "not fetched") for n in NAMES]


def pack(folder: Path, name: str, *options: str, **environ: str) -> list[dict[str, Any]]:
    """Write the pack of the ticket with the verb; return its attachments."""
    words = ["register", "pack", "CAPA-1", "--output", str(folder / name), "--config", str(folder / "capa-sync.toml")]
    with patch.dict(os.environ, SECRETS | environ):
        done = CliRunner().invoke(cli, [*words, *options])
    assert done.exit_code == 0, done.output
    shown = [line for line in done.stderr.splitlines() if line.startswith("jira:CAPA-1: attachments")]
    assert shown == ([f"jira:CAPA-1: attachments {len(NAMES)} of {len(NAMES)}"] if options else [])
    with ZipFile(folder / name) as archive:
        found: list[dict[str, Any]] = json.loads(archive.read("evidence.json"))["tickets"][0]["attachments"]
        own = [file for file in archive.namelist() if not file.endswith((".json", ".html"))]
        assert own == ["evidence.pdf", "SHA256SUMS"], "no attached file"
    return found
