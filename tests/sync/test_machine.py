"""After any order of edits, faults, kills and restarts the mirror equals the tracker, on all three trackers.

A Hypothesis state machine over real HTTP, some two thousand steps. `make soak` tells longer and fresh stories:
CAPA_SYNC_SOAK is how many on each tracker.
"""

from __future__ import annotations

from tests.sync.story import Story, told

TestCloud = told(Story, "jira", 14)
TestDataCenter = told(Story, "jira-dc", 14)
TestServiceNow = told(Story, "servicenow", 8)
