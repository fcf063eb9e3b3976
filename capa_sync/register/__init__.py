"""Stage 7, the consolidated register: turns a record and its findings into the rows of the public views."""

from __future__ import annotations

from capa_sync.register.evidenced import Evidenced, evidenced_stage
from capa_sync.register.monthly import month_figures
from capa_sync.register.rows import action_rows, birth_rows, register_row
from capa_sync.register.similar import similar_keys

__all__ = [
    "Evidenced",
    "action_rows",
    "birth_rows",
    "evidenced_stage",
    "month_figures",
    "register_row",
    "similar_keys",
]
