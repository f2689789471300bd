# Two commands: `make demo` and `make test`. Both make their own environment (.venv) from the hashed locks.
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
ARGS    ?=
# Processes that share the tests of `make test`; 0: all in one, as `make test ARGS="…"` with a debugger needs it.
WORKERS ?= 0

.DELETE_ON_ERROR:
.PHONY: help env env-dev console demo test quick check lint types unit integration resilience bench loadtest docs format lock clean
help:            ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

env: $(VENV)/.env-stamp console          ## Make .venv with what the product and the demo need.
env-dev: $(VENV)/.dev-stamp console      ## The same with the test tools.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "granslos needs Python 3.11 or newer: make PYTHON=…")'
	@$(PYTHON) -m venv $(VENV)

# Order-only: a newer interpreter must not reinstall everything.
$(VENV)/.env-stamp: requirements.lock pyproject.toml | $(BIN)/python
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev-stamp: requirements-dev.lock $(VENV)/.env-stamp
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

console: $(VENV)/.env-stamp              ## Build the web console when its sources are newer than the build.
	@$(BIN)/python platform/granslos/console/build.py

demo: env                                ## Three sites on this machine, with traffic. ARGS="--no-traffic …"
	@exec $(BIN)/granslos demo $(ARGS)

test: env-dev                            ## Every test but the long runs. ARGS="tests/unit -k feed"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: env-dev                            ## Style, layers, dependencies.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry --no-ansi .

types: env-dev                           ## mypy, strict.
	@$(BIN)/mypy

unit: env-dev                            ## Tests without servers.
	@$(BIN)/python -m pytest -q tests/unit tests/contract tests/adapters tests/tidy $(ARGS)

integration: env-dev                     ## Tests with real servers.
	@$(BIN)/python -m pytest -q tests/backends tests/integration $(ARGS)

resilience: env-dev                      ## The long runs: faults under traffic, 10 000 bad inputs, golden logs.
	@$(BIN)/python -m pytest -m long tests $(ARGS)

quick: lint types unit                   ## Lint, types and unit tests.
check: lint types test                   ## All that CI runs.

bench: env                               ## Measure against the raw parts. ARGS="--json"
	@$(BIN)/granslos bench $(ARGS)

loadtest: env-dev                        ## Load a running demo for 20 s. ARGS="-u 40 -r 10 -t 60s"
	@$(BIN)/locust -f loadtests/locustfile.py --headless --only-summary $(or $(ARGS),-u 8 -r 4 -t 20s)

docs: env                                ## Write the documents that are made from code.
	@$(BIN)/python docs/make_contract.py

format: env-dev                          ## Put the code into its one shape.
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

lock:                                    ## Choose versions anew and hash them; needs uv.
	uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --no-annotate --extra demo pyproject.toml -o requirements.lock
	uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --no-annotate --extra demo --extra dev --extra load -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:                                   ## Remove what was built; the demo's data too.
	rm -rf $(VENV) .demo build dist
