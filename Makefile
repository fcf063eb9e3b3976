# capa-sync: `make` lists what there is. Every target makes what it needs, from the locks, with hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILED := PYTHONDONTWRITEBYTECODE= # where it is set, each of the hundreds of processes compiles all that it imports

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint docs fix check rules lock release system bench soak fuzz pages kills mutants reference busy large-pages

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/.runtime: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.extras: $(VENV)/.runtime requirements-extras.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r requirements-extras.lock
	@touch $@

$(VENV)/.development: $(VENV)/.runtime tests/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r tests/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

setup: $(VENV)/.development ## make .venv with everything for development

demo: $(VENV)/.extras ## run the main job on the built-in sandbox trackers, then show the register (DEMO_ARGS=--once ends after one cycle)
	$(BIN)/python -m capa_sync demo $(DEMO_ARGS)

system: ## install the Debian packages that the tests use (as root; else say which); SYSTEM_PACKAGES=no installs none
	@SYSTEM_PACKAGES=$(SYSTEM_PACKAGES) sh tests/tools/system-packages.sh

# Another twelfth of the parameters of the large tests with each commit; tests/samples.py.
SAMPLE ?= $(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),0)

test: system $(VENV)/.development ## run the tests, of the large ones a sample (SAMPLE=all: everything); says before it installs Debian packages, SYSTEM_PACKAGES=no installs none
	@test -d tests/__pycache__ || $(COMPILED) $(BIN)/python -m pytest -q --collect-only >/dev/null 2>&1 || true # compiled once for the four
	$(COMPILED) $(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder --sample $(SAMPLE) $(PYTEST_ARGS)

soak: $(VENV)/.development ## tell long random stories on all three trackers, and compare mirror and tracker (STORIES=200); failures stay in soak.xml
	CAPA_SYNC_SOAK=$(or $(STORIES),200) $(BIN)/python -m pytest -q -n 2 --dist load --timeout 0 --junitxml soak.xml tests/sync/test_machine.py tests/sync/test_warned.py

fuzz: $(VENV)/.development ## malformed answers of every endpoint, generated tickets on all three trackers, every filter of the page (PAYLOADS=100000); failures stay in fuzz.xml
	CAPA_SYNC_FUZZ=$(or $(PAYLOADS),100000) $(BIN)/python -m pytest -q -n 2 --dist worksteal --timeout 0 --junitxml fuzz.xml tests/fuzz tests/unit/web/test_page.py

pages: $(VENV)/.development ## an empty, a short and a doubled page at every place of every read, on all three trackers; long tables
	CAPA_SYNC_EVERY_PAGE=1 $(BIN)/python -m pytest -q -n 2 --dist load --timeout 0 --junitxml pages.xml tests/sync/test_every_page.py tests/sync/test_every_page_elsewhere.py tests/sync/test_pages.py

large-pages: $(VENV)/.development ## each page in the browser with a register of the generated tracker (TICKETS=20000)
	LARGE_PAGES=$(or $(TICKETS),20000) $(BIN)/python -m pytest -q --timeout 0 tests/journey/test_large_pages.py

kills: $(VENV)/.development ## kill a process before each commit and each request and around each write, on all three trackers (tests take a sample)
	CAPA_SYNC_KILLS=1 $(BIN)/python -m pytest -q -n 2 --dist load --timeout 0 --junitxml kills.xml tests/daemon/test_kill_backfill.py tests/daemon/test_kill_jira.py tests/daemon/test_kill_jira_dc.py tests/daemon/test_kill_later.py tests/daemon/test_kill_servicenow.py tests/digest/test_killed.py

busy: $(VENV)/.development ## the tests twice, two samples of them, beside eight busy loops (BUSY=8); an hour on two cores
	@trap 'kill $$loops' EXIT; for number in $$(seq $(or $(BUSY),8)); do sh -c 'while :; do :; done' & loops="$$loops $$!"; done; \
	$(MAKE) --no-print-directory test SAMPLE=$(SAMPLE) && $(MAKE) --no-print-directory test SAMPLE=$(SAMPLE)-again

mutants: $(VENV)/.development ## change the core in small ways; unit tests must notice (up to an hour; MODULE=findings for one module)
	$(BIN)/python -m tests.tools.mutants $(MODULE)

reference: $(VENV)/.development ## compare every phrase of rules with a second implementation on generated tickets (TICKETS=20000)
	nice $(BIN)/python -m tests.reference $(or $(TICKETS),20000)

lint: $(VENV)/.development ## ruff, mypy strict, import contracts, dead code, docstrings, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/vulture
	$(BIN)/interrogate -q capa_sync tests benchmarks
	$(BIN)/codespell capa_sync tests benchmarks rules mappings deploy docs README.md CHANGELOG.md

docs: $(VENV)/.development ## build the documentation strictly into docs/_build
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build

fix: $(VENV)/.development ## format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint test ## what CI runs

rules: $(VENV)/.runtime ## check and test the shipped rules, and their mutants
	$(BIN)/python -m capa_sync rules check && $(BIN)/python -m capa_sync rules test --mutate

bench: $(VENV)/.development ## measure speed and memory beside a floor (BENCH_ARGS=--full takes the sizes of the issue)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

release: $(VENV)/.development ## set version and changelog, build wheel, sdist and SBOM, commit and tag (VERSION=0.2.0)
	BIN=$(BIN) bash deploy/release.sh $(VERSION)

lock: ## make the locks anew (needs uv on the PATH or in .venv)
	PATH="$(CURDIR)/$(BIN):$$PATH" uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --extra export pyproject.toml -o requirements.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --extra export --extra parquet --extra report --extra mcp --extra timestamp --extra digest -c requirements.lock pyproject.toml -o requirements-extras.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --all-extras -c requirements-extras.lock pyproject.toml -o tests/requirements.lock
