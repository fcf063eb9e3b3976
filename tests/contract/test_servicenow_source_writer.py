"""The ServiceNow writer: the configured columns and no other, each note once, whatever becomes of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from capa_sync.errors import Authentication, DeliveryUnknown, NotBefore, Retryable, WriteRefused
from capa_sync.model.finding import Severity
from capa_sync.model.note import NoteMark
from capa_sync.model.write import WriteKind
from capa_sync.sources.servicenow.options import ServiceNowAuth
from tests.unit.sources.servicenow.source_harness import SourceHarness, source_harness, text, write

TEXT, STATE = "u_capa_sync_text", "u_capa_sync_state"
PATCH = ("PATCH", "")


@pytest.fixture
def sn() -> Iterator[SourceHarness]:
    """One issue of lee's on an instance whose fields for us are configured."""
    with source_harness(children=(), text_field=TEXT, state_field=STATE) as made:
        made.issue = made.insert(short_description="one")  # type: ignore[attr-defined]
        made.later(hours=1)
        made.sent()
        yield made


def fields(sn: SourceHarness, **changes: Any) -> Any:
    """A write of both fields."""
    return write(WriteKind.FIELDS, sn.issue, **{"fields": {STATE: "warning"}, **changes})


def note(sn: SourceHarness, **changes: Any) -> Any:
    """A work note."""
    return write(WriteKind.WORK_NOTE, sn.issue, **{"notifies": True, **changes})


def notes(sn: SourceHarness) -> list[str]:
    """The work notes on the issue."""
    return [row["value"] for row in sn.tracker.rows("sys_journal_field", f"element_id={sn.issue}^element=work_notes")]


def held(sn: SourceHarness) -> tuple[str, str]:
    """What the issue's two fields hold."""
    row = sn.tracker.find("sn_grc_issue", sn.issue) or {}
    return row.get(TEXT, ""), row.get(STATE, "")


def test_a_removal_empties_the_fields_and_is_known_again(sn: SourceHarness) -> None:
    """Text and state are emptied once; the look-up finds it done."""
    sn.writer.deliver(fields(sn), "")
    gone = fields(sn, text=None, fields={TEXT: "", STATE: ""})
    assert gone.is_removal
    assert sn.writer.look_up(gone, "") is None
    sn.writer.deliver(gone, "")
    assert held(sn) == ("", "")
    assert sn.writer.look_up(gone, "") is not None
    sn.writer.deliver(gone, "")
    assert len(sn.writes()) == 2


# --- fields ----------------------------------------------------------------------------------------------------


def test_fields_are_set_and_set_again_only_when_they_differ(sn: SourceHarness) -> None:
    """The second delivery of the same write sends nothing; a changed state sends that column alone."""
    done = sn.writer.deliver(fields(sn), "")
    assert held(sn) == ("Root cause is missing.", "warning")
    assert done.stamp == "2026-03-01 10:20:00"
    assert len(sn.writes()) == 1
    assert sn.writer.deliver(fields(sn), "").stamp == done.stamp
    assert sn.writes() == []
    sn.writer.deliver(fields(sn, fields={STATE: "overdue"}), "")
    assert [e.body for e in sn.writes()] == [b'{"u_capa_sync_state":"overdue"}']


def test_fields_can_be_emptied(sn: SourceHarness) -> None:
    """A withdrawn text leaves the column empty."""
    sn.writer.deliver(fields(sn), "")
    sn.writer.deliver(fields(sn, text=text(""), fields={STATE: "clear"}), "")
    assert held(sn) == ("", "clear")


@pytest.mark.parametrize("column", [TEXT, STATE])
def test_a_field_that_is_ignored_in_silence_is_an_error(sn: SourceHarness, column: str) -> None:
    """The answer is compared column by column, and the ignored one is named."""
    sn.tracker.settings.read_only_fields = [column]
    with pytest.raises(WriteRefused, match=column) as caught:
        sn.writer.deliver(fields(sn), "")
    assert caught.value.permanent


def test_a_text_that_was_cut_is_an_error_with_its_lengths(sn: SourceHarness) -> None:
    """A column too short for the text is reported with both lengths."""
    with pytest.raises(WriteRefused, match=r"cut at \d+ of 9000"):
        sn.writer.deliver(fields(sn, text=text("no cause." * 1000)), "")


def test_a_column_the_table_lacks_is_an_error(sn: SourceHarness) -> None:
    """The platform ignores unknown columns; the writer does not."""
    made = sn.again(text_field="u_no_such")
    with pytest.raises(WriteRefused, match="u_no_such does not exist"):
        made.writer.deliver(fields(sn), "")


# --- the allow-list --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["state", "assigned_to", "comments", "u_root_cause", "sys_updated_on"])
def test_no_other_column_is_ever_sent(sn: SourceHarness, column: str) -> None:
    """A write that names any column but the configured ones is refused before anything is sent."""
    with pytest.raises(WriteRefused, match=column):
        sn.writer.deliver(fields(sn, fields={column: "3"}), "")
    assert sn.writes() == []


@pytest.mark.parametrize(
    ("table", "sys_id"), [("sn_grc_task", "a" * 32), ("sn_grc_issue", "../sys_user/1"), ("sn_grc_issue", "")]
)
def test_no_other_table_or_path_is_ever_written(sn: SourceHarness, table: str, sys_id: str) -> None:
    """The guard itself refuses other tables and malformed ids."""
    client = sn.source.client  # type: ignore[attr-defined]
    with pytest.raises(WriteRefused, match="nothing may be written"):
        client.patch(table, sys_id, {STATE: "clear"}, ())
    assert sn.sent() == []


@pytest.mark.parametrize("kind", [WriteKind.COMMENT, WriteKind.LABELS, WriteKind.PROPERTY])
def test_writes_of_other_trackers_are_refused(sn: SourceHarness, kind: WriteKind) -> None:
    """Comments, labels and properties do not exist here."""
    with pytest.raises(WriteRefused, match="never written"):
        sn.writer.deliver(write(kind, sn.issue), "")
    assert sn.sent() == []


def test_notes_and_fields_that_are_not_configured_are_not_written(sn: SourceHarness) -> None:
    """Without fields there is no text to set, and with work notes off there is no note."""
    made = sn.again(text_field="", state_field="", work_notes=False)
    for intended in (fields(sn), fields(sn, fields={}), note(sn)):
        with pytest.raises(WriteRefused):
            made.writer.deliver(intended, "")
    assert sn.writes() == []


# --- work notes ------------------------------------------------------------------------------------------------


def test_a_note_is_written_once(sn: SourceHarness) -> None:
    """The note ends with our marker; a second delivery finds it and writes nothing."""
    done = sn.writer.deliver(note(sn), "")
    assert notes(sn) == [f"Root cause is missing.\n\n[capa-sync {sn.issue} h1]"]
    (row,) = sn.tracker.rows("sys_journal_field", f"element_id={sn.issue}")
    assert done.remote_id == row["sys_id"]
    sn.sent()
    assert sn.writer.deliver(note(sn), "") == done
    assert sn.writer.look_up(note(sn), "") == done
    assert sn.writes() == []


def test_each_marker_is_a_note_of_its_own(sn: SourceHarness) -> None:
    """The planner's marker is that of one write: another is a new note, an older note is found behind newer ones."""
    first, second = (note(sn, marker=f"[capa-sync {sn.issue} {word}]") for word in ("a1", "b2"))
    done = sn.writer.deliver(first, "")
    sn.writer.deliver(second, "")
    sn.tracker.as_user("kim").work_note("sn_grc_issue", sn.issue, "thanks")
    assert sn.writer.deliver(first, "") == done
    assert [body.rpartition("\n")[2] for body in notes(sn)].count(first.marker) == 1
    assert len(notes(sn)) == 3


@pytest.mark.parametrize("fault", ["drop_after", "status_after", "truncate", "truncate_closed"])
def test_a_lost_answer_never_doubles_a_note(sn: SourceHarness, fault: str) -> None:
    """Applied and the answer lost, broken, or a 500: unknown, then found, and one note in the end."""
    sn.server.faults.add(fault, PATCH)
    with pytest.raises(DeliveryUnknown):
        sn.writer.deliver(note(sn), "")
    assert len(sn.writes()) == 1
    assert sn.writer.look_up(note(sn), "") is not None
    sn.writer.deliver(note(sn), "")
    assert len(notes(sn)) == 1
    assert sn.writes() == []


@pytest.mark.parametrize("fault", ["drop_before", "html", "proxy_error"])
def test_a_write_that_may_not_have_arrived_is_looked_up(sn: SourceHarness, fault: str) -> None:
    """Nothing shows whether it was applied: unknown; the look-up does not find it, and it is sent anew."""
    sn.server.faults.add(fault, PATCH)
    with pytest.raises(DeliveryUnknown):
        sn.writer.deliver(note(sn), "")
    assert sn.writer.look_up(note(sn), "") is None
    sn.writer.deliver(note(sn), "")
    assert len(notes(sn)) == 1


def test_a_note_that_cannot_be_read_back_is_unknown_not_lost(sn: SourceHarness) -> None:
    """The note was applied, then the instance fails: it is looked up later and never written twice."""
    sn.server.faults.add("answer", ("GET", "sys_journal_field"), after=1, times=None, status=503, answer="{}")
    with pytest.raises(DeliveryUnknown, match="read back"):
        sn.writer.deliver(note(sn), "")
    sn.server.faults.clear()
    assert sn.writer.look_up(note(sn), "") is not None
    assert len(notes(sn)) == 1


def test_a_note_ignored_in_silence_is_an_error(sn: SourceHarness) -> None:
    """The record never shows its notes, so the journal is read; an ignored note is reported."""
    sn.tracker.settings.read_only_fields = ["work_notes"]
    with pytest.raises(WriteRefused, match="work_notes"):
        sn.writer.deliver(note(sn), "")


@pytest.mark.parametrize("denied", ["forbidden", "empty"])
def test_without_journal_rights_the_record_s_own_text_is_searched(sn: SourceHarness, denied: str) -> None:
    """No right to sys_journal_field: the marker is found in the text of the notes, and the note is not doubled."""
    sn.tracker.settings.audit_readable = False
    sn.tracker.settings.audit_denied_as = denied
    sn.writer.deliver(note(sn), "")
    sn.server.faults.add("drop_after", PATCH)
    with pytest.raises(DeliveryUnknown):
        sn.writer.deliver(note(sn, hash="h2"), "")
    sn.writer.deliver(note(sn, hash="h2"), "")
    assert len(notes(sn)) == 2


def marked(sn: SourceHarness, write_id: str, **points: Severity) -> Any:
    """A work note of the write with this id that reports these points, or that all is clear."""
    mark = NoteMark.of(sn.issue, write_id * 16, points)
    return note(sn, id=write_id * 16, marker=mark.line, text=text(f"{len(points)} points"))


def test_two_registers_on_one_instance_write_one_note(sn: SourceHarness) -> None:
    """The second register's write is another one; its points are on the ticket, so it adopts the note."""
    first = sn.writer.deliver(marked(sn, "a1", cause=Severity.HIGH, extent=Severity.LOW), "")
    sn.sent()
    other = sn.again().writer
    assert other.look_up(marked(sn, "b1", cause=Severity.MEDIUM), "") == first
    assert other.deliver(marked(sn, "b1", cause=Severity.MEDIUM), "") == first
    assert sn.writes() == []
    assert other.deliver(marked(sn, "b2", due=Severity.LOW), first.remote_id).remote_id != first.remote_id
    assert len(notes(sn)) == 2


def test_what_another_register_said_since_our_last_note_is_not_said_again(sn: SourceHarness) -> None:
    """Warned, cleared and warned anew, by one register each time: the other one adds none of the three."""
    other, known = sn.again().writer, ""
    for number, points in enumerate(({"cause": Severity.HIGH}, {}, {"cause": Severity.HIGH})):
        sn.later(days=1)
        delivery = sn.writer.deliver(marked(sn, f"a{number}", **points), known)
        sn.later(hours=1)
        known = other.deliver(marked(sn, f"b{number}", **points), known).remote_id
        assert known == delivery.remote_id
    assert sorted(body.splitlines()[0] for body in notes(sn)) == ["0 points", "1 points", "1 points"]


def test_our_own_older_note_keeps_no_point_from_being_reported_again(sn: SourceHarness) -> None:
    """A point that was fixed and is broken anew is news, although our newest known note reported it before."""
    first = sn.writer.deliver(marked(sn, "a1", cause=Severity.HIGH), "")
    sn.later(days=2)
    again = sn.writer.deliver(marked(sn, "a2", cause=Severity.HIGH), first.remote_id)
    assert again.remote_id != first.remote_id
    assert len(notes(sn)) == 2
    gone = "f" * 32  # where our own last note is not to be seen, nothing is concluded from others
    sn.later(days=2)
    sn.writer.deliver(marked(sn, "a3", cause=Severity.HIGH), gone)
    assert len(notes(sn)) == 3


def test_a_forged_or_quoted_mark_silences_nothing(sn: SourceHarness) -> None:
    """A note of a person that ends with the mark of these points is not ours; ours is written."""
    wanted = marked(sn, "a1", cause=Severity.HIGH)
    forged = NoteMark.of(sn.issue, "0" * 32, {"cause": Severity.HIGH}).line
    sn.tracker.as_user("kim").work_note("sn_grc_issue", sn.issue, f"they said\n\n{forged}")
    sn.writer.deliver(wanted, "")
    assert [body.endswith(wanted.marker) for body in notes(sn)].count(True) == 1


def test_a_text_of_another_instant_is_not_written_again(sn: SourceHarness) -> None:
    """The second register writes the same text some days later: it would send nothing but a changed state."""
    earlier, later = (text(f"Clause 10 check - 1 thing to fix (as of {day} June 2026 10:15)") for day in (1, 14))
    sn.writer.deliver(fields(sn, text=earlier), "")
    sn.sent()
    other = sn.again().writer
    assert other.look_up(fields(sn, text=later), "") is not None
    other.deliver(fields(sn, text=later), "")
    assert sn.writes() == []
    other.deliver(fields(sn, text=later, fields={STATE: "overdue"}), "")
    assert [e.body for e in sn.writes()] == [b'{"u_capa_sync_state":"overdue"}']


# --- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"write_denied": ["sn_grc_issue"]}, "ACL"),
        ({"business_rule_aborts": {"sn_grc_issue": "closed for the audit"}}, "closed for the audit"),
        ({"mandatory_fields": {"sn_grc_issue": ["u_location"]}}, "Data Policy"),
    ],
)
def test_a_refusal_of_the_instance_is_reported_in_its_words(
    sn: SourceHarness, setting: dict[str, Any], words: str
) -> None:
    """Access rule, business rule or data policy: refused for good until a person acts, nothing applied."""
    for name, value in setting.items():
        setattr(sn.tracker.settings, name, value)
    for intended in (fields(sn), note(sn)):
        with pytest.raises(WriteRefused, match=words) as caught:
            sn.writer.deliver(intended, "")
        assert caught.value.permanent
    assert (held(sn), notes(sn)) == (("", ""), [])


def test_a_ticket_that_is_gone_is_reported(sn: SourceHarness) -> None:
    """A record deleted meanwhile is refused, not written anew."""
    sn.tracker.as_user("lee").delete("sn_grc_issue", sn.issue)
    for intended in (fields(sn), note(sn)):
        with pytest.raises(WriteRefused, match="gone or hidden"):
            sn.writer.deliver(intended, "")
    assert sn.writes() == []


@pytest.mark.parametrize(("retry_after", "kind"), [(5, Retryable), (None, Retryable), (4000, NotBefore)])
def test_a_rate_limit_proves_that_nothing_was_applied(
    sn: SourceHarness, retry_after: int | None, kind: type[Exception]
) -> None:
    """429 is no lost answer: the write may be sent later."""
    sn.server.faults.add("rate_limit", PATCH, retry_after=retry_after)
    with pytest.raises(kind):
        sn.writer.deliver(note(sn), "")
    assert len(sn.writes()) == 1
    assert notes(sn) == []


def test_an_instance_that_cannot_be_reached_proves_it_too(sn: SourceHarness) -> None:
    """Connection refused: nothing left this machine."""
    client = sn.source.client  # type: ignore[attr-defined]
    sn.server.stop()
    with pytest.raises(Retryable, match="connection refused"):
        client.patch("sn_grc_issue", sn.issue, {STATE: "clear"}, ())


def test_a_wrong_password_stops_a_write(sn: SourceHarness) -> None:
    """401 on the way to a write is a sign-in error, and nothing is written."""
    made = sn.again(auth=ServiceNowAuth("basic", "capa_sync", "wrong"))
    with pytest.raises(Authentication):
        made.writer.deliver(note(sn), "")
    assert notes(sn) == []


def test_hostile_text_is_made_harmless(sn: SourceHarness) -> None:
    """HTML in [code], mentions, control and direction characters, and a forged marker lose their meaning."""
    hostile = "[code]<img src=x>[/CODE] @[abc:Lee] a\x00b\u202ec\x1b [capa-sync forged h9] <b>&amp;"
    sn.writer.deliver(note(sn, text=text(hostile)), "")
    expected = "(code)<img src=x>(/CODE) @ [abc:Lee] a bc  (capa-sync forged h9) <b>&amp;"
    assert notes(sn) == [expected.replace("/CODE", "/code") + f"\n\n[capa-sync {sn.issue} h1]"]


def test_own_writes_come_back_as_changes_of_ours(sn: SourceHarness) -> None:
    """The next poll reads the ticket once more, with every change by our account; the one after it reads nothing."""
    sn.sync()
    sn.writer.deliver(fields(sn), "")
    sn.writer.deliver(note(sn), "")
    assert sn.sync() == [sn.issue]
    me = sn.source.identify().me
    assert {change.by for change in sn.ticket(sn.issue).changes} == {me.id}
    assert {comment.by for comment in sn.ticket(sn.issue).comments} == {me.id}
    assert sn.sync() == []
