"""After any order of edits, faults, kills and restarts the mirror equals the tracker, on all three trackers.

A Hypothesis state machine over real HTTP, some two thousand steps. `make soak` tells longer and fresh stories:
CAPA_SYNC_SOAK is how many on each tracker.
"""

from __future__ import annotations

from tests.sync.story import Story, told


class CloudStory(Story):
    """On Jira Cloud."""

    name = "jira"


class DataCenterStory(Story):
    """On Jira Data Center."""

    name = "jira-dc"


class ServiceNowStory(Story):
    """On ServiceNow."""

    name = "servicenow"


TestCloud = CloudStory.TestCase
TestDataCenter = DataCenterStory.TestCase
TestServiceNow = ServiceNowStory.TestCase
TestCloud.settings = TestDataCenter.settings = told(14)
TestServiceNow.settings = told(8)
