# make demo   build the reference family and show that it works (GROUP=default builds all 15 images)
# make test   everything CI runs: lint, types, imports, drift, tests on a real engine
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
GROUP ?= cpu
BIN := .venv/bin
export PYTHONUNBUFFERED := 1

.PHONY: help demo test lint unit docs bench clean
help:
	@echo "make demo [GROUP=cpu|gpu|default]  build the reference family and show the result"
	@echo "make test                          lint, types, imports, drift, all tests (engine ones included)"
	@echo "make lint | unit | docs | bench    parts of it; docs writes the generated pages, bench prints the figures"
	@echo "make clean                         stop the lab's engine and remove .venv"

$(BIN)/.ready: pyproject.toml
	@echo "==> creating .venv with bakegen and its development tools (about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bakegen needs Python 3.11 or newer; say PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

demo: $(BIN)/.ready
	@$(BIN)/python -m tests.demo $(GROUP)

test: lint
	@echo "==> tests, on a real engine"
	@BAKEGEN_REQUIRE_ENGINE=1 $(BIN)/pytest

lint: $(BIN)/.ready
	@echo "==> lint and format (ruff)"
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .
	@echo "==> types (mypy)"
	@$(BIN)/mypy --no-error-summary
	@echo "==> import direction (import-linter)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" lint-imports --no-cache > .venv/imports.txt || { cat .venv/imports.txt; exit 1; }
	@echo "==> drift of the lock, the rendered family, the schema and the docs"
	@$(BIN)/bakegen render --check
	@$(BIN)/bakegen lock --check
	@$(BIN)/python -m tests.generated --check

unit: $(BIN)/.ready
	@$(BIN)/pytest -m "not engine and not buildx"

docs: $(BIN)/.ready
	@$(BIN)/bakegen render
	@$(BIN)/python -m tests.generated

bench: $(BIN)/.ready
	@$(BIN)/python -m benchmarks

clean:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m tests.lab down; fi
	@rm -rf .venv
