"""The documentation builds strictly, and loads nothing from another host."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from capa_sync.rules.docs import type_words
from capa_sync.rules.phrases.table import BUILT_IN
from capa_sync.rules.subjects import SUBJECTS

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(r'<(?:script|img|link|iframe)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"')
STYLED = re.compile(r"@import\s+[^;]*//|url\(\s*['\"]?(?:https?:)?//")
_FOLDERS = r"capa_sync|tests|docs|rules|mappings|deploy|benchmarks|\.github|\.ci"
CITED = re.compile(rf"(?<![\w/.-])((?:{_FOLDERS})/[\w./-]*\w)")
MADE = ("docs/_build", "docs/generated", "mappings/proposed.yaml", "rules/location-written-down.yaml")
_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"[\w.-]+\.(?:py|md|ya?ml|toml|json|sh|sql|svg|lock)")
_NAME = re.compile(r"\b(?:[A-Za-z]\w*_\w+|[A-Z]+[a-z]\w*[A-Z]\w*|[A-Z]{4,})\b")
OF_USERS = {
    "capa-sync.toml", "register.db.lock", ".oscal.json", "FILE.meta.json", "evidence.json", "timeline.json",
    "sample.json",
}  # fmt: skip
"""Files that a user has and the repository does not."""
RECIPES = ("extending.md", "architecture.md")
PLACEHOLDERS = {"FIELD", "FILE", "FOLDER", "REGISTER", "TICKET"}
"""Words in capitals that stand for a value of the reader."""


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


@pytest.mark.slow
def test_the_pages_build_without_a_warning(site: Path) -> None:
    """A broken link, a missing page or an unknown anchor fails the build."""
    assert (site / "index.html").is_file()
    assert (site / "generated" / "phrases.html").is_file()


@pytest.mark.slow
def test_the_page_of_mistakes_holds_every_broken_file(site: Path) -> None:
    """Each mistake of the indexes in `tests/broken/` is on the page, with all its answers."""
    assert (site / "generated" / "mistakes.html").is_file()
    page = (ROOT / "docs" / "generated" / "mistakes.md").read_text(encoding="utf-8")
    indexes = [tomllib.loads(file.read_text(encoding="utf-8")) for file in (ROOT / "tests" / "broken").glob("*.toml")]
    entries = [entry for index in indexes for entry in index["mistakes"]]
    assert page.count("\n**") == len(entries) > 100
    assert [answer for entry in entries for answer in entry["answers"] if answer not in page] == []


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    """No web font, script, image or style sheet is loaded."""
    pages = [page for ending in ("html", "css") for page in site.rglob(f"*.{ending}")]
    found = [
        (page.name, match.group(0))
        for page in pages
        for match in (LOADED if page.suffix == ".html" else STYLED).finditer(page.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_phrases_page_says_of_which_fields_a_phrase_can_be_said(site: Path) -> None:
    """Each phrase names types of fields, in the words of the table of fields on the same page."""
    text = re.sub(r"<[^>]+>", "", (site / "generated" / "phrases.html").read_text(encoding="utf-8"))
    assert text.count("Said of: ") == text.count("Example: ") == len(BUILT_IN)
    types = {name.strip() for said in re.findall(r"Said of: ([^.]+)\.", text) for name in said.split(",")}
    assert types == {type_words(subject.kind) for subject in SUBJECTS.values()}


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


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def test_every_file_that_a_page_names_without_its_folder_exists() -> None:
    """A recipe that says `lives.py` of a folder named before is wrong as soon as that file has another name."""
    names = {file.name for file in _tracked()} | OF_USERS
    missing = [
        (page.name, code)
        for page in _tracked()
        if page.suffix == ".md"
        for code in _CODE.findall(page.read_text(encoding="utf-8"))
        if _FILE.fullmatch(code) and code not in names
    ]
    assert missing == []


@pytest.mark.parametrize("page", RECIPES)
def test_every_name_of_code_in_a_recipe_exists(page: str) -> None:
    """A function, class, field or constant that a maintainer is sent to is somewhere in the code."""
    files = [file for file in _tracked() if file.suffix == ".py" and file != Path(__file__)]
    known = {word for file in files for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))}
    known |= {part for file in _tracked() for part in re.findall(r"\w+", file.relative_to(ROOT).as_posix())}
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    named = {name for code in _CODE.findall(prose) for name in _NAME.findall(code)}
    assert named, "the pattern finds no name"
    assert sorted(named - known - PLACEHOLDERS) == []
