"""The sandbox: a Jira (Cloud or Data Center) and a ServiceNow that serve HTTP on loopback, for demo and tests."""

from __future__ import annotations
