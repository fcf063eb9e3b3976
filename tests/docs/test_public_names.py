"""The code keeps every public name that docs/public-names.md lists, and the page lists every name of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.fork_server import ForkServer
from tests.docs.demo_world import DemoWorld
from tests.docs.public_names import (
    JSON,
    SANDBOX,
    UNPRINTED,
    Names,
    is_in_source,
    json_keys,
    names_in_code,
    names_on_page,
)

GONE = (
    "a public name is gone: keep it working beside the new one, or, for a breaking change, remove its line from "
    "docs/public-names.md by hand and say in CHANGELOG.md what replaces it"
)
NEW = "a new public name: run `.venv/bin/python -m tests.docs.public_names` and commit docs/public-names.md"


@pytest.fixture(scope="module")
def code() -> Names:
    """The names of the code."""
    return names_in_code()


def test_the_page_has_the_sections_of_the_code(code: Names) -> None:
    """The page leaves out no kind of name."""
    assert set(names_on_page()) == {*code, JSON}


@pytest.mark.parametrize("section", [section for section in names_on_page() if section != JSON])
def test_every_public_name_stays_and_every_new_one_is_listed(code: Names, section: str) -> None:
    """A renamed key, option, column or action is noticed before a user notices it."""
    listed = names_on_page()[section]
    assert sorted(listed - code[section]) == [], GONE
    if section != SANDBOX:
        assert sorted(code[section] - listed) == [], NEW


@pytest.mark.slow
def test_every_key_of_json_stays_and_every_new_one_is_listed(
    demo_world: DemoWorld, tmp_path: Path, fork_server: ForkServer
) -> None:
    """Each verb is run; a key that this register has no reason to print must at least be in the source."""
    listed, printed = names_on_page()[JSON], json_keys(demo_world, tmp_path, fork_server)
    assert sorted(listed - printed - UNPRINTED) == [], GONE
    assert sorted(key for key in UNPRINTED if not is_in_source(key)) == [], GONE
    assert sorted((printed | UNPRINTED) - listed) == [], NEW
