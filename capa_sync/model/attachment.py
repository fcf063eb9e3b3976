"""What a tracker says about a file that is attached to a ticket; the file itself is not mirrored."""

from __future__ import annotations

from capa_sync.model.light import light


@light
class Attachment:
    """A file on a ticket: its name, size in bytes (None unknown), and when and by whom it was added, as delivered.

    Attributes:
        id: the tracker's, "" where it names none.
        sha256: of the content: where `is_fetched`, computed here, else as the tracker names it; "" unknown.
        problem: why the content was wanted and not fetched; "" else.
    """

    name: str
    size: int | None = None
    added_at: str = ""
    added_by: str = ""
    media_type: str = ""
    id: str = ""
    sha256: str = ""
    is_fetched: bool = False
    problem: str = ""
