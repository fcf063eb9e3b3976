"""Answers without end, too slow, or out of range: a read fails as the source's fault, a write is looked up first."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from capa_sync.errors import AnswerTooLarge, Authentication, BadAnswer, DeliveryUnknown, SourceError
from capa_sync.model.write import Delivered, Write, WriteKind
from capa_sync.sandbox.http import Reply, Request, SandboxServer
from capa_sync.sandbox.malformed import SHAPES
from capa_sync.sandbox.servicenow.accounts import CLIENT_CREDENTIALS
from capa_sync.sandbox.servicenow.tracker import OAUTH_CLIENT
from capa_sync.sources.jira.options import JiraAuth, JiraOptions
from capa_sync.sources.jira.reader import JiraSource
from capa_sync.sources.servicenow.options import ServiceNowAuth
from capa_sync.sources.transport import Limits
from tests.contract.jira_source_harness import harness, populate, shapes
from tests.contract.jira_writes import ours, write
from tests.patience import PATIENCE
from tests.unit.sources.servicenow import source_harness as servicenow

SMALL = Limits(answer=1_000_000, seconds=2.0)
"""Where an answer that drips must end by the time, and other requests of the test by themselves."""
PATIENT = Limits(answer=1_000_000, seconds=PATIENCE)
"""Where an answer must end by its length, on however busy a machine."""
QUICK = Limits(answer=1_000_000, seconds=0.3)
FLOODS = ("endless", "bomb", "drip")
both_faces = pytest.mark.parametrize("face", ["cloud", "datacenter"])
YEAR = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"
Spoil = Callable[[Reply], None]


def headers(**values: str) -> Spoil:
    """Set these headers on an answer."""
    return lambda reply: reply.headers.update({name.replace("_", "-"): value for name, value in values.items()})


def body(text: str, status: int = 0) -> Spoil:
    """Set this body on an answer, and a status if given."""

    def spoil(reply: Reply) -> None:
        reply.body, reply.status = text.encode(), status or reply.status

    return spoil


def busy(reply: Reply) -> None:
    """Answer 503 with a Retry-After in a year of twenty digits."""
    reply.status = 503
    reply.headers["Retry-After"] = YEAR


SPOILT: dict[str, Spoil] = {
    "date": headers(Date=YEAR),
    "date-zone": headers(Date="Mon, 01 Jan 0001 00:00:00 +2359"),
    "count": headers(X_Total_Count="²"),
    "count-long": headers(X_Total_Count="9" * 5000),
    "busy": busy,
    "nan": body('{"result": {"sys_id": NaN}, "id": NaN, "issues": NaN}'),
    "infinity": body('{"result": [{"sys_id": 1e999}], "id": 1e999, "total": -1e999}'),
    "null": body("null"),
    "list": body("[]"),
    "empty-result": body('{"result": []}'),
    "empty-object": body('{"result": {}}'),
    "nothing": body(""),
    "text": body('"yes"'),
    "half": body('{"result": {"sys_id": "'),
    "deep": body("[" * 100_000),
    "long-id": body('{"id": "' + "7" * 10_000 + '", "result": {"sys_id": "' + "7" * 10_000 + '"}}'),
    "odd-id": body('{"id": {"a": [1]}, "result": {"sys_id": ["a"], "sys_updated_on": {"value": {}}}}'),
    "long-number": body('{"id": ' + "7" * 10_000 + ', "result": {"sys_id": ' + "7" * 10_000 + "}}"),
}
every_way = pytest.mark.parametrize("way", list(SPOILT))
beyond_measure = pytest.mark.parametrize(
    "way", ["date", "date-zone", "count", "count-long", "busy", "nan", "infinity", "deep", "long-number"]
)


def spoiling(server: SandboxServer, way: str, method: str) -> None:
    """Spoil the next answer to a request of that kind, after it was applied."""
    left = [SPOILT[way]]

    def after(sent: Request, reply: Reply) -> None:
        if left and sent.method == method:
            left.pop()(reply)

    server.after.append(after)


def delivered_once(deliver: Callable[[], Delivered], look_up: Callable[[], Delivered | None]) -> Delivered:
    """Deliver as the outbox does: an unknown write is looked up, and sent again only when it is not there."""
    try:
        return deliver()
    except DeliveryUnknown:
        return look_up() or deliver()


# --- writes ----------------------------------------------------------------------------------------------------


@both_faces
@every_way
def test_a_comment_whose_answer_is_spoilt_is_there_once(face: str, way: str) -> None:
    """The tracker applied it: the writer finds it again by itself, or its outcome is unknown."""
    with harness(face, limits=PATIENT) as it:
        key = populate(it.tracker, 1)[0]
        wanted = write(it, key)
        spoiling(it.server, way, "POST")
        done = delivered_once(lambda: it.writer.deliver(wanted, ""), lambda: it.writer.look_up(wanted, ""))
        assert [str(comment.id) for comment in ours(it, key)] == [done.remote_id]


@both_faces
@pytest.mark.parametrize("kind", FLOODS)
def test_a_comment_whose_answer_never_ends_is_unknown(face: str, kind: str) -> None:
    """Reading the answer ends within its bounds, and the comment that was made is found."""
    with harness(face, limits=SMALL if kind == "drip" else PATIENT) as it:
        key = populate(it.tracker, 1)[0]
        wanted = write(it, key)
        it.server.faults.add(kind, ("POST", "/comment"), seconds=0.05)
        with pytest.raises(DeliveryUnknown):
            it.writer.deliver(wanted, "")
        found = it.writer.look_up(wanted, "")
        assert found is not None
        assert [str(comment.id) for comment in ours(it, key)] == [found.remote_id]


@both_faces
@every_way
def test_labels_whose_answer_is_spoilt_are_set(face: str, way: str) -> None:
    """An answer to an edit of labels may hold anything."""
    with harness(face, limits=PATIENT) as it:
        key = populate(it.tracker, 1)[0]
        wanted = write(it, key, WriteKind.LABELS, labels_add=frozenset({"capa-warning"}))
        spoiling(it.server, way, "PUT")
        delivered_once(lambda: it.writer.deliver(wanted, ""), lambda: it.writer.look_up(wanted, ""))
        assert it.tracker.state.find(key).fields["labels"] == ["capa-warning"]


@both_faces
def test_labels_that_cannot_be_read_back_are_unknown(face: str) -> None:
    """The edit was applied and reading it back failed: that is no refusal."""
    with harness(face, limits=PATIENT) as it:
        key = populate(it.tracker, 1)[0]
        wanted = write(it, key, WriteKind.LABELS, labels_add=frozenset({"capa-warning"}))
        it.server.faults.add("endless", ("GET", rf"issue/{wanted.ticket_id}\?"), after=1)
        with pytest.raises(DeliveryUnknown):
            it.writer.deliver(wanted, "")
        assert it.writer.look_up(wanted, "") is not None


def fields_of(sn: servicenow.SourceHarness, issue: str) -> Write:
    """A write of both our fields."""
    return servicenow.write(WriteKind.FIELDS, issue, fields={"u_capa_sync_state": "warning"})


@pytest.mark.parametrize("kind", [WriteKind.FIELDS, WriteKind.WORK_NOTE])
@every_way
def test_a_patch_whose_answer_is_spoilt_is_applied_once(kind: WriteKind, way: str) -> None:
    """Fields are set, and a work note is there once, whatever the instance answers."""
    with servicenow.source_harness(
        children=(), text_field="u_capa_sync_text", state_field="u_capa_sync_state", limits=PATIENT
    ) as sn:
        issue = sn.insert(short_description="one")
        wanted = fields_of(sn, issue) if kind is WriteKind.FIELDS else servicenow.write(kind, issue, notifies=True)
        spoiling(sn.server, way, "PATCH")
        delivered_once(lambda: sn.writer.deliver(wanted, ""), lambda: sn.writer.look_up(wanted, ""))
        if kind is WriteKind.FIELDS:
            assert (sn.tracker.find("sn_grc_issue", issue) or {})["u_capa_sync_state"] == "warning"
        else:
            query = f"element_id={issue}^element=work_notes"
            assert len(sn.tracker.rows("sys_journal_field", query)) == 1


@pytest.mark.parametrize("kind", FLOODS)
def test_a_patch_whose_answer_never_ends_is_unknown(kind: str) -> None:
    """Reading the answer ends within its bounds, and the note that was made is found."""
    with servicenow.source_harness(children=(), limits=SMALL if kind == "drip" else PATIENT) as sn:
        issue = sn.insert(short_description="one")
        wanted = servicenow.write(WriteKind.WORK_NOTE, issue, notifies=True)
        sn.server.faults.add(kind, ("PATCH", ""), seconds=0.05)
        with pytest.raises(DeliveryUnknown):
            sn.writer.deliver(wanted, "")
        assert sn.writer.look_up(wanted, "") is not None


# --- reads -----------------------------------------------------------------------------------------------------


@both_faces
@beyond_measure
def test_a_spoilt_answer_to_any_read_is_a_fault_of_the_source(face: str, way: str) -> None:
    """The fault is at each place of a cycle in turn; afterwards the mirror equals the tracker."""
    with harness(face, page_size=4, batch=4, limits=PATIENT) as it:
        populate(it.tracker, 6)
        for place in range(0, 9, 2):
            left = [place]

            def after(_sent: Request, reply: Reply, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == -1:
                    SPOILT[way](reply)

            it.server.after[:] = [after]
            it.restart()
            with suppress(SourceError):
                it.cycle(full=True)
        it.server.after.clear()
        it.restart()
        it.cycle(full=True)
        assert shapes(it.mirror) == it.truth()


@both_faces
@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.parametrize("path", ["serverInfo", "myself", "/field"])
def test_an_answer_without_end_ends_the_cycle_in_bounded_memory_and_time(face: str, kind: str, path: str) -> None:
    """No more is kept than the bound allows, and no longer is waited than the deadline."""
    with harness(face, limits=QUICK if kind == "drip" else PATIENT) as it:
        it.server.faults.add(kind, ("GET", path), times=None, seconds=0.5)
        tracemalloc.start()
        with pytest.raises(SourceError) as caught:
            it.source.identify()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * QUICK.answer
        if kind != "drip":
            assert isinstance(caught.value, AnswerTooLarge)
            assert "max_answer" in str(caught.value)


@both_faces
def test_headers_that_drip_are_bounded_too(face: str) -> None:
    """A server that sends its header a byte at a time is given up after the deadline."""
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        while not over.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                try:
                    peer.recv(65536)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not over.wait(0.05):
                        peer.sendall(b"a")
                except OSError:
                    continue

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        with harness(face) as it:
            limits = Limits(seconds=0.5)
            options = JiraOptions(
                "jira",
                f"http://127.0.0.1:{listener.getsockname()[1]}",
                "project = CAPA",
                JiraAuth("pat", "x"),
                is_instant=True,
                limits=limits,
            )
            with pytest.raises(SourceError, match="no answer in time"):
                JiraSource(options, it.clock, it.stop, it.mirror).identify()
    finally:
        over.set()
        listener.close()
        thread.join(timeout=PATIENCE)


@beyond_measure
def test_a_spoilt_answer_of_an_instance_is_its_fault(way: str) -> None:
    """The fault is at each place of a cycle in turn; afterwards the mirror equals the instance."""
    with servicenow.source_harness(page_size=100, limits=PATIENT) as sn:
        ids = [sn.insert(short_description=str(number)) for number in range(4)]
        sn.later(hours=1)
        for place in range(0, 12, 3):
            left = [place]

            def after(_sent: Request, reply: Reply, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == -1:
                    SPOILT[way](reply)

            sn.server.after[:] = [after]
            again = sn.again()
            with suppress(SourceError):
                again.source.identify()
                again.sync(full=True)
        sn.server.after.clear()
        sn.again().sync(full=True)
        assert sorted(sn.mirror.readings) == sorted(ids)


# --- sign-in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FLOODS)
def test_a_token_endpoint_without_end_is_an_error_of_the_sign_in(kind: str) -> None:
    """Both kinds bound what they read from a token endpoint."""
    with harness("cloud") as it, SandboxServer(it.tracker) as giver:
        giver.faults.add(kind, ("POST", "oauth"), times=None, seconds=0.5)
        auth = JiraAuth("oauth-client-credentials", "client-secret", "client", f"{giver.url}/oauth/token")
        options = JiraOptions("jira", it.server.url, "project = CAPA", auth, is_instant=True, limits=QUICK)
        with pytest.raises(SourceError):
            JiraSource(options, it.clock, it.stop, it.mirror).identify()
        assert len(it.server.requests) == 0
    oauth = ServiceNowAuth("oauth-client-credentials", "client", "client-secret")
    with servicenow.source_harness(auth=oauth, limits=QUICK) as sn:
        sn.server.faults.add(kind, ("POST", "oauth"), times=None, seconds=0.5)
        with pytest.raises(SourceError):
            sn.source.identify()


@pytest.mark.parametrize(
    "answer",
    [
        '{"access_token": ["a"]}',
        '{"access_token": "two\\nlines"}',
        '{"access_token": "größe"}',
        "[]",
        "null",
    ],
)
def test_an_odd_token_is_an_error_of_the_sign_in(answer: str) -> None:
    """A token that cannot be sent is reported without its value."""
    with harness("cloud") as it, SandboxServer(it.tracker) as giver:
        json = {"Content-Type": "application/json"}
        giver.faults.add("answer", ("POST", "oauth"), times=None, status=200, headers=json, answer=answer)
        auth = JiraAuth("oauth-client-credentials", "client-secret", "client", f"{giver.url}/oauth/token")
        options = JiraOptions("jira", it.server.url, "project = CAPA", auth, is_instant=True, limits=PATIENT)
        with pytest.raises((Authentication, BadAnswer)):
            JiraSource(options, it.clock, it.stop, it.mirror).identify()


def malformed_token(shape: str, times: int) -> Callable[[Request, Reply], None]:
    """Let the first so many answers with a token be malformed."""
    left = [times]

    def spoil(request: Request, reply: Reply) -> None:
        if "oauth" in request.path and left[0]:
            left[0] -= 1
            valid = b'{"access_token": "not-a-real-token", "expires_in": 300, "token_type": "Bearer"}'
            reply.status, reply.body = 200, SHAPES[shape](valid)
            reply.headers["Content-Type"] = "application/json"

    return spoil


@pytest.mark.parametrize("shape", SHAPES)
def test_a_malformed_answer_of_a_token_endpoint_is_a_foreseen_fault(shape: str) -> None:
    """Both kinds report the sign-in or the answer, and no shape that was not thought of; the next token serves."""
    with harness("cloud") as it, SandboxServer(it.tracker) as giver:
        giver.after.append(malformed_token(shape, 100))
        auth = JiraAuth("oauth-client-credentials", "client-secret", "client", f"{giver.url}/oauth/token")
        options = JiraOptions("jira", it.server.url, "project = CAPA", auth, is_instant=True, limits=PATIENT)
        with pytest.raises((Authentication, BadAnswer)) as fault:
            JiraSource(options, it.clock, it.stop, it.mirror).identify()
        assert "cannot use" not in fault.value.message
        assert len(giver.requests) >= 1
    oauth = ServiceNowAuth("oauth-client-credentials", OAUTH_CLIENT.client_id, OAUTH_CLIENT.secret)
    with servicenow.source_harness(auth=oauth, limits=PATIENT) as sn:
        sn.tracker.set_property(CLIENT_CREDENTIALS, "true")
        spoil = malformed_token(shape, 100)
        sn.server.after.append(spoil)
        with pytest.raises((Authentication, BadAnswer)) as fault:
            sn.source.identify()
        assert "cannot use" not in fault.value.message
        sn.server.after.remove(spoil)
        assert sn.source.identify().me.aliases == ("capa_sync",)


@pytest.mark.parametrize("expires_in", [-5, 0, 10**400, "300", "1e999", "NaN", None, True, [], "abc"])
def test_the_life_of_a_token_is_always_a_length_of_time(expires_in: Any) -> None:
    """It is a length of time whatever `expires_in` holds."""
    from capa_sync.sources.bearer import read_token

    token, life = read_token("jira", {"access_token": "abc", "expires_in": expires_in})
    assert token == "abc"
    assert timedelta(0) < life <= timedelta(days=1)
