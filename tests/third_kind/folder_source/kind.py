"""What is special about a folder: no sign-in, no query, no labels; one comment per ticket, in plain text."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from capa_sync.kinds import BuildRequest, SourceKind
from capa_sync.model.write import WriteKind
from capa_sync.ports.reading import Source
from capa_sync.ports.writing import TicketWriter


def _build(request: BuildRequest) -> tuple[Source, TicketWriter]:
    from folder_source.reader import FolderSource
    from folder_source.site import Folder
    from folder_source.writer import FolderWriter

    folder = Folder(request.name, Path(urlsplit(request.options.url).path), request.clock)
    return FolderSource(folder), FolderWriter(folder)


def _check_url(url: str, _allow_http: bool) -> str | None:
    parts = urlsplit(url)
    is_folder = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
    return None if is_folder else "the address of a folder begins with file:///, as in file:///srv/issues"


FOLDER = SourceKind(
    name="folder",
    title="A folder",
    build=_build,
    check_url=_check_url,
    channels=(WriteKind.COMMENT,),
)
