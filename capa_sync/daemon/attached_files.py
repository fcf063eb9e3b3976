"""Fetches the attachments of a pack within its limits, to hash them; what is not fetched is named with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from capa_sync.daemon.runtime import Progress, SourceContext, no_progress
from capa_sync.errors import SourceError
from capa_sync.model.attachment import Attachment
from capa_sync.model.to_do import with_next_step
from capa_sync.ports.reading import AttachmentReader

MOST_FILE, MOST_PACK = 50_000_000, 500_000_000
"""Bytes that are read of one attachment, and of all attachments of a pack."""
MOST_FILES = 200
"""Attachments of a pack that are fetched."""


class AttachmentFetch:
    """Fetches attachments until a limit of the pack is reached; a source that cannot be reached is asked once."""

    def __init__(self, progress: Progress = no_progress) -> None:
        self._progress = progress
        self._bytes, self._files = MOST_PACK, MOST_FILES
        self._unreachable: dict[str, str] = {}

    def listed(
        self, context: SourceContext, ticket_id: str, known: Sequence[Attachment] | None
    ) -> tuple[Sequence[Attachment], str]:
        """Return a ticket's attachments, and why they are not known, "" where they are.

        `known` are those of the mirror, None where it holds none of them.
        """
        reader, name = _reader_of(context), context.name
        if reader is None:
            return known or (), "" if known is not None else f"{context.kind.title} has none that can be fetched"
        if name not in self._unreachable:
            try:
                return reader.list_attachments(ticket_id, known), ""
            except SourceError as error:
                self._unreachable[name] = with_next_step(error)
        return known or (), "" if known is not None else self._unreachable[name]

    def fetched_all(
        self, context: SourceContext, name: str, attachments: Sequence[Attachment]
    ) -> Iterator[Attachment]:
        """Yield the attachments of a ticket as `fetched` returns each; say under its `name` how far it is."""
        for done, attachment in enumerate(attachments):
            self._progress(name, "attachments", done, len(attachments))
            yield self.fetched(context, attachment)
        if attachments:
            self._progress(name, "attachments", len(attachments), len(attachments))

    def fetched(self, context: SourceContext, attachment: Attachment) -> Attachment:
        """Return an attachment with the digest of its content, or with its problem."""
        reader, name = _reader_of(context), context.name
        if reader is None or not attachment.id:
            return replace(attachment, problem="the tracker names nothing by which it can be fetched")
        if self._files == 0:
            return replace(attachment, problem=f"{MOST_FILES} attachments of this pack were fetched")
        if name not in self._unreachable:
            try:
                found = reader.fetch_attachment(attachment, min(MOST_FILE, self._bytes))
            except SourceError as error:
                self._unreachable[name] = with_next_step(error)
            else:
                self._files -= 1
                self._bytes -= (found.size or 0) if found.is_fetched else 0
                return found
        return replace(attachment, problem=self._unreachable[name])


def _reader_of(context: SourceContext) -> AttachmentReader | None:
    """Return what reads a source's attachments, None where its kind does not."""
    return context.source if isinstance(context.source, AttachmentReader) else None
