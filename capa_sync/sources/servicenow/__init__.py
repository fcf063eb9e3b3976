"""ServiceNow behind one door, client.py."""

from __future__ import annotations
