"""A stateful sandbox Jira with two faces, Cloud (REST v3 and v2) and Data Center (REST v2), and their traps."""

from __future__ import annotations

from capa_sync.sandbox.jira.settings import JiraSandboxSettings
from capa_sync.sandbox.jira.tracker import API_EMAIL, API_PASSWORD, API_TOKEN, JiraTracker

__all__ = ["API_EMAIL", "API_PASSWORD", "API_TOKEN", "JiraSandboxSettings", "JiraTracker"]
