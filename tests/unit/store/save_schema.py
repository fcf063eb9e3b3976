"""`python -m tests.unit.store.save_schema`: saves a register of the present schema, for upgrades of later ones.

It holds a row of every kind that the hash chain covers. Run it with each new step of the schema, and commit the file.
"""

from __future__ import annotations

import gzip
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from capa_sync.store import open_register
from capa_sync.store.migrations import STEPS
from tests.unit.store.fake_parser import T0
from tests.unit.store.test_chain import fill

FOLDER = Path(__file__).with_name("earlier_schemas")


def main() -> None:
    """Write the file of the newest step."""
    name = STEPS._migrations[-1].name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "register.db"
        with open_register(path, clock_now=T0) as register:
            fill(register)
        with closing(sqlite3.connect(path)) as connection:
            text = "\n".join(connection.iterdump())
    (FOLDER / f"{name}.sql.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
