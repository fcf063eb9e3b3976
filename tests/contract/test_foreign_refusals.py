"""A 403 or 404 that Jira did not give, and an answer about another comment: neither loses nor moves our comment."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from capa_sync.errors import Authentication, BadAnswer, Retryable, SourceError, WriteRefused
from capa_sync.model.write import PROPERTY_KEY, Write, WriteKind
from capa_sync.sandbox.messages import Reply, Request
from tests.contract.jira_source_harness import Harness, harness, populate
from tests.contract.jira_writes import ours, words, write

FACES = ("cloud", "datacenter")
both_faces = pytest.mark.parametrize("face", FACES)
FOREIGN = {
    "a page": "<html><body>404 Not Found</body></html>",
    "no body": "",
    "a text": "upstream not found",
    "half an object": '{"errorMessages": ["Issue does',
    "an empty object": "{}",
    "a list": "[]",
    "null": "null",
    "an object of another program": '{"error": "no route", "code": 404}',
}
OWN_COMMENT = r"/comment/\d+(\?|$)"
READS = {
    "our comment": OWN_COMMENT,
    "the ticket": r"/issue/\d+\?",
    "the list of comments": r"/issue/\d+/comment\?",
}


def _with_our_comment(it: Harness) -> tuple[str, str]:
    """Warn one ticket; return its key and the id of our comment."""
    key = populate(it.tracker, 2)[1]
    return key, it.writer.deliver(write(it, key), "").remote_id


def _changed(it: Harness, key: str) -> Write:
    return write(it, key, text=words("A second point"))


def _assert_edited(it: Harness, key: str, id_: str) -> None:
    """Once the tracker answers again, the same comment has the new text and there is no other one."""
    it.server.faults.clear()
    done = it.writer.deliver(_changed(it, key), id_)
    assert (done.remote_id, done.deleted_by_person) == (id_, False)
    [comment] = ours(it, key)
    assert "A second point" in json.dumps(comment.body)


@both_faces
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("answer", FOREIGN)
def test_a_proxy_s_refusal_takes_nothing_for_gone(face: str, read: str, status: int, answer: str) -> None:
    """For a moment it is asked again; for longer the write waits, and no comment counts as deleted by a person."""
    with harness(face) as it:
        key, id_ = _with_our_comment(it)
        foreign: dict[str, Any] = {"status": status, "answer": FOREIGN[answer]}
        it.server.faults.add("answer", ("GET", READS[read]), times=1, **foreign)
        _assert_edited(it, key, id_)
        it.server.faults.add("answer", ("GET", READS[read]), times=None, **foreign)
        for text in (words("A third point"), words("A fourth point")):
            with suppress(Retryable):
                assert it.writer.deliver(write(it, key, text=text), id_).remote_id == id_, "that read was not needed"
        _assert_edited(it, key, id_)


@both_faces
@pytest.mark.parametrize("kind", [WriteKind.PROPERTY, WriteKind.COMMENT])
def test_a_withdrawal_is_not_done_because_a_proxy_says_so(face: str, kind: WriteKind) -> None:
    """Our comment and property are still there: a look-up must not call their removal delivered."""
    with harness(face) as it:
        key, id_ = _with_our_comment(it)
        it.writer.deliver(write(it, key, WriteKind.PROPERTY, fields={"state": "open"}), "")
        removal = write(it, key, kind, text=None)
        for path in (OWN_COMMENT, "/properties/"):
            it.server.faults.add("proxy_error", ("GET", path), times=None, status=404)
        for act in (it.writer.deliver, it.writer.look_up):
            with pytest.raises(SourceError, match="not the tracker"):
                act(removal, id_)
        it.server.faults.clear()
        it.writer.deliver(removal, id_)
        assert it.writer.look_up(removal, id_) is not None


REFUSED = '{"errorMessages": ["It is locked."], "errors": {}}'


@both_faces
@pytest.mark.parametrize("kind", [WriteKind.PROPERTY, WriteKind.COMMENT])
@pytest.mark.parametrize(
    ("status", "answer", "needs_a_person"),
    [
        (403, FOREIGN["a page"], False),
        (404, "", False),
        (409, REFUSED, False),
        (423, REFUSED, False),
        (403, REFUSED, True),
    ],
    ids=["a proxy's 403", "a proxy's 404", "in use", "locked", "not permitted"],
)
def test_a_removal_needs_a_person_only_where_a_right_is_missing(
    face: str, kind: WriteKind, status: int, answer: str, needs_a_person: bool
) -> None:
    """What may pass by itself names no right, and is sent again by itself."""
    with harness(face) as it:
        key, id_ = _with_our_comment(it)
        it.writer.deliver(write(it, key, WriteKind.PROPERTY, fields={"state": "open"}), "")
        removal = write(it, key, kind, text=None)
        it.server.faults.add("answer", ("DELETE", ""), times=1, status=status, answer=answer)
        with pytest.raises(WriteRefused) as refused:
            it.writer.deliver(removal, id_)
        assert refused.value.permanent is needs_a_person
        assert ("our account needs the permission" in refused.value.message) is needs_a_person
        it.writer.deliver(removal, id_)
        assert it.writer.look_up(removal, id_) is not None


@both_faces
@pytest.mark.parametrize("path", READS.values(), ids=READS)
def test_a_404_to_nobody_is_a_lost_sign_in(face: str, path: str) -> None:
    """Jira shows an anonymous reader no ticket and no comment, and says "not found" in its own words."""
    with harness(face) as it:
        key, id_ = _with_our_comment(it)
        said = '{"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}'
        nobody = {"X-AUSERNAME": "anonymous"}
        it.server.faults.add("answer", ("GET", path), times=None, status=404, answer=said, headers=nobody)
        with suppress(Authentication):
            assert it.writer.deliver(_changed(it, key), id_).remote_id == id_, "that read was not needed"
        _assert_edited(it, key, id_)


@both_faces
def test_jira_s_own_answers_about_our_comment_contradict_each_other(face: str) -> None:
    """Asked for alone it is gone, in the list it is there: the write waits until they agree."""
    with harness(face) as it:
        key, id_ = _with_our_comment(it)
        said = '{"errorMessages": ["Can not find a comment for the id: 1."], "errors": {}}'
        it.server.faults.add("answer", ("GET", OWN_COMMENT), times=None, status=404, answer=said)
        with pytest.raises(Retryable, match="contradict each other"):
            it.writer.deliver(_changed(it, key), id_)
        _assert_edited(it, key, id_)


@both_faces
def test_a_comment_that_a_person_deleted_still_counts_as_deleted(face: str) -> None:
    """Jira says so itself, twice: alone and in the list."""
    with harness(face) as it:
        key, id_ = _with_our_comment(it)
        issue = it.tracker.state.find(key)
        issue.comments[:] = [comment for comment in issue.comments if str(comment.id) != id_]
        done = it.writer.deliver(_changed(it, key), id_)
        assert done.deleted_by_person
        assert ours(it, key) == []


def _names_another(it: Harness, changes: dict[str, Any]) -> None:
    def after(sent: Request, reply: Reply) -> None:
        if sent.method == "POST" and sent.target.endswith("/comment"):
            reply.body = json.dumps({**json.loads(reply.body), **changes}).encode()

    it.server.after.append(after)


@both_faces
@pytest.mark.parametrize("shown", ["the comment itself", "another author", "no author", "no body"])
def test_an_answer_that_names_another_comment_makes_it_not_ours(face: str, shown: str) -> None:
    """Ours is found by its property; the text of the person is never touched, whatever our account may edit."""
    with harness(face) as it:
        key = populate(it.tracker, 4)[3]
        it.tracker.admin.set_secrets(_account(it), {"admin": True})
        theirs = it.tracker.state.find(key).comments[0]
        before = json.dumps(theirs.body)
        changes: dict[str, Any] = {"id": str(theirs.id), "author": theirs.author, "body": theirs.body}
        changes |= {"another author": {"body": None}, "no author": {"author": None}, "no body": {"body": None}}.get(
            shown, {}
        )
        _names_another(it, changes)
        first = it.writer.deliver(write(it, key), "")
        [comment] = ours(it, key)
        assert first.remote_id == str(comment.id)
        it.server.after.clear()
        _assert_edited(it, key, first.remote_id)
        assert json.dumps(theirs.body) == before


@both_faces
def test_a_stored_id_of_another_s_comment_heals(face: str) -> None:
    """A register that took the wrong id before is put right by the next edit; the person's comment stays."""
    with harness(face) as it:
        key = populate(it.tracker, 4)[3]
        it.tracker.admin.set_secrets(_account(it), {"admin": True})
        own_id = it.writer.deliver(write(it, key), "").remote_id
        theirs = it.tracker.state.find(key).comments[0]
        before = json.dumps(theirs.body)
        done = it.writer.deliver(_changed(it, key), str(theirs.id))
        assert (done.remote_id, done.deleted_by_person) == (own_id, False)
        assert json.dumps(theirs.body) == before
        assert len(ours(it, key)) == 1


@both_faces
def test_the_comment_of_our_former_account_is_not_written_again(face: str) -> None:
    """Its property says that it is ours: it is edited, or the refusal is an error, and there is one."""
    with harness(face) as it:
        key, id_ = _with_our_comment(it)
        [comment] = ours(it, key)
        comment.author = it.tracker.state.find(key).comments[0].author
        assert comment.properties[PROPERTY_KEY]
        with pytest.raises(SourceError, match="refused"):
            it.writer.deliver(_changed(it, key), id_)
        assert len(ours(it, key)) == 1


@both_faces
def test_a_service_desk_s_public_comment_of_another_is_not_deleted(face: str) -> None:
    """The answer names a customer's public comment: that one is not taken back as if it were ours."""
    with harness(face) as it:
        key = populate(it.tracker, 4)[3]
        for project in it.tracker.state.projects.values():
            project.raw["projectTypeKey"] = "service_desk"
        it.tracker.admin.set_secrets(_account(it), {"admin": True})
        theirs = it.tracker.state.find(key).comments[0]
        _names_another(it, {"id": str(theirs.id), "author": theirs.author, "jsdPublic": True})
        first = it.writer.deliver(write(it, key), "")
        assert theirs in it.tracker.state.find(key).comments
        assert [str(comment.id) for comment in ours(it, key)] == [first.remote_id]


@both_faces
@pytest.mark.parametrize("status", [403, 404])
def test_a_ticket_is_not_missing_because_a_proxy_says_so(face: str, status: int) -> None:
    """A look at a ticket alone decides what is deleted; a page of a proxy decides nothing."""
    with harness(face) as it:
        populate(it.tracker, 2)
        it.cycle()
        it.server.faults.add("proxy_error", ("GET", "/issue/CAPA-1"), times=None, status=status)
        with pytest.raises((Retryable, BadAnswer)):
            it.source.find(["CAPA-1"])


def _account(it: Harness) -> str:
    [mine] = [user for user in it.tracker.state.users.values() if user.secrets.get("token")]
    return str(mine.account)
