"""Unexpected errors inside a connector are reported with their place, and without their text."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capa_sync.errors import BadAnswer, DeliveryUnknown

CONNECTOR = """import json

from capa_sync.sources.fence import fenced, fenced_write


class Connector:
    name = "drive"

    @fenced
    def read(self, text):
        return json.loads(text)

    @fenced
    def pages(self, texts):
        for text in texts:
            yield json.loads(text)

    @fenced_write
    def write(self, text):
        return json.loads(text)
"""


@pytest.fixture
def connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A connector of another distribution."""
    package = tmp_path / "drive_source"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "reader.py").write_text(CONNECTOR, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("drive_source.reader").Connector()


@pytest.mark.parametrize(
    ("call", "error", "place"),
    [
        (lambda connector: connector.read("secret text"), BadAnswer, "drive_source/reader.py:11"),
        (lambda connector: list(connector.pages(["{}", "secret text"])), BadAnswer, "drive_source/reader.py:16"),
        (lambda connector: connector.write("secret text"), DeliveryUnknown, "drive_source/reader.py:20"),
    ],
)
def test_an_error_in_another_distribution_is_reported_at_its_line_there(
    connector: Any, call: Callable[[Any], object], error: type[Exception], place: str
) -> None:
    """The place is the innermost line of the connector, neither the fence around it nor a library below it."""
    with pytest.raises(error) as raised:
        call(connector)
    assert f"(JSONDecodeError at {place})" in str(raised.value)
    assert "secret text" not in str(raised.value)
