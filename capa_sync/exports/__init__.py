"""Stage 9, what people take away: the register in the formats of `FORMATS`, and the evidence of single records.

It reads one moment of the register through the port `Extract`, row by row, and writes files whose bytes depend on
nothing but that moment and the selection: no clock, no random name.
"""

from __future__ import annotations

from capa_sync.exports.evidence import PartVersion, RecordEvidence, Row, TicketEvidence
from capa_sync.exports.export import FORMATS, Export, export_register, format_of
from capa_sync.exports.extract import Extract
from capa_sync.exports.sampling import LARGEST_SAMPLE, SIZES, Candidate, sample, size_of
from capa_sync.exports.sheets import SHEETS

__all__ = [
    "FORMATS",
    "LARGEST_SAMPLE",
    "SHEETS",
    "SIZES",
    "Candidate",
    "Export",
    "Extract",
    "PartVersion",
    "RecordEvidence",
    "Row",
    "TicketEvidence",
    "export_register",
    "format_of",
    "sample",
    "size_of",
]
