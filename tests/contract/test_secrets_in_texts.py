"""A warning that quotes a ticket with a secret of ours is sent without the secret, and is found again like that."""

from __future__ import annotations

import pytest

from capa_sync.model.write import Paragraph, Span, WarningText, WriteKind
from capa_sync.redaction import REMOVED, conceal
from tests.contract.jira_source_harness import harness, populate
from tests.contract.jira_writes import ours, write
from tests.unit.sources.servicenow import source_harness as servicenow

SECRET = "pasted-[token]-{of}-ours"
TEXT = WarningText(
    (Paragraph((Span("Clause 10 check", bold=True),)), Paragraph((Span(f"It says: {SECRET}."),), numbered=True))
)


@pytest.fixture(autouse=True)
def _concealed() -> None:
    """The secret is one of ours."""
    conceal(SECRET, "capa-sync")


@pytest.mark.parametrize("face", ["cloud", "datacenter"])
def test_a_comment_quotes_no_secret(face: str) -> None:
    """It is written once, compared as written, and not written again."""
    with harness(face) as it:
        key = populate(it.tracker, 1)[0]
        wanted = write(it, key, text=TEXT)
        done = it.writer.deliver(wanted, "")
        (comment,) = ours(it, key)
        assert "removed" in str(comment.body)
        for piece in ("pasted", "token", "of}"):
            assert piece not in str(comment.body)
        assert it.writer.look_up(wanted, done.remote_id) is not None
        sent = len([exchange for exchange in it.server.requests if exchange.method == "PUT"])
        it.writer.deliver(wanted, done.remote_id)
        assert len([exchange for exchange in it.server.requests if exchange.method == "PUT"]) == sent


@pytest.mark.parametrize("kind", [WriteKind.FIELDS, WriteKind.WORK_NOTE])
def test_a_record_of_an_instance_gets_no_secret(kind: WriteKind) -> None:
    """Neither the text field nor the work notes hold it, and each is written once."""
    with servicenow.source_harness(children=(), text_field="u_capa_sync_text") as sn:
        issue = sn.insert(short_description="one")
        wanted = servicenow.write(kind, issue, text=TEXT, notifies=True)
        sn.writer.deliver(wanted, "")
        stored = str(sn.tracker.find("sn_grc_issue", issue)) + str(sn.tracker.rows("sys_journal_field", ""))
        assert REMOVED in stored
        assert "pasted" not in stored
        assert sn.writer.look_up(wanted, "") is not None
        sn.sent()
        sn.writer.deliver(wanted, "")
        assert sn.writes() == []
