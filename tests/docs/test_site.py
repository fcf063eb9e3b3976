"""The documentation builds strictly, and loads nothing from another host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(r'<(?:script|img|link|iframe)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"')
STYLED = re.compile(r"@import\s+[^;]*//|url\(\s*['\"]?(?:https?:)?//")
_FOLDERS = r"capa_sync|tests|docs|rules|mappings|deploy|benchmarks|\.github|\.ci"
CITED = re.compile(rf"(?<![\w/.-])((?:{_FOLDERS})/[\w./-]*\w)")
MADE = ("docs/_build", "docs/generated")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_the_pages_build_without_a_warning(site: Path) -> None:
    """A broken link, a missing page or an unknown anchor fails the build."""
    assert (site / "index.html").is_file()
    assert (site / "generated" / "phrases.html").is_file()


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    """No web font, script, image or style sheet is loaded."""
    pages = [page for ending in ("html", "css") for page in site.rglob(f"*.{ending}")]
    found = [
        (page.name, match.group(0))
        for page in pages
        for match in (LOADED if page.suffix == ".html" else STYLED).finditer(page.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_path_that_a_page_cites_exists() -> None:
    """A file of the repository that a page names exists."""
    missing = [
        (page.name, cited)
        for page in (ROOT / "docs").rglob("*.md")
        if not any(part in ("generated", "_build") for part in page.parts)
        for cited in CITED.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / cited).exists() and not cited.startswith(MADE)
    ]
    assert missing == []
