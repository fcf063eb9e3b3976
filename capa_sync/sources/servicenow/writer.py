"""Writes on one ServiceNow: two configured columns, set to the desired values, and work notes, each once.

Facts: docs/servicenow.md 4. Setting a column to a value may be repeated; adding a work note may not. So the writer
looks for our own marker before each note, and never sends a note again after a lost answer. It also writes no note
when the newest note of our account reports the same points and this register does not know that note: then another
register (the original of a restored one, or a lost one) has already reported them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capa_sync.errors import AccessDenied, AnswerTooLarge, DeliveryUnknown, Skippable, SourceError, WriteRefused
from capa_sync.model.note import NoteMark
from capa_sync.model.patterns import CODE_TAG, NOTE_MARKER
from capa_sync.model.visible import lines
from capa_sync.model.write import TICKET_GONE, Delivered, Write, WriteKind, says_the_same
from capa_sync.sources.fence import fenced, fenced_write
from capa_sync.sources.servicenow.cells import Row, display_of, value_of
from capa_sync.sources.servicenow.client import TableClient
from capa_sync.sources.servicenow.directory import InstanceDirectory
from capa_sync.sources.servicenow.history import AuditReader
from capa_sync.sources.servicenow.options import ServiceNowOptions

_ID_AND_UPDATE = ("sys_id", "sys_updated_on")


class ServiceNowWriter:
    """Implements the port `TicketWriter` for one ServiceNow instance; for one worker thread.

    Args:
        options: the source's settings; they name the only columns that are written.
        client: sends the requests; it refuses every other write before sending.
        directory: knows our own user.
    """

    def __init__(self, options: ServiceNowOptions, client: TableClient, directory: InstanceDirectory) -> None:
        self.name = options.name
        self._options = options
        self._client = client
        self._directory = directory
        self._history = AuditReader(client)

    @fenced_write
    def deliver(self, write: Write, remote_id: str) -> Delivered:
        """Apply one write, unless the ticket already shows it.

        Raises:
            WriteRefused: not applied, or silently ignored by the instance.
            Retryable, NotBefore, Fatal: not applied.
            Skippable: not applied: what must be read of this ticket first is too large, or refused to us.
            DeliveryUnknown: sent, but the answer was lost.
        """
        try:
            if write.kind is WriteKind.FIELDS:
                return self._set_fields(write)
            if write.kind is WriteKind.WORK_NOTE:
                return self._add_note(write, remote_id)
        except (AccessDenied, AnswerTooLarge) as error:  # raised by a read before anything is sent
            raise Skippable(self._options.name, write.ticket_key, error.message) from None
        raise WriteRefused(self._options.name, f"a {write.kind.value} is never written to ServiceNow")

    @fenced
    def look_up(self, write: Write, remote_id: str) -> Delivered | None:
        """Return how the ticket shows this write; None when it does not. Raises SourceError."""
        try:
            return self._look_up(write, remote_id)
        except (AccessDenied, AnswerTooLarge) as error:  # concerns this ticket alone: the others go on
            raise DeliveryUnknown(self._options.name, error.message) from None

    def _look_up(self, write: Write, remote_id: str) -> Delivered | None:
        if write.kind is WriteKind.FIELDS:
            row = self._record(write, tuple(self._wanted(write)))
            if not _differing(row, wanted := self._wanted(write)):
                return Delivered(stamp=value_of(row, "sys_updated_on"))
            is_other = not remote_id and not write.is_removal and any(value_of(row, column) for column in wanted)
            return Delivered(write.ticket_id, is_other_text=True) if is_other else None
        return self._find_note(write, remote_id) if write.kind is WriteKind.WORK_NOTE else None

    # --- fields ------------------------------------------------------------------------------------------------

    def _set_fields(self, write: Write) -> Delivered:
        wanted = self._wanted(write)
        row = self._record(write, tuple(wanted))
        changed = _differing(row, wanted)
        if not changed:
            return Delivered(stamp=value_of(row, "sys_updated_on"))
        answer = self._client.patch(self._options.table, write.ticket_id, changed, (*_ID_AND_UPDATE, *changed))
        self._compare(changed, answer)
        return Delivered(stamp=value_of(answer, "sys_updated_on"))

    def _wanted(self, write: Write) -> dict[str, str]:
        """Return column -> text, as it will be sent."""
        wanted = {column: plain_text(text) for column, text in write.fields.items()}
        if write.text is not None and self._options.text_field:
            wanted[self._options.text_field] = plain_text(write.text.without_secrets().plain())
        if not wanted:
            raise WriteRefused(self._options.name, "no text_field or state_field is configured for this source")
        return wanted

    def _compare(self, sent: Mapping[str, str], answer: Row) -> None:
        """Raise for an answer in which a column does not hold what was sent (facts 4: silently ignored)."""
        for column, text in sent.items():
            stored = value_of(answer, column)
            if column not in answer:
                raise self._ignored(f"column {column} does not exist or is hidden from us")
            if not _same(stored, text):
                is_cut = stored and text.startswith(stored.rstrip())
                why = f"cut at {len(stored)} of {len(text)} characters" if is_cut else "left as it was"
                raise self._ignored(f"column {column} was {why}; its length or write rule must be changed")

    def _ignored(self, what: str) -> WriteRefused:
        return WriteRefused(self._options.name, f"the instance accepted the write but {what}", permanent=True)

    # --- work notes --------------------------------------------------------------------------------------------

    def _add_note(self, write: Write, remote_id: str) -> Delivered:
        if not self._options.work_notes:
            raise WriteRefused(self._options.name, "work notes are switched off for this source")
        if write.text is None:
            raise WriteRefused(self._options.name, "a work note without text is never written")
        found = self._find_note(write, remote_id)
        if found is not None:
            return found
        note = f"{plain_text(write.text.without_secrets().plain())}\n\n{marker_of(write)}"
        self._client.patch(self._options.table, write.ticket_id, {"work_notes": note}, _ID_AND_UPDATE)
        return self._confirm(write)

    def _confirm(self, write: Write) -> Delivered:
        """Find the note after writing it: the record itself never shows it (facts 0.8)."""
        try:
            found = self._find_note(write, "", is_ours=True)
        except Exception as error:
            reason = error.message if isinstance(error, SourceError) else type(error).__name__
            raise DeliveryUnknown(self._options.name, f"the note could not be read back: {reason}") from error
        if found is None:
            raise self._ignored("column work_notes was left as it was")
        return found

    def _find_note(self, write: Write, known: str, *, is_ours: bool = False) -> Delivered | None:
        """Find the note with this write's marker, or, unless `is_ours`, one that makes it unnecessary.

        `known` is the id of the newest note that this register knows. Where we may not read the journal, the author
        of a note is unknown, and only the marker of this write itself counts.
        """
        row = self._record(write, ())
        notes = self._history.notes_of([write.ticket_id])
        entries = None if notes is None else notes[write.ticket_id]
        if entries is None or not entries.complete:
            return self._in_display_text(write)
        note = next((entry for entry in entries.rows if _marker_in(entry) == marker_of(write)), None)
        if note is None and not is_ours:
            note = self._reported_since(write, entries.rows, known)
        if note is None:
            return None
        return Delivered(remote_id=value_of(note, "sys_id"), stamp=value_of(row, "sys_updated_on"))

    def _reported_since(self, write: Write, notes: Sequence[Row], known: str) -> Row | None:
        """Return our account's newest note if it came after the known one and reports what this write would."""
        wanted, ids = NoteMark.read(marker_of(write)), [value_of(note, "sys_id") for note in notes]
        if wanted is None or (known and known not in ids):
            return None
        later = notes[ids.index(known) + 1 :] if known else notes
        me = self._directory.me or self._directory.who_am_i()
        ours = [note for note in later if _marker_in(note) and value_of(note, "sys_created_by") == me.user_name]
        newest = NoteMark.read(_marker_in(ours[-1])) if ours else None
        return ours[-1] if newest is not None and newest.covers(wanted) else None

    def _in_display_text(self, write: Write) -> Delivered | None:
        """Search the record's own text of its notes, where we may not read the journal."""
        row = self._record(write, ("work_notes",), display=True)
        is_there = marker_of(write) in display_of(row, "work_notes").splitlines()
        return Delivered(stamp=value_of(row, "sys_updated_on")) if is_there else None

    def _record(self, write: Write, columns: Sequence[str], *, display: bool = False) -> Row:
        fields = (*_ID_AND_UPDATE, *columns)
        row = self._client.one(self._options.table, write.ticket_id, fields, display=display)
        if row is None:
            raise WriteRefused(self._options.name, f"{write.ticket_key} {TICKET_GONE}", permanent=True)
        return row


def marker_of(write: Write) -> str:
    """Return the marker line of our note: `[capa-sync TICKET-ID HASH]` (docs/contract.md 8)."""
    return write.marker if NOTE_MARKER.fullmatch(write.marker) else f"[capa-sync {write.ticket_id} {write.hash}]"


def _marker_in(row: Row) -> str:
    """Return the marker at the end of our note, "" for any other note."""
    last = value_of(row, "value").rstrip().rpartition("\n")[2].strip()
    return last if NOTE_MARKER.fullmatch(last) else ""


def plain_text(text: str) -> str:
    """Make untrusted text harmless in a journal or text column.

    Control and direction characters are removed. `[code]`, which makes a journal render HTML, `@[`, which mentions
    people, and a marker of ours inside the text lose their meaning.
    """
    clean = lines(text)
    clean = CODE_TAG.sub(r"(\1code)", clean).replace("@[", "@ [")
    return NOTE_MARKER.sub(lambda found: f"({found[0][1:-1]})", clean).strip()


def _differing(row: Row, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the desired columns that have another value now."""
    return {column: text for column, text in wanted.items() if not says_the_same(value_of(row, column), text)}


def _same(stored: str, wanted: str) -> bool:
    """Compare texts as the platform stores them: line ends and outer blanks do not count."""
    return stored.replace("\r\n", "\n").strip() == wanted.replace("\r\n", "\n").strip()
