"""A register that is closed while other threads read: no connection is closed under a query."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE

_CLOSED_MEANWHILE = """
import sys, threading
from pathlib import Path
from capa_sync.store.database import Database

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT MAX(i) FROM n"
for number in range(6):
    path = Path(sys.argv[1]) / f"{number}.db"
    path.touch()
    database = Database(path)
    database.execute("CREATE TABLE t (a)")
    begun, found = [threading.Event() for _ in range(3)], []

    def read(event):
        database.value("SELECT 1")
        event.set()
        for _ in range(2):
            try:
                found.append(database.value(LONG))
            except Exception as error:
                found.append(type(error).__name__)

    threads = [threading.Thread(target=read, args=(event,)) for event in begun]
    for thread, event in zip(threads, begun):
        thread.start()
        event.wait()
    database.close()
    for thread in threads:
        thread.join()
    assert set(found) <= {100000, "ProgrammingError"}, found
print("whole")
"""


def test_a_register_that_is_closed_while_threads_read_ends_no_process(tmp_path: Path) -> None:
    """A second Ctrl-C during `sync` closes it so: a connection closed under a query ended the process by a signal."""
    command = [sys.executable, "-c", _CLOSED_MEANWHILE, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "whole\n", "")
