"""The sandbox ServiceNow: Table and Aggregate API over rows in memory, with the traps of real instances."""

from __future__ import annotations

from capa_sync.sandbox.servicenow.settings import ServiceNowSandboxSettings
from capa_sync.sandbox.servicenow.tracker import INTEGRATION_USER, PASSWORD, ServiceNowTracker

__all__ = ["INTEGRATION_USER", "PASSWORD", "ServiceNowSandboxSettings", "ServiceNowTracker"]
