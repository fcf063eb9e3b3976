"""Stage 7, the consolidated register: a record with its findings as the rows that the public views show."""

from __future__ import annotations

from capa_sync.register.evidenced import Evidenced, evidenced_stage
from capa_sync.register.rows import action_rows, birth_rows, register_row

__all__ = ["Evidenced", "action_rows", "birth_rows", "evidenced_stage", "register_row"]
