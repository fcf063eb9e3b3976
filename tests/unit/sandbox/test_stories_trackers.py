"""Starting the sandbox's trackers: with the stories, from a file, and the message when that fails."""

from __future__ import annotations

import gzip
import json
import socket
from pathlib import Path

import pytest
import requests

from capa_sync.cli.trackers import default_trackers, loaded_tracker, sign_in_lines
from capa_sync.errors import UserError
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN
from capa_sync.sandbox.loading import face_of
from tests.patience import PATIENCE

FREE = dict.fromkeys(("jira", "jira-dc", "servicenow"), 0)
TICKETS = {
    "cloud": {"kind": "ticket", "issue": {"key": "OPS-1", "fields": {"summary": "Loaded"}}},
    "datacenter": {"kind": "ticket", "issue": {"key": "OPS-1", "fields": {"summary": "Loaded"}}},
    "servicenow": {"kind": "ticket", "table": "problem", "record": {"number": "PRB1", "short_description": "Loaded"}},
}
PAGES = {"cloud": "/browse/OPS-1", "datacenter": "/browse/OPS-1", "servicenow": "/problem_list.do"}


def written(folder: Path, face: str, name: str = "world.jsonl") -> Path:
    """Write a small file of the sandbox's form."""
    lines = "\n".join(["", *(json.dumps(line) for line in ({"kind": "site", "face": face}, TICKETS[face]))])
    file = folder / name
    opened = gzip.open if name.endswith(".gz") else open
    with opened(file, "wt", encoding="utf-8") as out:
        out.write(lines)
    return file


def test_the_default_trackers_serve_the_stories() -> None:
    """All three answer on loopback, and the printed credentials work."""
    with default_trackers(FREE) as trackers:
        lines = sign_in_lines(trackers)
        assert [line.split()[0] for line in lines] == ["jira", "jira-dc", "servicenow"]
        urls = {name: server.url for name, server in trackers.servers.items()}
        for highlight in trackers.highlights:
            page = requests.get(highlight.url_in(urls), timeout=PATIENCE)
            assert (page.status_code, highlight.key in page.text) == (200, True)
        asked = {"jql": "project = CAPA", "fields": "summary", "maxResults": 100}
        answer = requests.get(
            f"{urls['jira']}/rest/api/3/search/jql", asked, auth=(API_EMAIL, API_TOKEN), timeout=PATIENCE
        ).json()
        assert len(answer["issues"]) == 48
        assert API_TOKEN in lines[0]
        places = [line.rpartition("; ")[2] for line in lines]
        assert places == ["projects CAPA, CHANGE)", "projects CHANGE, NC)", "table sn_grc_issue)"]


@pytest.mark.parametrize("face", ["cloud", "datacenter", "servicenow"])
def test_a_file_of_each_face_is_served(face: str, tmp_path: Path) -> None:
    """The site line decides which tracker runs, plain or gzipped."""
    for name in ("world.jsonl", "world.jsonl.gz"):
        file = written(tmp_path, face, name)
        assert face_of(file) == face
        with loaded_tracker(file, 0) as trackers:
            [server] = trackers.servers.values()
            assert "Loaded" in requests.get(server.url + PAGES[face], timeout=PATIENCE).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("\n\nnot json\n", ":3: not JSON"),
        ('{"kind": "ticket"}\n', ":1: this is no site line"),
        ('["site"]\n', ":1: this is no site line"),
        ('{"kind": "site", "face": "server"}\n', ":1: there is no face 'server'"),
        ('{"kind": "site", "face": "cloud"}\n{"kind": "nonsense"}\n', ":2: unknown kind"),
        ('{"kind": "site", "face": "servicenow"}\n{"kind": "nonsense"}\n', ":2: unknown kind"),
    ],
)
def test_a_bad_file_is_one_line_with_its_place(text: str, expected: str, tmp_path: Path) -> None:
    """The message has file and line, and no tracker starts."""
    file = tmp_path / "world.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught, loaded_tracker(file, 0):
        pass
    [problem] = caught.value.problems
    assert expected in str(problem)
    assert str(file) in str(problem)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x1f\x8bbroken"])
def test_a_file_that_is_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    """Bytes that are neither UTF-8 nor a complete gzip file are the user's mistake, not a crash."""
    file = tmp_path / ("world.jsonl.gz" if content.startswith(b"\x1f") else "world.jsonl")
    file.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"), loaded_tracker(file, 0):
        pass


def test_a_cut_gzip_file_is_refused(tmp_path: Path) -> None:
    """A download that broke off after the site line is refused as well."""
    file = written(tmp_path, "cloud", "world.jsonl.gz")
    padding = "\n".join(json.dumps({"kind": "blank", "n": hash(str(n))}) for n in range(20_000))
    whole = gzip.compress((gzip.decompress(file.read_bytes()).decode() + "\n" + padding).encode())
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read to its end"), loaded_tracker(file, 0):
        pass


def test_a_port_in_use_is_one_line() -> None:
    """The message names the port that another program uses."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(UserError, match=f"port {port} cannot be used"),
            default_trackers({**FREE, "jira-dc": port}),
        ):
            pass
