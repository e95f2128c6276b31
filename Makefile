# Every habit of this project as one word. `make` alone lists them.
#
# The tools live in `.venv`, which makes itself: `.venv/.runs` says that weft is installed there,
# `.venv/.works` that the developers' tools are too. Both are made again when pyproject.toml changes.

PYTHON ?= python3
PYTEST_ARGS ?= -n auto --dist worksteal
BIN := .venv/bin
QUIET := --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint types house bench docs golden format check changelog clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.runs ## run the main job twice with the built-in model: no key, no server
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: .venv/.works ## run every test
	@sh .ci/postgres
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: .venv/.works ## look for faults and untidy lines
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "make format tidies these:"; $(BIN)/ruff format --check .; }

types: .venv/.works ## check the types, strictly
	@$(BIN)/mypy

house: .venv/.works ## check floors, doors, names and sizes
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest tests/house tests/typing -p no:xdist

bench: .venv/.works ## measure speed, memory and start-up time
	@missed=0; for each in benchmarks/*.py; do echo "== $$each"; $(BIN)/python "$$each" || missed=1; done; exit $$missed

docs: .venv/.works ## write docs/reference anew from the code
	@$(BIN)/python docs/generate.py

golden: .venv/.works ## write the golden files of generated code anew
	@$(BIN)/python -m tests.unit.variants.goldens

format: .venv/.works ## tidy what lint complains about
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

check: lint types house test ## everything that must be green

changelog: .venv/.works ## show what the next release would say
	@$(BIN)/towncrier build --draft --version next

clean: ## remove everything that can be made again
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .weft build dist topics.out.csv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@PYTHON="$(PYTHON)" sh .ci/venv

.venv/.runs: pyproject.toml | .venv/bin/python
	@echo "Installing weft into .venv ..."
	@$(BIN)/python -m pip install $(QUIET) --editable .
	@touch $@

.venv/.works: pyproject.toml | .venv/bin/python
	@echo "Installing weft and its developers' tools into .venv ..."
	@$(BIN)/python -m pip install $(QUIET) --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install $(QUIET) --editable '.[all]' --group dev
	@touch $@ .venv/.runs
