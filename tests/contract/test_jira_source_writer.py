"""What the Jira writer does on a tracker: one comment, own labels, one property; never twice, never anything else."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import orjson
import pytest

from capa_sync.errors import (
    Authentication,
    DeliveryUnknown,
    NotBefore,
    Retryable,
    ShownToCustomer,
    WriteRefused,
)
from capa_sync.model.write import Paragraph, Span, WarningText, Write, WriteKind
from capa_sync.sandbox.http import Reply, Request
from tests.absent_data import SPECS, needs
from tests.contract.jira_openapi import check_exchange
from tests.contract.jira_source_harness import Harness, harness, populate
from tests.contract.jira_writes import ours, words, write

FACES = ("cloud", "datacenter")
both_faces = pytest.mark.parametrize("face", FACES)


def heading(day: int) -> WarningText:
    """A warning as of a day."""
    as_of = Span(f" (as of {day} June 2026 10:15)")
    return WarningText((Paragraph((Span("Clause 10 check - 1 thing to fix", bold=True), as_of)),))


def one_ticket(face: str, **options: Any) -> tuple[Harness, str]:
    """A harness with a ticket on which people have commented."""
    it = harness(face, **options)
    key = populate(it.tracker, 4)[3]
    return it, key


def label(it: Harness, face: str, key: str, *labels: str) -> None:
    """Put labels on a ticket as a person."""
    it.tracker.as_user("acc-ann" if face == "cloud" else "ann").label(key, add=labels)


@both_faces
def test_a_comment_is_created_once_and_then_edited_in_place(face: str) -> None:
    """The property comes with the creating request; an update sends the body alone and keeps the comment."""
    it, key = one_ticket(face)
    with it:
        first = it.writer.deliver(write(it, key), "")
        assert [str(comment.id) for comment in ours(it, key)] == [first.remote_id]
        assert ours(it, key)[0].properties == {"capa-sync": {"marker": write(it, key).marker}}
        it.tracker.clock.advance(timedelta(minutes=1))
        second = it.writer.deliver(write(it, key, text=words("now different")), first.remote_id)
        assert second.remote_id == first.remote_id
        assert second.stamp > first.stamp
        assert len(ours(it, key)) == 1
        puts = [entry for entry in it.server.requests if entry.method == "PUT"]
        assert len(puts) == 1
        assert b"properties" not in puts[0].body


@both_faces
def test_the_own_comment_is_found_by_its_mark_when_its_id_is_lost(face: str) -> None:
    """A restored backup knows no id: the comment is found among a hundred others and edited."""
    it, key = one_ticket(face)
    with it:
        first = it.writer.deliver(write(it, key), "")
        me = "capa-sync"
        for number in range(130):
            it.tracker.as_user(me).comment(key, f"another of our account {number}")
        again = it.writer.deliver(write(it, key, text=words("again")), "")
        assert again.remote_id == first.remote_id
        assert len(ours(it, key)) == 1


@both_faces
def test_another_registers_comment_and_a_forged_mark_are_not_ours(face: str) -> None:
    """The mark names register and ticket; a mark that another account set is ignored."""
    it, key = one_ticket(face)
    with it:
        marker = write(it, key).marker
        ann = it.tracker.as_user("acc-ann" if face == "cloud" else "ann")
        ann.comment(key, "I am you", {"capa-sync": {"marker": marker}})
        it.tracker.as_user("capa-sync").comment(key, "other register", {"capa-sync": {"marker": "register-2/1"}})
        done = it.writer.deliver(write(it, key), "")
        assert [comment.author["displayName"] for comment in ours(it, key)] == ["Ann Arbor", "capa-sync", "capa-sync"]
        assert done.remote_id == str(ours(it, key)[2].id)


@both_faces
def test_a_second_register_writes_nothing_that_is_there(face: str) -> None:
    """It adopts the first register's comment; days later, text and property equal those that it would write."""
    it, key = one_ticket(face)
    with it:
        mine, theirs = (
            [
                write(it, key, text=heading(day), marker=f"{register} {it.tracker.state.find(key).id}"),
                write(it, key, WriteKind.PROPERTY, fields={"state": "warning"}, marker=f"{register} 1"),
            ]
            for register, day in (("register-1", 1), ("register-2", 14))
        )
        first = [it.writer.deliver(planned, "") for planned in mine]
        it.tracker.clock.advance(timedelta(days=13))
        for known in ("", first[0].remote_id):
            again = it.exchanges(lambda known=known: [it.writer.deliver(planned, known) for planned in theirs])
            assert {(e.method, e.path.rpartition("/")[2]) for e in again if e.is_write} <= {("POST", "list")}
        assert it.writer.look_up(theirs[0], "") is not None
        assert it.writer.look_up(theirs[1], "") is not None
        assert it.writer.deliver(theirs[0], "").remote_id == first[0].remote_id
        assert len(ours(it, key)) == 1


@both_faces
def test_a_deleted_comment_is_not_put_back_by_itself(face: str) -> None:
    """The caller is informed and decides; without an id, the next delivery writes a new comment."""
    it, key = one_ticket(face)
    with it:
        first = it.writer.deliver(write(it, key), "")
        it.tracker.as_user("acc-ben" if face == "cloud" else "ben").delete_comment(key, first.remote_id)
        delivery = it.writer.deliver(write(it, key), first.remote_id)
        assert delivery.deleted_by_person
        assert delivery.remote_id == ""
        assert ours(it, key) == []
        assert it.writer.deliver(write(it, key), "").remote_id
        assert len(ours(it, key)) == 1


@both_faces
@pytest.mark.parametrize("fault", ["drop_after", "status_after", "truncate", "html_after"])
def test_a_lost_answer_never_makes_two_comments(face: str, fault: str) -> None:
    """Applied and the answer lost: unknown; the look-up finds it; a second delivery edits it."""
    it, key = one_ticket(face)
    with it:
        it.writer.deliver(write(it, key, WriteKind.PROPERTY), "")
        if fault == "html_after":
            it.server.faults.add("status_after", ("POST", "/comment$"), status=200)
        else:
            it.server.faults.add(fault, ("POST", "/comment$"))
        with pytest.raises(DeliveryUnknown):
            it.writer.deliver(write(it, key), "")
        assert len(ours(it, key)) == 1
        found = it.writer.look_up(write(it, key), "")
        assert found is not None
        assert found.remote_id == str(ours(it, key)[0].id)
        assert it.writer.deliver(write(it, key), "").remote_id == found.remote_id
        assert len(ours(it, key)) == 1


@both_faces
@pytest.mark.parametrize("fault", ["drop_before", "proxy_error"])
def test_a_write_that_may_have_been_applied_is_looked_up_before_it_is_repeated(face: str, fault: str) -> None:
    """It was not applied: the look-up says so, and the second delivery makes the one comment."""
    it, key = one_ticket(face)
    with it:
        it.writer.look_up(write(it, key), "")
        it.server.faults.add(fault, ("POST", "/comment$"))
        with pytest.raises(DeliveryUnknown):
            it.writer.deliver(write(it, key), "")
        posts = [entry for entry in it.server.requests if entry.method == "POST" and entry.path.endswith("/comment")]
        assert len(posts) == 1
        assert it.writer.look_up(write(it, key), "") is None
        it.writer.deliver(write(it, key), "")
        assert len(ours(it, key)) == 1


@both_faces
def test_a_lost_update_is_distinguished_from_one_that_arrived(face: str) -> None:
    """The comment is there in both cases; only its text shows whether the edit was applied."""
    it, key = one_ticket(face)
    with it:
        done = it.writer.deliver(write(it, key), "")
        changed = write(it, key, text=words("Something else is missing now"))
        it.server.faults.add("drop_before", ("PUT", "/comment/"))
        with pytest.raises(DeliveryUnknown):
            it.writer.deliver(changed, done.remote_id)
        assert it.writer.look_up(changed, done.remote_id) is None
        it.server.faults.add("drop_after", ("PUT", "/comment/"))
        with pytest.raises(DeliveryUnknown):
            it.writer.deliver(changed, done.remote_id)
        assert it.writer.look_up(changed, done.remote_id) is not None


@both_faces
@pytest.mark.parametrize("retry_after", [None, 3, 1.5, "2026-03-01T09:00:30+00:00"])
def test_a_429_was_not_applied(face: str, retry_after: Any) -> None:
    """It is Retryable, was sent once, and says what must wait."""
    it, key = one_ticket(face)
    with it:
        reason = "jira-per-issue-on-write"
        it.server.faults.add("rate_limit", ("POST", "/comment$"), reason=reason, retry_after=retry_after)
        with pytest.raises(Retryable) as caught:
            it.writer.deliver(write(it, key), "")
        assert caught.value.scope == "ticket"
        assert ours(it, key) == []
        assert it.writer.deliver(write(it, key), "").remote_id


@both_faces
def test_a_429_of_an_hour_is_a_not_before(face: str) -> None:
    """The instant is raised for the daemon to store."""
    it, key = one_ticket(face)
    with it:
        it.server.faults.add("rate_limit", ("POST", "/comment$"), retry_after=3700)
        with pytest.raises(NotBefore):
            it.writer.deliver(write(it, key), "")


@both_faces
def test_refusals_say_what_to_do(face: str) -> None:
    """No right, too long, too many comments, ticket gone: refused, not applied, in one line."""
    it, key = one_ticket(face, settings={"text_limit": 60})
    with it:
        with pytest.raises(WriteRefused, match="too long") as caught:
            it.writer.deliver(write(it, key), "")
        assert caught.value.permanent
        it.tracker.settings.text_limit = 30_000
        it.tracker.settings.revoked_permissions = ["ADD_COMMENTS"]
        with pytest.raises(WriteRefused, match="Add comments"):
            it.writer.deliver(write(it, key), "")
        it.tracker.settings.revoked_permissions = []
        it.tracker.settings.max_comments = 3
        with pytest.raises(WriteRefused, match="as many comments"):
            it.writer.deliver(write(it, key), "")
        it.server.faults.add("answer", ("PUT", "/issue/"), status=409, answer="{}")
        with pytest.raises(WriteRefused) as caught:
            it.writer.deliver(write(it, key, WriteKind.LABELS, labels_add=("capa-warning",)), "")
        assert not caught.value.permanent
        gone = write(it, key)
        it.tracker.admin.hide(key)
        with pytest.raises(WriteRefused, match="gone or hidden"):
            it.writer.deliver(gone, "")
        with pytest.raises(DeliveryUnknown, match="gone or hidden"):  # it may have been applied before
            it.writer.look_up(gone, "")


@both_faces
def test_labels_are_added_and_removed_one_by_one(face: str) -> None:
    """Other labels stay; a second delivery sends nothing; labels that are already there are not sent."""
    it, key = one_ticket(face)
    with it:
        label(it, face, key, "audit", "capa-overdue")
        labels = write(it, key, WriteKind.LABELS, labels_add=("capa-warning",), labels_remove=("capa-overdue",))
        assert it.writer.look_up(labels, "") is None
        it.writer.deliver(labels, "")
        assert it.tracker.state.find(key).fields["labels"] == ["audit", "capa-warning"]
        assert it.writer.look_up(labels, "") is not None
        again = it.exchanges(lambda: it.writer.deliver(labels, ""))
        assert [entry.method for entry in again] == ["GET"]


@both_faces
def test_labels_that_do_not_stick_are_an_error(face: str) -> None:
    """An edit that is silently ignored is found by reading back; a field off the screen is Jira's own refusal."""
    it, key = one_ticket(face)
    with it:
        labels = write(it, key, WriteKind.LABELS, labels_add=("capa-warning",))
        it.server.faults.add("answer", ("PUT", "/issue/"), status=204)
        with pytest.raises(WriteRefused, match="did not set"):
            it.writer.deliver(labels, "")
        it.tracker.settings.off_screen = ["labels"]
        with pytest.raises(WriteRefused, match="screen"):
            it.writer.deliver(labels, "")


@both_faces
def test_a_label_is_taken_off_where_no_answer_shows_the_labels(face: str) -> None:
    """Absent labels do not prove that ours is gone: the removal is sent, and is an error while they stay absent."""
    it, key = one_ticket(face)
    with it:
        label(it, face, key, "audit", "capa-warning")
        removal = write(it, key, WriteKind.LABELS, labels_remove=("capa-warning",))

        def without_labels(_request: Request, reply: Reply) -> None:
            body = orjson.loads(reply.body or b"{}")
            body.get("fields", {}).pop("labels", None)
            reply.body = orjson.dumps(body) if body else b""

        it.server.after.append(without_labels)
        assert it.writer.look_up(removal, "") is None
        with pytest.raises(WriteRefused, match="did not set"):
            it.writer.deliver(removal, "")
        assert it.tracker.state.find(key).fields["labels"] == ["audit"]
        it.server.after.remove(without_labels)
        assert it.writer.look_up(removal, "") is not None


@both_faces
def test_only_our_labels_are_ever_written(face: str) -> None:
    """A plan that names another label is refused before anything is sent."""
    it, key = one_ticket(face)
    with it:
        with pytest.raises(WriteRefused, match="not ours"):
            it.writer.deliver(write(it, key, WriteKind.LABELS, labels_remove=("audit",)), "")
        assert not [entry for entry in it.server.requests if entry.method == "PUT"]


@both_faces
def test_the_issue_property_holds_the_mark(face: str) -> None:
    """The property is set, and looked up by its value."""
    it, key = one_ticket(face)
    with it:
        wanted = write(it, key, WriteKind.PROPERTY, fields={"comment": "10001"})
        assert it.writer.look_up(wanted, "") is None
        it.writer.deliver(wanted, "")
        assert it.tracker.state.find(key).properties["capa-sync"] == {"marker": wanted.marker, "comment": "10001"}
        assert it.writer.look_up(wanted, "") is not None


def service_desk(it: Harness) -> None:
    """Make the project a service desk."""
    for project in it.tracker.state.projects.values():
        project.raw["projectTypeKey"] = "service_desk"


@both_faces
def test_in_a_service_desk_the_comment_is_internal(face: str) -> None:
    """No mail of ours may reach the customer; an update keeps the comment internal."""
    it, key = one_ticket(face)
    service_desk(it)
    with it:
        done = it.writer.deliver(write(it, key), "")
        it.writer.deliver(write(it, key, text=words("new")), done.remote_id)
        comment = ours(it, key)[0]
        assert comment.properties["sd.public.comment"] == {"internal": True}
        if face == "cloud":
            assert comment.extra["jsdPublic"] is False


@both_faces
def test_a_comment_shown_to_the_customer_is_taken_back_and_stops_the_source(face: str) -> None:
    """Jira makes it public although it was sent as internal: it is deleted at once, and no second one may follow."""
    it, key = one_ticket(face)
    service_desk(it)
    with it:
        it.tracker.settings.shows_internal_comments = True
        with pytest.raises(ShownToCustomer, match="deleted at once"):
            it.writer.deliver(write(it, key), "")
        assert ours(it, key) == []


@both_faces
def test_a_comment_shown_to_the_customer_that_cannot_be_deleted_is_named(face: str) -> None:
    """A person must delete it: the message says which comment."""
    it, key = one_ticket(face)
    service_desk(it)
    with it:
        it.tracker.settings.shows_internal_comments = True
        it.tracker.settings.revoked_permissions = ["DELETE_OWN_COMMENTS"]
        with pytest.raises(ShownToCustomer, match="delete it now") as leak:
            it.writer.deliver(write(it, key), "")
        assert str(ours(it, key)[0].id) in leak.value.message


@both_faces
def test_a_lost_answer_does_not_hide_that_the_comment_is_public(face: str) -> None:
    """The look-up after a lost answer takes the public comment back, too."""
    it, key = one_ticket(face)
    service_desk(it)
    with it:
        it.tracker.settings.shows_internal_comments = True
        it.server.faults.add("drop_after", ("POST", "/comment$"))
        with pytest.raises(DeliveryUnknown):
            it.writer.deliver(write(it, key), "")
        with pytest.raises(ShownToCustomer):
            it.writer.look_up(write(it, key), "")
        assert ours(it, key) == []


@both_faces
def test_a_comment_that_a_person_made_public_is_not_edited(face: str) -> None:
    """Customers would read the new text: the ticket's write fails for good and the message says what to do."""
    it, key = one_ticket(face)
    service_desk(it)
    with it:
        done = it.writer.deliver(write(it, key), "")
        comment = ours(it, key)[0]
        comment.properties["sd.public.comment"] = {"internal": False}
        comment.extra["jsdPublic"] = True
        before = comment.body
        with pytest.raises(WriteRefused, match="customers can see our comment") as refused:
            it.writer.deliver(write(it, key, text=words("new")), done.remote_id)
        assert refused.value.permanent
        assert comment.body == before


def removal(it: Harness, key: str, kind: WriteKind = WriteKind.COMMENT) -> Write:
    """A removal of everything of ours."""
    return write(it, key, kind, text=None)


@both_faces
def test_a_removal_takes_comment_and_property_away_and_is_known_again(face: str) -> None:
    """Both are gone; the look-up says so; removing what is gone already is no fault; comments of people stay."""
    it, key = one_ticket(face)
    with it:
        done = it.writer.deliver(write(it, key), "")
        it.writer.deliver(write(it, key, WriteKind.PROPERTY, text=None, fields={"state": "warning"}), "")
        issue = it.tracker.state.find(key)
        people = [comment.id for comment in issue.comments if "capa-sync" not in comment.properties]
        for kind, remote_id in ((WriteKind.COMMENT, done.remote_id), (WriteKind.PROPERTY, "")):
            assert it.writer.look_up(removal(it, key, kind), remote_id) is None
            it.writer.deliver(removal(it, key, kind), remote_id)
            assert it.writer.look_up(removal(it, key, kind), remote_id) is not None
            it.writer.deliver(removal(it, key, kind), remote_id)
        assert ours(it, key) == []
        assert "capa-sync" not in issue.properties
        assert [comment.id for comment in issue.comments] == people


@both_faces
def test_a_removal_finds_our_comment_without_its_id_and_spares_another_registers(face: str) -> None:
    """Only comments with our own marker go; a stored id that is a person's comment is not touched."""
    it, key = one_ticket(face)
    with it:
        it.writer.deliver(write(it, key), "")
        other = write(it, key, text=words("of another register"), marker="register-2 x")
        it.tracker.state.find(key).comments[0].properties["capa-sync"] = {"marker": other.marker}
        theirs = str(it.tracker.state.find(key).comments[0].id)
        it.writer.deliver(removal(it, key), theirs)
        assert [str(comment.id) for comment in ours(it, key)] == [theirs]


@both_faces
def test_a_removal_without_the_right_to_delete_says_which_right(face: str) -> None:
    """The removal is refused for good, and the comment stays."""
    it, key = one_ticket(face)
    with it:
        done = it.writer.deliver(write(it, key), "")
        it.tracker.settings.revoked_permissions = ["DELETE_OWN_COMMENTS"]
        with pytest.raises(WriteRefused, match="Delete Own Comments"):
            it.writer.deliver(removal(it, key), done.remote_id)
        assert len(ours(it, key)) == 1


@both_faces
def test_a_text_that_grows_by_escaping_is_cut_to_the_limit_and_known_again(face: str) -> None:
    """On Data Center markup counts: five points of number signs would be refused; shortened, they arrive whole."""
    it, key = one_ticket(face)
    points = [Paragraph((Span("#" * 400, bold=True), Span("\\" * 160), Span("*#" * 200)), numbered=True)] * 5
    long = WarningText((*heading(1).paragraphs, *points, Paragraph((Span("Rules: a", small=True),))))
    with it:
        it.tracker.settings.text_limit = 8_000
        done = it.writer.deliver(write(it, key, text=long), "")
        assert it.writer.look_up(write(it, key, text=long), "") is not None
        body = ours(it, key)[0].body
        if face == "datacenter":
            assert len(body) <= 8_000
            assert body.count("\n# {*}&#35;&#35;") == 5
            assert body.startswith("{*}Clause 10 check")
            assert body.endswith("Rules: a")
        assert it.writer.deliver(write(it, key, text=long), done.remote_id).remote_id == done.remote_id
        assert len(ours(it, key)) == 1


@both_faces
def test_nothing_in_the_text_acts_as_markup(face: str) -> None:
    """Cloud gets text nodes; Data Center gets wiki markup in which mentions, images and macros are escaped."""
    it, key = one_ticket(face)
    with it:
        it.writer.deliver(write(it, key), "")
        body = ours(it, key)[0].body
        if face == "cloud":
            assert "'mention'" not in str(body)
            assert [node["type"] for node in body["content"]] == ["paragraph", "orderedList", "paragraph"]
            assert "[~admin] {html}<b>x</b>" in str(body)
        else:
            hostile = next(line for line in body.splitlines() if "admin" in line).partition("{*}First{*}")[2]
            assert re.findall(r"(?<![\\&])[\[\]{}!|*~#]", hostile) == []
            assert "\x07" not in body
            assert "\\[\\~admin\\]" in body
            assert "[Read more|https://example.com/x-y?a=1]" in body


@both_faces
def test_a_lost_sign_in_is_reported(face: str) -> None:
    """A write without a sign-in raises Authentication; it is not a refusal of that ticket."""
    it, key = one_ticket(face)
    with it:
        it.writer.look_up(write(it, key), "")
        it.server.faults.add("answer", ("POST", "/comment$"), status=401, answer="{}")
        with pytest.raises(Authentication):
            it.writer.deliver(write(it, key), "")


@both_faces
def test_an_answer_lost_after_the_write_costs_no_success(face: str) -> None:
    """The comment is written; that its update time cannot be read afterwards does not make it undelivered."""
    it, key = one_ticket(face)
    with it:
        it.writer.look_up(write(it, key), "")
        it.server.faults.add("answer", ("GET", "fields=updated"), times=None, after=1, status=500, answer="")
        done = it.writer.deliver(write(it, key), "")
        assert done.remote_id
        assert done.stamp == ""


@both_faces
@needs(SPECS)
def test_every_write_is_one_that_the_vendors_document_allows(face: str) -> None:
    """All requests of all kinds of writes validate against the OpenAPI documents, and so do the answers."""
    it, key = one_ticket(face)
    with it:
        done = it.writer.deliver(write(it, key), "")
        it.writer.deliver(write(it, key, text=words("new")), done.remote_id)
        it.writer.deliver(write(it, key, WriteKind.LABELS, labels_add=("capa-warning",)), "")
        it.writer.deliver(write(it, key, WriteKind.PROPERTY), "")
        it.writer.look_up(write(it, key), "")
        it.writer.deliver(removal(it, key), done.remote_id)
        it.writer.deliver(removal(it, key, WriteKind.PROPERTY), "")
        problems = [line for entry in it.server.requests for line in check_exchange(entry, face)]
        assert problems == []
