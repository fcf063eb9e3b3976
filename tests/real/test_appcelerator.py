"""9,463 real tickets of a Jira Server through the sandbox's Data Center and the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.absent_data import DATA
from tests.real.runtime import Json, json_lines, needs_data, served, ticket_lines

pytestmark = [pytest.mark.slow, needs_data]


def issues() -> Iterator[Json]:
    """Yield the issues as the API gave them: no changelogs, empty fields absent."""
    for path in sorted((DATA / "jira-server-appcelerator").glob("issues-*.jsonl.gz")):
        yield from json_lines(path)


@pytest.mark.timeout(600)
def test_the_register_holds_what_the_files_list(tmp_path: Path) -> None:
    """9,463 issues, no changes and 30,752 comments are stored with their tickets, one of 3.3 MB; then none is new."""
    listed: dict[str, int] = {}

    def recorded() -> Iterator[Json]:
        for issue in issues():
            listed[issue["key"]] = len((issue["fields"].get("comment") or {}).get("comments", ()))
            yield issue

    with served(tmp_path, ticket_lines(recorded()), "appcelerator.yaml", "datacenter") as runtime:
        runtime.sync()
        before = runtime.tables()
        assert runtime.sync(1)["sources"][0]["read"] == 0
        assert runtime.tables() == before
        assert runtime.writes() == []
    assert (len(listed), sum(listed.values())) == (9463, 30_752)
    assert dict(runtime.rows("SELECT ticket_key, comments FROM v_tickets WHERE presence = 'present'")) == listed
    assert runtime.number("SELECT COUNT(*) FROM v_changes WHERE origin <> 'birth'") == 0
    assert runtime.number("SELECT COUNT(*) FROM v_tickets WHERE quarantine_reason <> '' OR NOT history_complete") == 0
    assert runtime.number("SELECT COUNT(*) FROM v_register") == 9463
    [(size,)] = runtime.rows(
        """SELECT SUM(length(body)) FROM part JOIN ticket USING (nr) WHERE ticket_key = 'TIMOB-19563'"""
    )
    assert size > 100_000  # packed; 3.3 MB as read
