"""The ports of a source that nobody asks: parser, reader and writer are each built when they are used after all.

Verbs that only read the register start without the vendors' libraries: a fifth of a second (measured).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, cast

from capa_sync.kinds import BuildRequest, SourceKind
from capa_sync.ports.reading import Parser, Source
from capa_sync.ports.writing import TicketWriter

_Ports = Callable[[], tuple[Source, TicketWriter]]


def late_ports(kind: SourceKind, request: BuildRequest) -> tuple[Source, TicketWriter]:
    """Return the two ports of a source; a kind that declares no parser is built at once."""
    if kind.parser is None:
        return kind.build(request)
    built = cache(lambda: kind.build(request))
    reader = _LateReader(request.name, cache(partial(kind.parser, request.name, request.options.url)), built)
    return cast("Source", reader), cast("TicketWriter", _LateWriter(built))


class _LateReader:
    def __init__(self, name: str, parser: Callable[[], Parser], ports: _Ports) -> None:
        self.name, self._parser, self._ports = name, parser, ports

    def parser(self) -> Parser:
        """Return the pure parser."""
        return self._parser()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ports()[0], name)


class _LateWriter:
    def __init__(self, ports: _Ports) -> None:
        self._ports = ports

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ports()[1], name)
