"""The ServiceNow source: records with their audit history read over the Table API, warnings written back."""

from __future__ import annotations

import threading

from capa_sync.model.clock import Clock
from capa_sync.ports import MirrorLookup, Source, TicketWriter
from capa_sync.sources.servicenow.options import ServiceNowAuth, ServiceNowOptions
from capa_sync.sources.servicenow.query import check_query
from capa_sync.sources.servicenow.reader import ServiceNowSource
from capa_sync.sources.servicenow.writer import ServiceNowWriter

__all__ = [
    "ServiceNowAuth",
    "ServiceNowOptions",
    "build_servicenow",
    "check_query",
]


def build_servicenow(
    options: ServiceNowOptions, clock: Clock, stop: threading.Event, lookup: MirrorLookup
) -> tuple[Source, TicketWriter]:
    """Build the reader and the writer of one source. They share a session, so both belong to one worker thread.

    Raises:
        Fatal: the url or the auth method cannot be used.
    """
    source = ServiceNowSource(options, clock, stop, lookup)
    return source, ServiceNowWriter(options, source.client, source.directory)
