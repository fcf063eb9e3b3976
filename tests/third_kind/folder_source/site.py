"""The files of one folder; every write replaces a file as a whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from capa_sync.errors import BadAnswer, Retryable
from capa_sync.model.clock import Clock

Json = dict[str, Any]


class Folder:
    """The folder of one source.

    Args:
        name: of the source, for errors. path: the folder. clock: the time of our writes.
    """

    def __init__(self, name: str, path: Path, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self._path = path

    def site(self) -> Json:
        """Return what the folder says about itself."""
        return self._read(self._path / "site.json")

    def ids(self) -> list[str]:
        """Return the ids of all issues."""
        if not (self._path / "issues").is_dir():
            raise Retryable(self.name, "the folder is not mounted")
        return sorted(file.stem for file in (self._path / "issues").glob("*.json"))

    def is_writable(self) -> bool:
        """Return whether we may write into the folder."""
        return os.access(self._path, os.W_OK)

    def has(self, ticket_id: str) -> bool:
        """Return whether there is such an issue."""
        return ticket_id in self.ids()

    def issue(self, ticket_id: str) -> Json:
        """Return one issue."""
        return self._read(self._path / "issues" / f"{ticket_id}.json")

    def save_issue(self, issue: Json) -> None:
        """Replace one issue."""
        self._write(self._path / "issues" / f"{issue['id']}.json", issue)

    def comments(self, ticket_id: str) -> list[Json]:
        """Return the comments of one issue, oldest first."""
        files = sorted((self._path / "comments" / ticket_id).glob("*.json"), key=lambda file: int(file.stem))
        return [self._read(file) for file in files]

    def save_comment(self, ticket_id: str, comment: Json) -> None:
        """Create or replace one comment."""
        self._write(self._path / "comments" / ticket_id / f"{comment['id']}.json", comment)

    def remove_comment(self, ticket_id: str, comment_id: str) -> None:
        """Remove one comment if it is there."""
        (self._path / "comments" / ticket_id / f"{comment_id}.json").unlink(missing_ok=True)

    def _read(self, file: Path) -> Json:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise Retryable(self.name, f"{file.name} cannot be read: {error.strerror}") from None
        except ValueError:
            raise BadAnswer(self.name, f"{file.name} is no JSON") from None
        if not isinstance(found, dict):
            raise BadAnswer(self.name, f"{file.name} holds no object")
        return found

    def _write(self, file: Path, content: Json) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(content, indent=1), encoding="utf-8")
        beside.replace(file)
