"""Speed and memory of capa-sync, measured against a floor in the same run; the command is `make bench`.

The floor is a minimal client that reads the same data and does nothing else. The servers answer from memory and run
in their own processes, so that only the client is measured.
"""

from __future__ import annotations
