# Two commands: `make demo` and `make test`. Both make their own environment (.venv) from the hashed locks.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
SEED   ?= 1

.PHONY: help env env-dev console demo test quick check lint types unit integration resilience bench lock clean
help:            ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 22

env: $(VENV)/.env-stamp console          ## Make .venv with what the product and the demo need.
env-dev: $(VENV)/.dev-stamp console      ## The same with the test tools.

$(VENV)/.env-stamp: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev-stamp: requirements-dev.lock $(VENV)/.env-stamp
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

console: $(VENV)/.env-stamp              ## Build the web console when its sources are newer than the build.
	@$(BIN)/python platform/granslos/console/build.py

demo: env                                ## Three sites on this machine, with traffic. ARGS="--no-traffic …"
	@$(BIN)/granslos demo $(ARGS)

test: env-dev                            ## Every test but the long runs.
	@$(BIN)/python -m pytest $(ARGS)

lint: env-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports
types: env-dev
	@$(BIN)/mypy
unit: env-dev
	@$(BIN)/python -m pytest tests/unit tests/contract tests/adapters tests/tidy -q
quick: lint types unit                   ## Lint, types and unit tests (≤ 60 s).
check: lint types test                   ## All that CI runs.

bench: env                               ## Measure against the raw parts.
	@$(BIN)/granslos bench $(ARGS)

clean:
	rm -rf $(VENV) .demo build dist
