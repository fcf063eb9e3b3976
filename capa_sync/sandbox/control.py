"""The control endpoints `/_sandbox/…` of every sandbox server: faults, clock, request log, settings, edits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from capa_sync.sandbox.faults import Fault, FaultPlan
from capa_sync.sandbox.messages import BadJsonError, Reply, Request, Tracker
from capa_sync.sandbox.request_log import RequestLog

PREFIX = "/_sandbox/"


def answer_control(request: Request, tracker: Tracker, faults: FaultPlan, log: RequestLog) -> Reply:
    """Answer one control request. It needs no sign-in, is not logged, and no fault applies to it.

    `GET|POST|DELETE faults` (POST one fault or a list, or `{"latency": seconds}`), `GET|POST clock`
    (`{"now": iso}`, `{"advance_s": n}`, `{"ticking": bool}`), `GET requests[?since=n]`, `POST reset-log`,
    `GET|POST knobs` (the sandbox settings), `POST act` (an order for the tracker's `act`).
    """
    try:
        return _Control(request, tracker, faults, log).answer()
    except (BadJsonError, KeyError, ValueError, TypeError) as error:
        return Reply(400, {"error": str(error.args[0] if error.args else error)})


class _Control:
    """One control request and the objects that it may change."""

    def __init__(self, request: Request, tracker: Tracker, faults: FaultPlan, log: RequestLog) -> None:
        self.request, self.tracker, self.faults, self.log = request, tracker, faults, log
        self.is_post = request.method == "POST"
        self.payload: Any = request.json() if self.is_post and request.body else {}

    def answer(self) -> Reply:
        topics: dict[str, Callable[[], object]] = {
            "faults": self._answer_faults,
            "clock": self._answer_clock,
            "requests": self._answer_requests,
            "reset-log": self._reset_log,
            "knobs": self._answer_settings,
            "act": lambda: {"result": self.tracker.act(self.payload)},
        }
        topic = topics.get(self.request.path.removeprefix(PREFIX))
        return Reply(404, {"error": "no such control"}) if topic is None else Reply(200, topic())

    def _answer_faults(self) -> dict[str, Any]:
        return _change_faults(self.request.method, self.payload, self.faults)

    def _answer_clock(self) -> dict[str, Any]:
        clock = self.tracker.clock
        _change_clock(self.payload, self.tracker)
        return {"now": clock.now().isoformat(), "ticking": clock.is_ticking}

    def _answer_requests(self) -> dict[str, Any]:
        since = int(self.request.parameter("since") or 0)
        return {"requests": [e.as_json() for e in self.log if e.number > since]}

    def _reset_log(self) -> dict[str, Any]:
        self.log.reset()
        return {"requests": []}

    def _answer_settings(self) -> dict[str, Any]:
        self.tracker.set_settings(self.payload)
        return dataclasses.asdict(self.tracker.settings)


def _change_faults(method: str, payload: Any, faults: FaultPlan) -> dict[str, Any]:
    if method == "DELETE":
        faults.clear()
    elif method == "POST":
        for order in payload if isinstance(payload, list) else [payload]:
            if set(order) == {"latency"}:
                faults.latency = float(order["latency"])
            else:
                faults.add_from(order)
    return {"latency": faults.latency, "pending": [_fault_json(f) for f in faults.pending()]}


def _fault_json(fault: Fault) -> dict[str, Any]:
    shown = dataclasses.asdict(fault)
    if isinstance(fault.retry_after, datetime):
        shown["retry_after"] = fault.retry_after.isoformat()
    return shown


def _change_clock(payload: Mapping[str, Any], tracker: Tracker) -> None:
    if "now" in payload:
        tracker.clock.set(datetime.fromisoformat(payload["now"]))
    if "advance_s" in payload:
        tracker.clock.advance(timedelta(seconds=float(payload["advance_s"])))
    if "ticking" in payload:
        (tracker.clock.resume if payload["ticking"] else tracker.clock.freeze)()
