"""The sandbox ServiceNow: Table and Aggregate API over rows kept in memory, with the traps real instances have."""

from __future__ import annotations

from capa_sync.sandbox.servicenow.knobs import ServiceNowKnobs
from capa_sync.sandbox.servicenow.tracker import ServiceNowTracker

__all__ = ["ServiceNowKnobs", "ServiceNowTracker"]
