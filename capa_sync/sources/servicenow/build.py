"""Builds the two ports of one ServiceNow source from the settings."""

from __future__ import annotations

import threading

from capa_sync.kinds import BuildRequest
from capa_sync.model.clock import Clock
from capa_sync.ports.mirror import MirrorLookup
from capa_sync.ports.reading import Source
from capa_sync.ports.writing import TicketWriter
from capa_sync.sources.servicenow.options import ServiceNowAuth, ServiceNowOptions
from capa_sync.sources.servicenow.reader import ServiceNowSource
from capa_sync.sources.servicenow.writer import ServiceNowWriter
from capa_sync.sources.transport import Limits


def build_requested(request: BuildRequest) -> tuple[Source, TicketWriter]:
    """Build the two ports from what the settings say."""
    given = request.options
    options = ServiceNowOptions(
        name=request.name,
        url=given.url,
        table=given.table,
        auth=ServiceNowAuth(given.method, given.user, request.secret, given.header, given.token_url),
        query=given.query,
        children=request.children,
        overlap=given.overlap,
        budget=given.request_budget,
        page_size=given.page_size,
        text_field=given.text_field,
        state_field=given.state_field,
        work_notes=given.work_notes,
        allow_http=given.allow_http,
        limits=Limits(given.max_answer, given.request_deadline.total_seconds()),
    )
    return build_servicenow(options, request.clock, request.stop, request.lookup)


def build_servicenow(
    options: ServiceNowOptions, clock: Clock, stop: threading.Event, lookup: MirrorLookup
) -> tuple[Source, TicketWriter]:
    """Build the reader and the writer of one source. They share a session, so both belong to one worker thread.

    Raises:
        Fatal: the url or the auth method cannot be used.
    """
    source = ServiceNowSource(options, clock, stop, lookup)
    return source, ServiceNowWriter(options, source.client, source.directory)
