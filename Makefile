# One command each: `make run` to see the service, `make test` to check it. `make help` lists the rest.

PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.run-done
SETUP_STAMP := $(VENV)/.setup-done
BENCH_STAMP := $(VENV)/.bench-done
PYTEST_WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadscope
SOAK ?= tests
# The tests start many processes, and each of them would compile every module that it imports.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(UV) pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup dev-packages tests/node tools/site run cluster demo-once test check static lint types arch unit integration pytest soak tour bench conformance docs site wheel lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

setup: $(SETUP_STAMP) ## Build .venv with everything that developers need; the second time does nothing

# What `make run` needs: the service, the simulated chargers, their packages, and the console's style sheets and scripts from
# npm, which comes as a wheel (ADR 0038). Modules are compiled as they are imported.
# A .venv without pip or with an older Python was not made here: it is built anew.
$(RUN_STAMP): pyproject.toml simulator/pyproject.toml requirements/demo.txt tools/console_assets/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "access-policy needs Python 3.11 or newer; '$(PYTHON)' is missing or older." \
			"Name another one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.13" >&2; exit 1; }
	@$(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| $(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --no-compile --require-hashes -r requirements/demo.txt
	$(PIP) install --no-compile --no-deps --no-build-isolation --editable . --editable simulator
	$(BIN)/python -m tools.console_assets
	@touch $@

# The same packages in the same versions, and the developers' tools beside them: npm installs the identity providers of the
# tests, and the program that draws the site's diagrams. What the tests import is compiled here once; the workers of the first run would each compile it, at the same time.
$(SETUP_STAMP): $(RUN_STAMP) requirements/dev.txt tests/node/package-lock.json tools/site/package-lock.json
	@printf '%s\n' dev-packages tests/node tools/site | xargs -n 1 -P 3 $(MAKE) --no-print-directory
	@$(BIN)/python -m pytest --collect-only -q > /dev/null 2>&1 || true
	@touch $@

# Three downloads side by side.
dev-packages:
	$(PIP) install --no-compile --require-hashes -r requirements/dev.txt

tests/node tools/site:
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --prefix $@ --ignore-scripts --no-audit --no-fund --silent

run: $(RUN_STAMP) ## Run the service with a demo depot and simulated chargers
	$(BIN)/access-policy serve --demo

cluster: setup ## Run the service as several processes on one PostgreSQL, with a gateway killed now and then
	$(BIN)/python -m access_policy.entrypoints.demo.cluster --postgres --kill-every 60

demo-once: $(RUN_STAMP) ## Run the demo for a bounded time and check what it should show
	$(BIN)/access-policy demo-once

# The demo waits most of its time, and so do some tests: the static checks take what they leave of the cores.
test: setup ## Run every check and every test
	@MAKE="$(MAKE)" .ci/side-by-side pytest static demo-once

check: test ## What CI runs, letter for letter

# mypy and import-linter use one core each, after what else runs.
static: setup lint
	@printf '%s\n' types arch | xargs -n 1 -P 2 nice $(MAKE) --no-print-directory

lint: setup ## Style, likely bugs and formatting (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: setup ## Types (mypy)
	$(BIN)/mypy

arch: setup ## The arrows between the layers (import-linter)
	$(BIN)/lint-imports --no-logo
	$(BIN)/lint-imports --no-logo --config simulator/pyproject.toml

pytest: setup
	$(PYTEST) --no-pictures

unit: setup ## The fast tests only
	$(PYTEST) tests/unit

integration: setup ## The tests with real parts only
	$(PYTEST) --no-pictures tests/integration

soak: setup ## The long tests in full (docs/testing.md); SOAK=tests/unit takes a part of them
	$(PYTEST) --soak -m "soak or hypothesis" $(SOAK)

tour: setup ## Walk through every page of the console; screenshots and axe's findings are in build/tour
	$(BIN)/python -m pytest --soak tests/integration/console/tour

bench: $(BENCH_STAMP) ## Run the benchmarks and print their figures
	$(BIN)/python -m benchmarks

$(BENCH_STAMP): $(SETUP_STAMP) requirements/bench.txt
	$(PIP) install --no-compile --require-hashes -r requirements/bench.txt
	@touch $@

docs: setup ## Generate docs/architecture.md, docs/chargers.md, docs/events and the table of completions from the code
	$(BIN)/python -m tools.documents.architecture
	$(BIN)/python -m tools.documents.chargers > docs/chargers.md
	$(BIN)/python -m tools.documents.events docs/events
	$(BIN)/python -m tools.documents.completions

site: setup ## Build the documentation site into build/site; after `make tour` with its screenshots
	$(BIN)/python -m tools.site

conformance: setup ## Play the OCPP compliance test cases and write docs/conformance.md
	$(PYTEST) -m octt --conformance docs/conformance.md

wheel: $(RUN_STAMP) ## Build the wheels of the service and of the simulated chargers into dist/
	$(PIP) wheel --no-index --no-deps --no-build-isolation --wheel-dir dist . ./simulator

lock: ## Resolve the dependencies again (needs uv); UPGRADE=--upgrade takes newer versions
	$(LOCK) $(UPGRADE) --output-file requirements/bench.txt --group bench pyproject.toml simulator/pyproject.toml
	$(LOCK) --constraint requirements/bench.txt --output-file requirements/dev.txt --group dev \
		pyproject.toml simulator/pyproject.toml
	$(LOCK) --constraint requirements/dev.txt --output-file requirements/demo.txt --group build \
		pyproject.toml simulator/pyproject.toml
	$(LOCK) --constraint requirements/demo.txt --output-file requirements/runtime.txt pyproject.toml

clean: ## Remove .venv and all caches; ./data stays
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src simulator tests -name __pycache__ -type d -prune -exec rm -rf {} +
