"""Builds the two ports of one Jira from the settings."""

from __future__ import annotations

import threading

from capa_sync.kinds import BuildRequest
from capa_sync.model.clock import Clock
from capa_sync.ports.mirror import EndpointHolds, MirrorLookup
from capa_sync.ports.reading import Source
from capa_sync.ports.writing import TicketWriter
from capa_sync.sources.budget import Rate
from capa_sync.sources.jira.options import JiraAuth, JiraOptions
from capa_sync.sources.jira.reader import JiraSource
from capa_sync.sources.jira.writer import JiraWriter
from capa_sync.sources.transport import Limits


def build_requested(request: BuildRequest) -> tuple[Source, TicketWriter]:
    """Build the two ports from what the settings say."""
    given = request.options
    options = JiraOptions(
        name=request.name,
        url=given.url,
        query=given.query,
        auth=JiraAuth(given.method, request.secret, given.user, given.token_url),  # type: ignore[arg-type]
        children=request.children,
        overlap=given.overlap,
        budget=Rate.parse(given.request_budget),
        allow_http=given.allow_http,
        limits=Limits(given.max_answer, given.request_deadline.total_seconds()),
    )
    return build_jira(options, request.clock, request.stop, request.lookup, request.holds)


def build_jira(
    options: JiraOptions,
    clock: Clock,
    stop: threading.Event,
    lookup: MirrorLookup,
    holds: EndpointHolds | None = None,
) -> tuple[Source, TicketWriter]:
    """Build the reader and the writer of one Jira. They share budget and gate, and belong to one thread."""
    source = JiraSource(options, clock, stop, lookup, holds)
    return source, JiraWriter(options, clock, stop, source.budget, source.gate)
