"""Which records of the register somebody asks for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from capa_sync.model.light import light


@light
class ExportSelection:
    """What is chosen of the register; an empty tuple chooses everything.

    Attributes:
        sources, grades, stages, tracks: the values that a record may have, the stage being the claimed one.
        only_open: leaves out records that are closed, rejected, cancelled or duplicates.
        ticket: one ticket alone, as (source, id).
        is_masked: texts of confidential tickets read `restricted`.
    """

    sources: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    only_open: bool = False
    ticket: tuple[str, str] | None = None
    is_masked: bool = False

    def filters(self) -> dict[str, Any]:
        """Return what narrows the selection, by name, for people and `.meta.json`."""
        return {name: value for name, value in asdict(self).items() if value}
