"""Each endpoint that `doctor`, `mapping` and the reading of attachments ask returns each malformed body.

`make fuzz` runs every endpoint that a recorded run asked, with every shape; `make test` a seeded sample.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from capa_sync.sandbox.malformed import SHAPES
from tests.fuzz.test_answers import IS_FULL, SEED
from tests.fuzz.tour import Endpoint
from tests.fuzz.verbs import ATTACHMENTS, VERBS, Verbs
from tests.sync.world import JIRAS, SOURCES, open_world

SAMPLE = 12
Case = tuple[str, Endpoint, str, bool]
LOOKED_AT = {
    **dict.fromkeys(JIRAS, ("field", "status", "mypermissions", "issue/*/editmeta", "project/*/notificationscheme")),
    "servicenow": ("sys_choice", "sys_dictionary", "sys_user_has_role"),
}
"""Endpoints that `doctor` must have asked, so that the recorded run misses none of these."""


def cases(source: str, share: str, asked: dict[str, Counter[Endpoint]]) -> Iterator[Case]:
    """All cases of one shape, or a seeded sample of all shapes.

    One malformed answer differs from malformed answers for good where the endpoint is asked more than once.
    """
    places = [(name, endpoint, number) for name, counts in asked.items() for endpoint, number in counts.items()]
    if share != "sample":
        for name, endpoint, number in sorted(places):
            yield name, endpoint, share, True
            if number > 1 and name == "doctor":
                yield name, endpoint, share, False
        return
    dice = random.Random(f"{SEED} {source} verbs")  # noqa: S311 - chooses cases
    for name, endpoint, _number in dice.sample(sorted(places), SAMPLE):
        yield name, endpoint, dice.choice(list(SHAPES)), dice.random() < 0.8


@pytest.fixture(scope="module", params=SOURCES)
def verbs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verbs]:
    """The verbs on one tracker, with what they ask it."""
    folder = tmp_path_factory.mktemp("verbs")
    with pytest.MonkeyPatch.context() as patch, open_world(folder, request.param, mode="on") as world:
        yield Verbs(world, patch)


def test_the_recorded_run_asks_what_only_these_verbs_ask(verbs: Verbs) -> None:
    """Each verb ends well without a fault, and `doctor` asks the endpoints that no cycle of the daemon asks."""
    assert {*VERBS, ATTACHMENTS} == verbs.asked.keys()
    assert all(verbs.asked.values())
    assert {*LOOKED_AT[verbs.source]} <= {endpoint.name for endpoint in verbs.asked["doctor"]}


@pytest.mark.parametrize("share", sorted(SHAPES) if IS_FULL else ["sample"])
def test_a_malformed_answer_is_a_fault_of_the_source_in_every_verb_that_looks(
    verbs: Verbs, share: str, record_property: Callable[[str, object], None]
) -> None:
    """The verb says what is wrong and ends with 0, 2 or 3: no traceback, no error of its own, no secret."""
    chosen = list(cases(verbs.source, share, verbs.asked))
    problems = [verbs.problem(*where, for_good=for_good) for *where, for_good in chosen]
    record_property(f"{verbs.source} answers to verbs: cases", len(chosen))
    assert not any(problems), "\n\n".join(filter(None, problems))
