"""The Jira source (Cloud and Data Center): reads tickets, writes warnings back; client.py sends all requests."""

from __future__ import annotations

import threading

from capa_sync.model.clock import Clock
from capa_sync.ports import EndpointHolds, MirrorLookup, Source, TicketWriter
from capa_sync.sources.jira.options import JiraAuth, JiraOptions
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.jira.reader import JiraSource
from capa_sync.sources.jira.writer import JiraWriter

__all__ = ["JiraAuth", "JiraOptions", "JiraParser", "JiraSource", "JiraWriter", "build_jira"]


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
