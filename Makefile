# Tongchou (统筹). `make demo` and `make test` need only Python 3.11 or later; they set up the rest.
#
#   make demo       run the demonstration into out/demo
#   make test       run the tests that take seconds
#   make test-long  run every test
#   make bench      print the performance table and its ratios
#   make setup      only prepare .venv
#   make clean      remove what the other targets made
#   make lock       for maintainers: pin the dependencies anew from pyproject.toml

PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := demo
.PHONY: demo test test-long bench setup clean lock FORCE

VENV := .venv
BENCH_VENV := .venv-bench
READY := $(VENV)/.ready
BENCH_READY := $(BENCH_VENV)/.ready
# The tests run on the PostgreSQL that comes with Tongchou and, where this exists, on Debian's too.
SECOND_DATABASE := /usr/lib/postgresql/15/bin/postgres

demo: $(READY)
	@$(VENV)/bin/tongchou demo --out out/demo

test: $(READY) $(SECOND_DATABASE)
	@$(VENV)/bin/python -m pytest -n 2 -m "not long" tests

test-long: $(READY) $(SECOND_DATABASE)
	@$(VENV)/bin/python -m pytest -n 2 tests

bench: $(BENCH_READY)
	@$(BENCH_VENV)/bin/python bench/run.py

setup: $(READY)
	@echo "The environment in $(VENV) is ready; the command is $(VENV)/bin/tongchou."

clean:
	@rm -rf $(VENV) $(BENCH_VENV) out build dist .pytest_cache .hypothesis src/*.egg-info
	@find src tests scripts bench -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	@echo "Removed the environments, the outputs and the caches."

# The ready file holds the folder it was made in: a copied or moved checkout sets itself up again
# instead of silently running the code of the original.
ifneq ($(file < $(READY)),$(CURDIR))
$(READY): FORCE
endif
ifneq ($(file < $(BENCH_READY)),$(CURDIR))
$(BENCH_READY): FORCE
endif

$(READY): requirements.lock pyproject.toml
	@$(call make_venv,$(VENV),$(READY),requirements.lock)

$(BENCH_READY): requirements-bench.lock pyproject.toml
	@$(call make_venv,$(BENCH_VENV),$(BENCH_READY),requirements-bench.lock)

$(SECOND_DATABASE):
	@$(call install_second_database)

# Never fails: without it the tests on Debian's PostgreSQL are skipped and say so.
define install_second_database
if ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ]; then
  echo "PostgreSQL 15 is not installed: the tests run on the embedded PostgreSQL only (as root, apt-get install postgresql-15 adds the other)."
  exit 0
fi
echo "Installing postgresql-15 with apt-get for the tests, since this is root."
export DEBIAN_FRONTEND=noninteractive
if { apt-get -qq update && apt-get -qq install --yes --no-install-recommends postgresql-15; } >/dev/null 2>&1; then
  pg_ctlcluster 15 main stop >/dev/null 2>&1 || true
else
  echo "postgresql-15 cannot be installed here: the tests run on the embedded PostgreSQL only."
fi
endef

# $(1) folder, $(2) ready file, $(3) lock file.
define make_venv
if ! command -v "$(PYTHON)" >/dev/null; then
  echo "There is no '$(PYTHON)' here. Install Python 3.11 or later, or say where it is: make PYTHON=/path/to/python3" >&2
  exit 1
fi
if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "Tongchou needs Python 3.11 or later, but '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1)." >&2
  echo "Name a newer one: make PYTHON=python3.11" >&2
  exit 1
fi
if ! "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null; then
  $(call install_venv_module)
fi
if [ "$$(cat $(2) 2>/dev/null)" != "$(CURDIR)" ] || ! $(1)/bin/python -m pip --version >/dev/null 2>&1; then
  echo "Making a Python environment in $(1)."
  "$(PYTHON)" -m venv --clear $(1)
fi
rm -f $(2)
echo "Installing the pinned dependencies of $(3); the first time this takes a minute or two."
$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(3)
$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
printf '%s' "$(CURDIR)" > $(2)
endef

define install_venv_module
echo "This Python cannot make virtual environments (on Debian they are a package of their own)."
if ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ]; then
  echo "Install the package python3-venv as root, then run make again." >&2
  exit 1
fi
versioned="python$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
echo "Installing python3-venv with apt-get, since this is root."
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends python3-venv >/dev/null
"$(PYTHON)" -c 'import ensurepip' 2>/dev/null || apt-get -qq install --yes --no-install-recommends "$$versioned" >/dev/null
if ! "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null; then
  echo "'$(PYTHON)' still cannot make virtual environments. Use Debian's own: make PYTHON=/usr/bin/python3" >&2
  exit 1
fi
endef

# Needs pip-tools and a few minutes. No address of an index is written into the files.
PIP_COMPILE := pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
  --no-emit-find-links --no-emit-trusted-host --no-emit-options

lock:
	@command -v pip-compile >/dev/null || { echo "Install pip-tools first (pip install pip-tools)." >&2; exit 1; }
	$(PIP_COMPILE) --all-build-deps --extra test --constraint requirements-bench.in -o requirements.lock pyproject.toml
	$(PIP_COMPILE) --constraint requirements.lock -o requirements-bench.lock pyproject.toml requirements-bench.in
	sed -i "/^--/d" requirements.lock requirements-bench.lock
