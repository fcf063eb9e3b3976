"""A warning that quotes a ticket with a secret of ours is sent without the secret, and is found again like that."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
import requests

from capa_sync.errors import BadAnswer
from capa_sync.model.write import Paragraph, Span, WarningText, WriteKind
from capa_sync.redaction import REMOVED, conceal
from capa_sync.sources.jira.answers import decode, error_text
from capa_sync.sources.servicenow.answers import _said_by
from tests.contract.jira_source_harness import harness, populate
from tests.contract.jira_writes import ours, write
from tests.unit.sources.servicenow import source_harness as servicenow

SECRET = "pasted-[token]-{of}-ours"
TEXT = WarningText(
    (Paragraph((Span("Clause 10 check", bold=True),)), Paragraph((Span(f"It says: {SECRET}."),), numbered=True))
)


def said_by_an_instance(content: bytes) -> str:
    """What a ServiceNow says in an answer."""
    response = requests.Response()
    response._content = content
    return _said_by(response)


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


@pytest.mark.parametrize("quoted", [error_text, said_by_an_instance])
def test_no_part_of_a_secret_is_left_where_a_quoted_answer_is_cut(quoted: Callable[[bytes], str]) -> None:
    """The cut may fall at any letter of the secret: half of it would not be recognised afterwards."""
    for before in range(270, 300):
        words = f"{'x' * before}{SECRET}"
        text = quoted(orjson.dumps({"errorMessages": [words], "error": {"message": words}}))
        assert before < len(text) <= 300
        assert SECRET[0] not in text, text


@pytest.mark.parametrize("quoted", [error_text, said_by_an_instance])
def test_no_part_of_a_secret_is_left_behind_blanks_that_are_taken_out(quoted: Callable[[bytes], str]) -> None:
    """Few letters of an answer are searched, and the blanks among them do not count."""
    for before in range(19_975, 20_000):
        words = f"It says:{' ' * before}{SECRET}"
        text = quoted(orjson.dumps({"errorMessages": [words], "error": {"message": words}}))
        assert text.startswith(f"It says: {REMOVED}"), text


def test_no_type_of_an_answer_shows_a_secret_in_other_letters() -> None:
    """The type is compared in small letters, and quoted where it is none of JSON."""
    conceal("S3cr3t-W0rd-Of-Ours")
    with pytest.raises(BadAnswer) as raised:
        decode("jira", "GET serverInfo", {"Content-Type": "text/S3cr3t-W0rd-Of-Ours"}, b"{}")
    assert "s3cr3t" not in str(raised.value).lower()
