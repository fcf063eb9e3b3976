"""One module takes a ticket through its steps; a second module that does the same is found here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAEMON = ROOT / "capa_sync" / "daemon"
STEPS = {
    "map_ticket": "mapped.py",
    "map_mirrored": "pipeline.py",
    "diff_findings": "comparing.py",
    "register_row": "pipeline.py",
    "action_rows": "pipeline.py",
    "birth_rows": "pipeline.py",
    "judged_rows": "pipeline.py",
    "plan_ticket": "pipeline.py",
    "plan_withdrawal": "pipeline.py",
    "TicketPlan": "pipeline.py",
}
"""Each function that is a step of a ticket, or makes a plan, with the only module above the stages that calls it."""
ABOVE_STAGES = [
    *sorted(DAEMON.glob("*.py")),
    *sorted((ROOT / "capa_sync" / "cli").glob("*.py")),
    *sorted((ROOT / "capa_sync" / "wiring").glob("*.py")),
]
FROZEN = [
    *(
        f"{name}.py"
        for name in ("comparing", "inputs", "instants", "joins", "mapped", "pipeline", "targets", "waiving")
    ),
    "workers/speculation.py",
]


@cache
def calls(path: Path) -> set[str]:
    """Return the names of the functions that a module calls, without the object that they belong to."""
    found = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return {
        function.id if isinstance(function, ast.Name) else function.attr
        for function in found
        if isinstance(function, ast.Name | ast.Attribute)
    }


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_a_ticket_is_called_in_one_module(step: str) -> None:
    """Cycle, worker, `plan`, `rebuild` and `explain` use the pipeline: none maps, diffs or plans by itself."""
    assert [path.name for path in ABOVE_STAGES if step in calls(path)] == [STEPS[step]]


def test_rules_are_evaluated_in_one_module() -> None:
    """Only the pipeline has a rule set and a record together."""
    found = [
        path.name
        for path in ABOVE_STAGES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("rules.evaluate")
    ]
    assert set(found) == {"pipeline.py"}


@pytest.mark.parametrize("name", FROZEN)
def test_the_pipeline_is_given_frozen_inputs_and_no_runtime(name: str) -> None:
    """All inputs of a verdict are arguments, which no other thread can change while a batch is evaluated."""
    names = {
        node.id for node in ast.walk(ast.parse((DAEMON / name).read_text("utf-8"))) if isinstance(node, ast.Name)
    }
    assert not names & {"Runtime", "SourceContext"}
