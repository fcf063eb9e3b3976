"""What a tracker says about a file that is attached to a ticket; the file itself is not mirrored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file on a ticket: its name, size in bytes (None unknown), and when and by whom it was added, as delivered."""

    name: str
    size: int | None = None
    added_at: str = ""
    added_by: str = ""
    media_type: str = ""
