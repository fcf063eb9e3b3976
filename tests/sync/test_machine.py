"""After any order of edits, faults, kills and restarts the mirror equals the tracker, on all three trackers.

A Hypothesis state machine over real HTTP, some hundreds of steps. `make soak` runs longer and new stories:
CAPA_SYNC_SOAK is how many on each tracker.
"""

from __future__ import annotations

from tests.sync.story import Story, as_test_case

TestCloud = as_test_case(Story, "jira", 2)
TestDataCenter = as_test_case(Story, "jira-dc", 2)
TestServiceNow = as_test_case(Story, "servicenow", 2)
