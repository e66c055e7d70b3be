# make drill [PLAN=erp_three_tier] [SPEED=60]   a drill of a plan through real Airflow processes and simulated AWS
# make up / make down                           the same stack in the background, for the browser
# make test / make lint                         tests; ruff, mypy and the check of import directions
# make chaos [N=10] [SEED=7]                    executions with faults drawn from a seed, and what must hold
# make test-distributed                         docker-compose.yaml as processes: drills while parts are killed
# make test-airflow [AIRFLOW=3.4.0]             the tests of what this package uses of Airflow's inside, on the newest
# make snapshot [WRITE=--write]                 whether what is stored was only added to; writes this version's snapshot
# make scale                                    a drill of 4,000 servers over three accounts, and what it takes
# make bench [ONLY=plans,waits] [PLANS=500]     speed against the conventional design, one table (docs/performance.md)
# make mwaa                                     the bundle for Amazon MWAA, in dist/mwaa (docs/mwaa.md)
# make audit                                    known vulnerabilities of the lock's packages (needs pypi.org)
# make docs                                     what the documents show of the code, and the schema, made anew
# make page                                     the page of page/, built into the package (needs Node.js)
#
# Needs Python 3.11 or newer with venv, and a package index. Everything goes to .venv/ and build/.

PLAN ?= erp_three_tier
SPEED ?= 60
N ?= 10
SEED ?=
ONLY ?=
PLANS ?= 500
LAUNCH ?= 40
# What shares a stack or a wheel stays together on one of the processes; the longest tests begin (tests/conftest.py).
# Two of the processes mostly wait for the stacks that they test, so more are worth it than there are cores.
PYTEST_ARGS ?= --numprocesses 4
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install drill up down status test test-distributed test-airflow snapshot chaos scale gates bench lint format docs page pictures lock audit mwaa clean distclean

help:
	@sed -n '1,15s/^# \{0,1\}//p' Makefile

install: $(READY)

# uv installs the lock in seconds; pip does it where uv cannot be had or cannot reach pip's index. Compiling at once
# saves every process of the stack the time, also where PYTHONDONTWRITEBYTECODE is set.
$(READY): requirements.txt
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 with venv found; name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check uv || true
	UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-https://pypi.org/simple}}" \
		$(VENV)/bin/uv pip install --quiet --python $(PY) -r requirements.txt \
		|| $(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	env -u PYTHONDONTWRITEBYTECODE $(PY) -m compileall -q -j 0 $(VENV)/lib > /dev/null || true
	@touch $@

drill: $(READY)
	@exec $(PY) -m embedded drill --plan "$(PLAN)" --speed "$(SPEED)"

up: $(READY)
	@exec $(PY) -m embedded up --plan "$(PLAN)" --speed "$(SPEED)"

down status: $(READY)
	@exec $(PY) -m embedded $@

# Compiled tests are kept, also where PYTHONDONTWRITEBYTECODE is set: each process compiled all of them anew.
test: $(READY)
	env -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest $(PYTEST_ARGS)

test-distributed: $(READY)
	@exec $(PY) -m distributed

# The lock, with another Airflow in it; what only a version has that is not out yet cannot be known here. Without a version
# the newest of the index, if that is not the lock's.
test-airflow: $(READY)
	@set -eu; version="$(AIRFLOW)"; locked=$$(sed -n 's/^apache-airflow==//p' requirements.txt); \
	if [ -z "$$version" ]; then \
		version=$$($(PY) -m pip index versions --disable-pip-version-check apache-airflow 2>/dev/null | sed -n '1s/.*(\(.*\))$$/\1/p'); \
		[ -n "$$version" ] || { echo "the index does not tell the versions of apache-airflow"; exit 1; }; \
		[ "$$version" != "$$locked" ] || { echo "the index has no Airflow newer than the lock's $$locked"; exit 0; }; \
	fi; \
	echo "tests with Airflow $$version"; \
	$(PYTHON) -m venv "build/airflow-$$version"; \
	cp -R $(VENV)/lib "build/airflow-$$version/"; \
	"build/airflow-$$version/bin/python" -m pip install --quiet --disable-pip-version-check "apache-airflow==$$version"; \
	"build/airflow-$$version/bin/python" -m pytest -q tests/contract/test_airflow_apis.py \
		tests/contract/test_needed_apis.py tests/contract/test_other_runs.py tests/contract/test_triggers.py tests/web

snapshot: $(READY)
	PYTHONPATH=plugins:simulator:. $(PY) -W ignore -m tests.contract.stored_state $(WRITE)

chaos: $(READY)
	@exec $(PY) -m chaos --runs "$(N)" $(if $(SEED),--seed "$(SEED)")

scale: $(READY)
	DRS_TEST_SERVERS_PER_WAVE=400 $(PY) -m pytest -q tests/scale/test_estate.py

gates: $(READY)
	DRS_TEST_GATES=50 $(PY) -m pytest -q -s tests/e2e/other_stacks/test_slow_scheduler.py

bench: $(READY)
	@PYTHONPATH=plugins:. $(PY) -W ignore -m benchmarks --only "$(ONLY)" --plans "$(PLANS)" --launch "$(LAUNCH)"

lint: $(READY)
	$(PY) -m ruff check .
	$(VENV)/bin/cfn-lint infrastructure/*.yaml plugins/drs_provider/probe/template.yaml
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	PYTHONPATH=plugins:. $(VENV)/bin/lint-imports --no-cache
	PYTHONPATH=simulator $(VENV)/bin/lint-imports --no-cache --config simulator/pyproject.toml

format: $(READY)
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

docs: $(READY)
	PYTHONPATH=plugins:. $(PY) -m docs.make

# What docs/page.md shows is photographed while its test runs.
pictures: $(READY)
	DRS_TEST_PICTURES="$(CURDIR)/docs/images" $(PY) -m pytest -q tests/e2e/browser/test_live_drill.py

page:
	cd page && npm ci && npm run build

# --strict: without it, a package that cannot be looked up counts as sound.
audit: $(READY)
	$(VENV)/bin/uvx --from 'pip-audit>=2.10,<3' pip-audit --strict --no-deps --disable-pip -r requirements.txt

mwaa: $(READY)
	$(PY) -m infrastructure.mwaa

lock: $(READY)
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 requirements.in -o requirements.txt

clean:
	@test ! -x $(PY) || $(PY) -m embedded down
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find chaos dags distributed docs embedded plugins simulator tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
