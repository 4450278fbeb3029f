# Everything here needs Python 3.11 or newer, make and the package index; no root, no Docker.
# `make` lists the targets.

SHELL := /bin/sh
BIN := .venv/bin
# A file shares its servers and its bank: one worker runs it, in order.
PYTEST_ARGS ?= -q -n auto --dist loadfile --no-loadscope-reorder
UV := .venv/uv/bin/uv
# The system and its tests are many processes: what one has compiled the others need not.
export PYTHONDONTWRITEBYTECODE :=
COMPILE := $(UV) pip compile -q --universal --generate-hashes --python-version 3.11

.DEFAULT_GOAL := help
.PHONY: help setup up demo test faults fuzz bench lint format types imports check lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## build .venv with everything pinned; does nothing when it is up to date
	@ops/setup/setup.sh

up: setup ## run the whole system in the foreground (ARGS="--port 8000 --workers 2")
	@exec $(BIN)/giro up $(ARGS)

demo: setup ## play the main job through the API and check the books
	@exec $(BIN)/giro demo $(ARGS)

test: setup ## run the tests on real servers (ARGS="tests/ops")
	@exec $(BIN)/python -m pytest $(PYTEST_ARGS) $(ARGS)

faults: setup ## break things under load, check all promises (ARGS="--short --seed 1 --fault NAME")
	@exec $(BIN)/python -m tests.faults $(ARGS)

fuzz: setup ## tell many more random stories to the API (FUZZ_ROUNDS, FUZZ_CASES, FUZZ_SEED)
	@FUZZ_ROUNDS=$${FUZZ_ROUNDS:-40} FUZZ_CASES=$${FUZZ_CASES:-30} \
	FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} \
	$(BIN)/python -m pytest -q -o timeout=3600 tests/api/test_any_request.py $(ARGS)

bench: setup ## measure this system beside pgbench (ARGS="--quick")
	@exec $(BIN)/giro bench $(ARGS)

lint: setup ## ruff, formatting, layering, what nothing uses
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/vulture

format: setup ## let ruff repair what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: setup ## mypy, strict
	@$(BIN)/mypy

check: ## what the continuous integration runs
	@.ci/run

lock: setup ## compile the requirements again from pyproject.toml
	@$(COMPILE) pyproject.toml -o requirements/base.txt
	@$(COMPILE) --group dev pyproject.toml -o requirements/dev.txt
	@sed -n 's/^\(uv==[0-9.]*\).*/\1/p' requirements/uv.txt > requirements/.uv.in
	@$(COMPILE) --no-header --no-annotate requirements/.uv.in -o requirements/uv.txt
	@rm -f requirements/.uv.in

clean: ## remove the environment and the caches; the data below .giro stays
	@rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
