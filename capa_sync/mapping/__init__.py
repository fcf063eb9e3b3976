"""Stage 3: map a ticket to a canonical record; a ticket that cannot be mapped is quarantined with its reasons."""

from __future__ import annotations

from capa_sync.mapping.binding import BoundMapping, bind
from capa_sync.mapping.canonical import last_human_at, map_ticket
from capa_sync.mapping.coverage import FieldCoverage, coverage, score, unmapped_names
from capa_sync.mapping.joining import join
from capa_sync.mapping.loader import load_mapping, mapping_from
from capa_sync.mapping.past import PastTicket, as_it_was, parent_fields, stage_doubt, with_doubts
from capa_sync.mapping.people import People, load_people, people_from
from capa_sync.mapping.people_directory import persons_of
from capa_sync.mapping.roles import LinkRules, role_of
from capa_sync.mapping.schema import MappingFile
from capa_sync.mapping.source_names import unknown_sources
from capa_sync.mapping.unknown_names import unoffered_names
from capa_sync.mapping.unlisted import unlisted_options, unlisted_statuses
from capa_sync.mapping.waiver_file import WaiverEntry, load_waivers

__all__ = [
    "BoundMapping",
    "FieldCoverage",
    "LinkRules",
    "MappingFile",
    "PastTicket",
    "People",
    "WaiverEntry",
    "as_it_was",
    "bind",
    "coverage",
    "join",
    "last_human_at",
    "load_mapping",
    "load_people",
    "load_waivers",
    "map_ticket",
    "mapping_from",
    "parent_fields",
    "people_from",
    "persons_of",
    "role_of",
    "score",
    "stage_doubt",
    "unknown_sources",
    "unlisted_options",
    "unlisted_statuses",
    "unmapped_names",
    "unoffered_names",
    "with_doubts",
]
