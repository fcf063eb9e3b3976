"""Writes our one comment on an issue of a folder; see `capa_sync.ports.writing.TicketWriter`."""

from __future__ import annotations

from typing import Any

from capa_sync.errors import WriteRefused
from capa_sync.model.write import Delivered, Write, WriteKind, says_the_same
from capa_sync.sources.fence import fenced, fenced_write
from folder_source.site import Folder

MARKER = "marker"


class FolderWriter:
    """Creates, replaces and removes one comment; it refuses everything else."""

    def __init__(self, folder: Folder) -> None:
        self.name = folder.name
        self._folder = folder

    @fenced_write
    def deliver(self, write: Write, remote_id: str) -> Delivered:
        """Apply one write. Raises WriteRefused for an issue that is gone or another kind of write."""
        if write.kind is not WriteKind.COMMENT:
            raise WriteRefused(self.name, f"a folder takes no {write.kind.value}")
        if not self._folder.has(write.ticket_id):
            raise WriteRefused(self.name, f"{write.ticket_key}: the issue is gone")
        own = self._own(write)
        if write.is_removal:
            for comment in own:
                self._folder.remove_comment(write.ticket_id, comment["id"])
            return Delivered(stamp=self._touch(write) if own else "")
        if not own and remote_id:
            return Delivered(deleted_by_person=True)
        if not own:
            own = self._adopted(write) or [{"id": self._next_id(write)}]
        return self._save(write, own[-1])

    @fenced
    def look_up(self, write: Write, remote_id: str) -> Delivered | None:
        """Return how the folder shows a write whose answer was lost; None when it does not."""
        del remote_id  # our comment is found by its marker
        own = self._own(write)
        if write.is_removal:
            return None if own else Delivered()
        text = _text(write)
        return next((Delivered(comment["id"]) for comment in own if says_the_same(comment["text"], text)), None)

    def _save(self, write: Write, comment: dict[str, Any]) -> Delivered:
        text = _text(write)
        if comment.get(MARKER) != write.marker or not says_the_same(comment["text"], text):
            now = self._folder.clock.now().isoformat()
            me = self._folder.site()["me"]
            self._folder.save_comment(
                write.ticket_id, {"at": now, **comment, "by": me, "text": text, MARKER: write.marker}
            )
        return Delivered(comment["id"], self._touch(write))

    def _own(self, write: Write) -> list[dict[str, Any]]:
        """Return our comments on the issue: those with the marker of this register and ticket."""
        return [found for found in self._folder.comments(write.ticket_id) if found.get(MARKER) == write.marker]

    def _adopted(self, write: Write) -> list[dict[str, Any]]:
        """Return the comments that another register of our account created for this issue: it was lost or copied.

        A marker ends with a blank and the ticket's id.
        """
        me = self._folder.site()["me"]
        return [
            found
            for found in self._folder.comments(write.ticket_id)
            if found["by"] == me and found.get(MARKER, "").endswith(f" {write.ticket_id}")
        ]

    def _next_id(self, write: Write) -> str:
        return str(max((int(comment["id"]) for comment in self._folder.comments(write.ticket_id)), default=0) + 1)

    def _touch(self, write: Write) -> str:
        """Move the issue's `updated`, as trackers do, and return it."""
        issue = self._folder.issue(write.ticket_id)
        issue["updated"] = self._folder.clock.now().isoformat()
        self._folder.save_issue(issue)
        return issue["updated"]


def _text(write: Write) -> str:
    return write.text.without_secrets().plain() if write.text is not None else ""
