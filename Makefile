# Everything a person needs: make setup, make demo, make test, make lint.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIP ?=
OUT ?= out/demo

.PHONY: setup demo test lint format clean

setup: $(VENV)/.ready
	@$(MAKE) --no-print-directory tools
	$(BIN)/anonflow models pull

# The weights cache is shared by all environments of a user, so this fetches nothing the second time.
$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Only the motion networks, the diffusion profile and their tests need torch, which is large.
$(VENV)/.ready-torch: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,torch,diffusion]'
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

test: setup $(VENV)/.ready-torch
	$(BIN)/anonflow models pull demo-clip retinaface-pytorch
	$(BIN)/python -m pytest

lint: $(VENV)/.ready-torch
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
