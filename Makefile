# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Python 3.11 or later is enough; with Java 17 and Maven the tests run on a real Apache Kafka, too.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

# Each file of tests is run by one process, the long ones first (tests/conftest.py), and a process
# that dies ends the run. Tests on a real Kafka mostly wait, and start processes of their own; leases
# and sessions run by the clock, so two at a time are enough, and what needs the cores comes before.
PYTEST := $(BIN)/pytest
FILES := --dist loadfile --no-loadscope-reorder --max-worker-restart 0
WORKERS ?= 2

# What decides, tested once more as the wheel has it: compiled. Mutants replace methods, which
# compiled callers do not see; what they show of the schedules and rows is shown already.
DECIDES := tests/core tests/reference tests/replay tests/examples tests/upgrade/test_golden.py \
	tests/simulation/test_schedules.py tests/ops/test_build.py

.PHONY: demo test test-fast check chaos docs simulate lock clean

demo: $(READY)  ## see it work in a minute; KEEP=1 leaves it running, KAFKA=1 runs it on a Kafka
	@$(if $(KAFKA),$(BIN)/python -m deploy.local_kafka.run) \
		$(BIN)/triggerstream demo $(if $(KEEP),--keep)

test: check  ## everything that CI runs, on one broker; what measures time comes last, by itself
	$(PYTEST) -n logical $(FILES) -m "not (kafka or alone)"
	SIMULATION_SCHEDULES=2000 $(BIN)/python -m deploy.compiled --if-possible \
		$(PYTEST) -n logical $(FILES) --engine compiled $(DECIDES)
	$(BIN)/python -m deploy.local_kafka.run --if-possible \
		$(PYTEST) -n $(WORKERS) $(FILES) -m "kafka and not alone"
	$(PYTEST) -m alone

test-fast: $(READY)  ## the tests that need neither Kafka nor much time
	$(PYTEST) -n logical $(FILES) -m "not (kafka or long or alone)"
	$(PYTEST) -m "alone and not (kafka or long)"

simulate: $(READY)  ## seeded schedules under faults; SCHEDULES=1000000, FROM=0, or SEED=4711 for one
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),\
		--schedules $(or $(SCHEDULES),100000) --from $(or $(FROM),0))

check: $(READY)  ## lint, format, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

chaos: $(READY)  ## every fault, again and again, on a real Apache Kafka, or with ARGS="--world local" in one directory; the long one
	@$(BIN)/python -m tests.chaos $(ARGS)

docs: $(READY)  ## make the reference pages again, from the code, and coverage.md, from the tests
	@$(BIN)/python -m deploy.reference
	@$(BIN)/python -m deploy.coverage

lock: $(READY)  ## pin every version again, within what pyproject.toml allows
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --group dev \
		--generate-hashes --no-emit-index-url --no-annotate --no-header \
		--output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --constraint requirements.lock \
		--generate-hashes --no-emit-index-url --no-annotate --no-header \
		--output-file deploy/requirements.lock pyproject.toml

clean:  ## remove the environment and what tools left behind
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build/compiled

# The environment is made once, and again when the pinned versions change.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or later is required; $(PYTHON) is %s (make PYTHON=...)" \
		% sys.version.split()[0])'
	@echo "making .venv (about a minute, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@touch $@
