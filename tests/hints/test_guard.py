"""Which hints are accepted, which parts of them are used, and the bounds for unsigned ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from capa_sync.hints import HintSource
from capa_sync.hints.guard import ACCEPTED, REFUSED, REMEMBERED
from capa_sync.hints.payload import MOST_IDS, ids_in
from capa_sync.model.signature import is_signed
from tests.hints.signed_hints import JIRA_FORM, SECRET, SERVICENOW_FORM, guard, hint, signed

SYS_ID = "6c6578f2433f7f941da27632df18916a"
COMMENT = "https://example.atlassian.net/rest/api/2/issue/10042/comment/10100"


def headers(**found: str) -> Callable[[str], str]:
    """Return a request's headers as a function; `_` stands for `-`."""
    by_name = {name.replace("_", "-").lower(): value for name, value in found.items()}
    return lambda name: by_name.get(name.lower(), "")


def test_the_vendors_own_vector_is_accepted() -> None:
    """The example of Atlassian's documentation (docs/jira.md 6)."""
    header = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert is_signed("It's a Secret to Everybody", b"Hello World!", header)
    assert not is_signed("It's a Secret to Everybody", b"Hello World?", header)


def test_a_signature_in_base64_is_accepted() -> None:
    """ServiceNow's generateMac returns base64, not hex."""
    mac = base64.b64encode(hmac.new(SECRET.encode(), b"{}", hashlib.sha256).digest()).decode()
    assert is_signed(SECRET, b"{}", f"sha256={mac}")


@pytest.mark.parametrize(
    "header",
    ["", "sha256=", "sha256", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "sha512=x", "sha256=ü\udcff", "=" * 99],
)
def test_any_other_signature_is_refused(header: str) -> None:
    """Neither invalid text nor another method is accepted, and none raises."""
    assert not is_signed(SECRET, b"{}", header)


@pytest.mark.parametrize(
    ("payload", "ids"),
    [
        ({"issue": {"id": "10042"}}, ["10042"]),
        ({"issue": {"id": 10042}}, ["10042"]),
        ({"webhookEvent": "comment_created", "comment": {"self": COMMENT}}, ["10042"]),
        ({"webhookEvent": "comment_created", "comment": {"self": COMMENT}, "issue": {"id": "10042"}}, ["10042"]),
        ({"issueLink": {"sourceIssueId": 10001, "destinationIssueId": 10002}}, ["10001", "10002"]),
        ({"issue": {"key": "CAPA-1"}}, []),
        ({"issue": {"id": "1) OR project = SECRET"}}, []),
        ({"issue": {"id": "../../10042"}}, []),
        ({"issue": {"id": "٣"}}, []),
        ({"issue": {"id": True}}, []),
        ({"issue": [10042], "comment": "x"}, []),
        ({"comment": {"self": "https://example.atlassian.net/rest/api/2/issue/x/comment/1"}}, []),
        ([{"issue": {"id": "10042"}}], []),
    ],
)
def test_only_ids_are_taken_from_a_jira_hint(payload: Any, ids: list[str]) -> None:
    """A number is an id, also in a comment's address; a key, a query or a path is ignored."""
    assert ids_in(JIRA_FORM, json.dumps(payload).encode()) == ids


@pytest.mark.parametrize(
    ("payload", "ids"),
    [
        ({"table": "sn_grc_issue", "sys_id": SYS_ID, "sys_mod_count": "9"}, [SYS_ID]),
        ({"sys_id": SYS_ID.upper()}, []),
        ({"sys_id": f"{SYS_ID}^ORsys_idISNOTEMPTY"}, []),
        ({"sys_id": [SYS_ID]}, []),
        ({"table": "sn_grc_issue"}, []),
    ],
)
def test_only_the_sys_id_is_taken_from_a_servicenow_hint(payload: Any, ids: list[str]) -> None:
    """The table and everything else is read from the instance."""
    assert ids_in(SERVICENOW_FORM, json.dumps(payload).encode()) == ids


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"\xff\xfe", b"[" * 100_000, b'{"issue":{"id":"\\ud800"}}'])
def test_an_invalid_body_names_no_ticket(body: bytes) -> None:
    """A body that is no JSON, or is too deep, is ignored."""
    assert ids_in(JIRA_FORM, body) == []


def test_a_hint_is_admitted_by_its_signature_alone() -> None:
    """Secret, body and source must be right; any other hint is refused and not queued."""
    hint_guard, box = guard()
    body = hint()
    assert hint_guard.admit("/hints/jira", headers(X_Hub_Signature=signed(hint("1"))), body) == REFUSED
    assert hint_guard.admit("/hints/jira", headers(X_Hub_Signature=signed(body, "another secret")), body) == REFUSED
    assert hint_guard.admit("/hints/jira", headers(X_Capa_Sync_Secret=SECRET), body) == REFUSED
    assert hint_guard.admit("/hints/other", headers(X_Hub_Signature=signed(body)), body) == REFUSED
    assert hint_guard.admit("/hints/jira", headers(), body) == REFUSED
    assert box.take("jira", 9) == []
    assert hint_guard.admit("/hints/jira?user_id=x", headers(x_hub_signature=signed(body)), body) == ACCEPTED
    assert box.take("jira", 9) == ["10042"]
    assert hint_guard.tally() == {"refused": 5, "accepted": 1}
    assert hint_guard.tally() == {}


def test_servicenow_may_sign_or_send_the_secret() -> None:
    """A wrong signature is refused, also with a right secret beside it."""
    hint_guard, box = guard()
    body = json.dumps({"sys_id": SYS_ID}).encode()
    assert hint_guard.admit("/hints/sn", headers(X_Capa_Sync_Signature=signed(body)), body) == ACCEPTED
    assert hint_guard.admit("/hints/sn", headers(X_Capa_Sync_Secret=SECRET), body) == ACCEPTED
    assert hint_guard.admit("/hints/sn", headers(X_Capa_Sync_Secret=SECRET + "x"), body) == REFUSED
    assert (
        hint_guard.admit("/hints/sn", headers(X_Capa_Sync_Secret=SECRET, X_Capa_Sync_Signature="sha256=0"), body)
        == REFUSED
    )
    assert box.take("sn", 9) == [SYS_ID]


def test_a_repeated_identifier_is_accepted_and_not_followed_again() -> None:
    """Jira sends a webhook up to six times; a forged hint cannot use up the identifier of a true one."""
    hint_guard, box = guard()
    body = hint()
    forged = headers(X_Hub_Signature="sha256=0", X_Atlassian_Webhook_Identifier="one")
    true = headers(X_Hub_Signature=signed(body), X_Atlassian_Webhook_Identifier="one")
    assert hint_guard.admit("/hints/jira", forged, body) == REFUSED
    assert hint_guard.admit("/hints/jira", true, body) == ACCEPTED
    assert box.take("jira", 9) == ["10042"]
    assert hint_guard.admit("/hints/jira", true, body) == ACCEPTED
    assert box.take("jira", 9) == []
    for number in range(REMEMBERED + 1):
        hint_guard.admit(
            "/hints/jira", headers(X_Hub_Signature=signed(body), X_Atlassian_Webhook_Identifier=f"{number}"), body
        )
    assert len(hint_guard._seen) == REMEMBERED


def test_the_box_holds_each_id_once_and_never_more_than_its_limit() -> None:
    """Ids beyond the limit are left to the poll, and counted."""
    hint_guard, box = guard(limit=3)
    for id_ in ("1", "2", "1", "3", "4", "2", "5"):
        body = hint(id_)
        assert hint_guard.admit("/hints/jira", headers(X_Hub_Signature=signed(body)), body) == ACCEPTED
    assert hint_guard.tally() == {"accepted": 7, "dropped": 2}
    assert box.take("jira", 2) == ["1", "2"]
    assert box.wait("jira", 0)
    assert box.take("jira", 2) == ["3"]
    assert not box.wait("jira", 0)


def test_one_hint_names_few_ids() -> None:
    """A signed hint cannot fill the box by itself."""
    assert MOST_IDS <= 50
    assert len(ids_in(JIRA_FORM, json.dumps({"issue": {"id": "1"}, "issueLink": {"sourceIssueId": 2}}).encode())) == 2


def test_a_secret_appears_in_no_repr() -> None:
    """A traceback with local variables does not show it either."""
    assert SECRET not in repr(HintSource(JIRA_FORM, SECRET))
