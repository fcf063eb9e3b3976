"""capa-sync: a detective control that keeps tickets in Jira and ServiceNow ready for the Clause 10 auditor."""

from __future__ import annotations

__version__ = "0.1.0"
