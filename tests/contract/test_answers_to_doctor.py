"""Answers that only `doctor`, `mapping` and packs read, in other shapes: the source's fault, or unknown."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from capa_sync.errors import BadAnswer
from capa_sync.model.inspection import CheckState, Inspection
from capa_sync.ports.reading import AttachmentReader
from capa_sync.sandbox.http import Reply, Request, SandboxServer
from capa_sync.sandbox.jira.defaults import ADMIN_ONLY, PERMISSIONS
from tests.contract.jira_source_harness import Harness, harness, populate
from tests.unit.sources.servicenow.source_harness import source_harness

both_faces = pytest.mark.parametrize("face", ["cloud", "datacenter"])
ALL_BUT_ADMIN = sorted({*PERMISSIONS} - ADMIN_ONLY)


def answering(server: SandboxServer, path: str, answer: Any) -> None:
    """Let every request whose path ends so get this answer; a function changes the true one."""

    def change(request: Request, reply: Reply) -> None:
        if request.path.endswith(path):
            reply.status = 200
            reply.body = orjson.dumps(answer(orjson.loads(reply.body)) if callable(answer) else answer)

    server.after.append(change)


def inspected(it: Harness) -> Inspection:
    """Sign in and look at a Jira, as `doctor` does."""
    it.source.identify()
    return it.source.inspect(writes=True)


def notified(it: Harness) -> tuple[CheckState, str]:
    """Return the state and the words of the check of notifications."""
    [check] = [check for check in inspected(it).checks if check.name == "notifications"]
    return check.state, check.what


@both_faces
@pytest.mark.parametrize(
    ("path", "member", "value"),
    [
        ("status", "statusCategory", [{"key": "new"}]),
        ("status", "statusCategory", "new"),
        ("status", "name", 17),
        ("status", "id", None),
        ("field", "schema", ["string"]),
        ("field", "name", {"is": "Summary"}),
        ("field", "id", ["summary"]),
        ("field", "id", ""),
    ],
)
def test_a_list_with_a_row_of_another_form_is_no_list_of_a_jira(
    face: str, path: str, member: str, value: Any
) -> None:
    """The reader itself finds it, and names the list; nothing of it is believed."""
    with harness(face) as it:
        answering(it.server, f"/{path}", lambda rows: [*rows, rows[0] | {member: value}])
        with pytest.raises(BadAnswer, match=f"{path} gives no list in Jira's form"):
            it.source.identify()


@both_faces
def test_rows_without_what_jira_may_leave_out_are_read(face: str) -> None:
    """A system field may have no schema, and a status no category."""
    with harness(face) as it:
        for path, member in (("field", "schema"), ("status", "statusCategory")):
            answering(
                it.server,
                f"/{path}",
                lambda rows, member=member: [
                    {key: value for key, value in row.items() if key != member} for row in rows
                ],
            )
        facts = it.source.identify()
        assert {status.category for status in facts.statuses} == {""}
        assert {known.type for known in facts.fields} == {""}


@both_faces
@pytest.mark.parametrize("statuses", [None, 17, "Open", {"1": {}}, [None], ["Open"], [{"name": "Open"}]])
def test_statuses_of_a_project_in_another_form_are_not_told(face: str, statuses: Any) -> None:
    """None of the project's statuses is known then, not even those of its other issue types."""
    with harness(face) as it:
        populate(it.tracker, 2)
        assert inspected(it).statuses
        answering(it.server, "/statuses", lambda rows: [row | {"statuses": statuses} for row in rows])
        assert inspected(it).statuses is None


@both_faces
@pytest.mark.parametrize("links", [17, "links", True, {"a": 1}, [17], [{"inward": 17, "outward": ["x"]}]])
def test_types_of_links_in_another_form_are_no_proposal(face: str, links: Any) -> None:
    """They are left out, as are types of issues without a name in words."""
    with harness(face) as it:
        populate(it.tracker, 1)
        assert {child.relation for child in inspected(it).children} == {"subtask", "link"}
        answering(it.server, "/issueLinkType", {"issueLinkTypes": links})
        answering(it.server, "/issuetype", [{"subtask": True, "name": ["Sub-task"]}])
        assert inspected(it).children == ()


@both_faces
def test_only_an_admin_is_told_whom_a_comment_notifies(face: str) -> None:
    """Jira answers 404 (Cloud) or 403 (Data Center) to others: not proven, and no fault."""
    with harness(face) as it:
        populate(it.tracker, 1)
        assert notified(it)[0] is CheckState.UNPROVEN
        refused = [exchange for exchange in it.server.requests if exchange.path.endswith("notificationscheme")]
        assert {exchange.status for exchange in refused} == {404 if face == "cloud" else 403}
        it.tracker.admin.set_secrets("capa-sync", {"permissions": [*ALL_BUT_ADMIN, "ADMINISTER_PROJECTS"]})
        state, words = notified(it)
        assert state is CheckState.ADVICE
        assert "a new comment notifies CurrentAssignee, Reporter, AllWatchers" in words


@both_faces
@pytest.mark.parametrize(
    "events",
    [
        17,
        [None],
        [{"event": 6}],
        [{"event": {"id": ["6"]}, "notifications": []}],
        [{"event": {"id": 6}, "notifications": 17}],
        [{"event": {"id": 6}, "notifications": [None]}],
        [{"event": {"id": 6}, "notifications": [{"notificationType": ["Reporter"]}]}],
    ],
)
def test_a_notification_scheme_in_another_form_is_not_told(face: str, events: Any) -> None:
    """It does not count as a scheme that notifies nobody."""
    with harness(face) as it:
        populate(it.tracker, 1)
        answering(it.server, "/notificationscheme", {"notificationSchemeEvents": events})
        assert notified(it)[0] is CheckState.UNPROVEN


@pytest.mark.parametrize("column", ["sys_id", "table_sys_id"])
@pytest.mark.parametrize("value", [None, 17, ["6c"], {"value": {}}, "", "%"])
def test_an_attachment_that_is_none_or_of_another_record_is_a_fault(column: str, value: Any) -> None:
    """It is not left out in silence, as if nothing were attached."""
    with source_harness(children=()) as sn:
        issue = sn.insert(short_description="one")
        sn.tracker.attach("sn_grc_issue", issue, "evidence.pdf", b"content")
        reader = sn.source
        assert isinstance(reader, AttachmentReader)
        assert [attachment.name for attachment in reader.list_attachments(issue, None)] == ["evidence.pdf"]
        answering(
            sn.server,
            "/sys_attachment",
            lambda found: {"result": [row | {column: value} for row in found["result"]]},
        )
        with pytest.raises(BadAnswer, match="sys_attachment: a row is no attachment"):
            reader.list_attachments(issue, None)
