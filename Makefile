# Two commands suffice: `make demo` and `make test`. They need Python 3.11 or newer and make, nothing else.
#   another Python:       make demo PYTHON=/opt/python3.12/bin/python3
#   options of a command: make demo ARGS="--exit"     make test ARGS="tests/domain -k sms"

PYTHON ?= python3
ARGS ?=
JOBS ?= 2

VENV := .venv
PY := $(VENV)/bin/python
MADE := $(VENV)/.made
DEV := $(VENV)/.dev
# An installation for development is one for running, too.
RUN := $(if $(wildcard $(DEV)),$(DEV),$(VENV)/.run)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(PY) -m pip install --quiet --editable

# An environment whose Python has gone (an upgrade of the system) is made again.
BROKEN := $(shell test -e $(MADE) && ! $(PY) -c '' 2>/dev/null && rm -rf $(VENV) && echo yes)

.DELETE_ON_ERROR:
.PHONY: help demo up test check chaos rates bench bench-flat bench-scale clean

help:  ## this list
	@echo "make ..."
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r name what; do \
		printf '  %-11s %s\n' "$$name" "$$what"; done

demo: $(RUN)  ## a whole campaign on invented people and a simulated provider, on this machine alone
	@$(PY) -m outreach demo $(ARGS)

up: $(RUN)  ## everything for real on this machine, until Ctrl-C
	@$(PY) -m outreach up $(ARGS)

test: $(DEV)  ## the whole suite
	$(PY) -m pytest -n $(JOBS) $(ARGS)

check: $(DEV)  ## lint, format, types, and the arrows between the rooms
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) $(VENV)/bin/lint-imports --no-logo

# The same torments again: make chaos SEED=7 PEOPLE=50000 TORMENTS=60
SEED ?= 1
PEOPLE ?= 200000
TORMENTS ?= 150

chaos: $(DEV)  ## kill, freeze, cut off and fill whatever there is while 200,000 are written to; SEED=, PEOPLE=, TORMENTS=
	OUTREACH_CHAOS_SEED=$(SEED) OUTREACH_CHAOS_PEOPLE=$(PEOPLE) OUTREACH_CHAOS_TORMENTS=$(TORMENTS) \
		OUTREACH_CHAOS_DISK=fill OUTREACH_CHAOS_HOSTS=cut \
		$(PY) -m pytest tests/chaos/test_torments.py tests/chaos/test_hosts.py -s -rs $(ARGS)

BULK ?= 1000000

rates: $(DEV)  ## rates, lanes and pauses beside a run of a million, every span of ten seconds within 3 %; quiet machine; BULK=
	OUTREACH_BULK_PEOPLE=$(BULK) OUTREACH_WINDOWS_KEPT=1 \
		$(PY) -m pytest tests/chaos/test_rates.py tests/chaos/test_pausing.py tests/chaos/test_hints.py -s -rs $(ARGS)

bench: $(DEV)  ## measure, and write benchmarks/RESULTS.md
	$(PY) benchmarks/run.py $(ARGS)

bench-flat: $(DEV)  ## measure runs of 10,000, 100,000 and a million messages, and write benchmarks/RESULTS-flat.md
	$(PY) benchmarks/flat.py $(ARGS)

bench-scale: $(DEV)  ## measure with a million people, and write benchmarks/RESULTS-scale.md (10 GB of disk, a while)
	$(PY) benchmarks/scale.py $(ARGS)

clean:  ## remove what make has made (never a data folder)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(MADE):
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "There is no $(PYTHON): install Python 3.11 or newer, or say where it is: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is too old: Python 3.11 or newer is needed; say where one is: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making $(VENV) with $$("$(PYTHON)" --version)"
	@rm -rf $(VENV)
	@"$(PYTHON)" -m venv $(VENV) || { \
		echo "No virtual environment could be made; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.run: $(MADE) pyproject.toml
	@echo "Installing what the program needs (once)"
	@$(PIP) .
	@touch $@

$(DEV): $(MADE) pyproject.toml
	@echo "Installing what development needs (once)"
	@$(PIP) ".[dev]"
	@touch $@
