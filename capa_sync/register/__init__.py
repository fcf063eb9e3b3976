"""Stage 7, the consolidated register's rows, evidenced stage and hashes."""

from __future__ import annotations
