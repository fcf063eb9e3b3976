"""The inputs of the pipeline that concern one source."""

from __future__ import annotations

from datetime import timedelta

from capa_sync.kinds import SourceKind
from capa_sync.mapping import BoundMapping, MappingFile
from capa_sync.model.light import light
from capa_sync.model.settings import WriteOptions
from capa_sync.model.site import SiteFacts
from capa_sync.ports.reading import Parser


@light
class SourceInputs:
    """What the pipeline reads of one source; attributes as in `SourceContext`, and the parser of its port."""

    name: str
    kind: SourceKind
    parser: Parser
    mapping: MappingFile
    bound: BoundMapping | None
    facts: SiteFacts | None
    write: WriteOptions
    clock_skew: timedelta
