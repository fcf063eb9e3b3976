"""The sandbox: trackers on loopback over real HTTP (a Jira with two faces, a ServiceNow), for demo and tests."""

from __future__ import annotations
