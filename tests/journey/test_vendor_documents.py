"""Whatever the daemon sends in a ticket's whole life, and the sandbox answers, fits the vendors' own documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.absent_data import SPECS, needs
from tests.contract.jira_openapi import check_exchange
from tests.journey import test_life as life
from tests.journey.harness import Harness, open_harness

FACES = {"jira": "cloud", "jira-dc": "datacenter"}


def live_through(harness: Harness) -> None:
    """Play one nonconformity from report to an edit after closure, judged and warned at each step."""
    for part in (
        life.report_and_contain,
        life.plan,
        life.overdue_and_moved,
        life.implement_and_close,
        life.after_closure,
    ):
        part(harness)


@needs(SPECS)
@pytest.mark.parametrize("source", FACES)
def test_requests_and_answers_fit_the_vendors_document(source: str, tmp_path: Path) -> None:
    """Every request of the daemon and every answer of the sandbox passes the vendor's OpenAPI document."""
    with open_harness(source, tmp_path, "2025-05-05 09:00", keeps_answers=True) as harness:
        live_through(harness)
        exchanges = [exchange for exchange in harness.server.requests if "/_sandbox/" not in exchange.path]
    assert len(exchanges) > 50
    wrong = [line for exchange in exchanges for line in check_exchange(exchange, FACES[source])]
    assert wrong == []


@pytest.mark.parametrize("source", [*FACES, "servicenow"])
def test_nothing_is_written_but_our_own(source: str, tmp_path: Path) -> None:
    """In a ticket's whole life the only writing requests are our comment, labels, properties or configured fields."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        live_through(harness)
        requests = [exchange for exchange in harness.server.requests if exchange.method in ("PUT", "PATCH", "DELETE")]
        assert requests
        for exchange in requests:
            body = exchange.request.json()
            if source == "servicenow":
                assert set(body) <= {"u_capa_sync_text", "u_capa_sync_state", "work_notes"}
            elif "/properties/" in exchange.path or "/comment/" in exchange.path:
                assert "capa-sync" in exchange.path or set(body) <= {"body"}
            else:
                assert set(body) == {"update"}
                assert set(body["update"]) == {"labels"}
