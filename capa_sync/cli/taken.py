"""What a person took away is an event of the hash chain: who, what, and the checksum of the file."""

from __future__ import annotations

import getpass
import hashlib
from pathlib import Path
from typing import Any

from capa_sync.cli.context import say
from capa_sync.errors import RegisterUnavailable
from capa_sync.model.clock import Clock


def note_taken(register_path: Path, clock: Clock, verb: str, file: Path, **details: Any) -> None:
    """Append the event, whatever else holds the register; a register that cannot be written gets one line."""
    from capa_sync.store import open_register

    what = {"verb": verb, "by": getpass.getuser(), "file": file.name, **details}
    if file.is_file():
        with file.open("rb") as content:
            what["sha256"] = hashlib.file_digest(content, "sha256").hexdigest()
    try:
        with open_register(register_path, clock_now=clock.now(), create=False) as register:
            register.note_taken(what)
    except RegisterUnavailable as error:
        say(f"warning: {file} is written, and the register could not note it: {error}", err=True)
