# Bare `make` lists what there is. Every target does its own set-up and is quick when nothing is to do.

PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python -m
# The locks are whole: what is not in them is not installed, and nothing is looked up anew.
INSTALL := $(RUN) pip install -q --disable-pip-version-check --no-deps
LOCKED := $(INSTALL) --require-hashes --only-binary :all:
SOURCES := src tests benchmarks examples
# A fast part of the tests: no server, no browser, no database but SQLite, nothing thorough.
QUICK := tests/saml tests/provisioning tests/directory tests/sso tests/oidc tests/audit tests/configfile \
  tests/embed/test_sign_in.py tests/scim tests/web tests/config tests/test_documentation.py tests/test_structure.py
# What touches a database runs again on PostgreSQL.
DATABASE := tests/directory tests/sso tests/oidc tests/scim tests/audit tests/configfile tests/web tests/cli

# Dashboards that are too heavy for every run, each with an environment of its own.
DASHBOARDS := jupyterhub pgadmin superset

.PHONY: help demo test test-integrations test-providers test-dashboards setup check quick fuzz bench translations

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: setup ## try it: ends with the service running and one address to open
	$(BIN)/passerelle demo

setup: .venv/.runtime ## a virtual environment with the locked dependencies

test: .venv/.dev .venv/.applications ## everything, with the real servers and the real browser
	tests/servers/install
	tests/run-parts \
	  "SQLite, servers and browsers" \
	  "$(RUN) pytest -n 4 --dist loadgroup --ignore tests/integrations --ignore tests/dashboards tests" \
	  "PostgreSQL" "PASSERELLE_TEST_DATABASE=postgresql $(RUN) pytest -n 4 $(DATABASE)" \
	  "Keycloak and LemonLDAP::NG" "make test-providers"

test-integrations: test-providers test-dashboards ## real identity providers and heavy dashboards

test-providers: .venv/.dev ## Keycloak and LemonLDAP::NG, set up by the guide; fetches Keycloak once
	tests/servers/install
	tests/servers/install-keycloak
	$(RUN) pytest tests/integrations

test-dashboards: .venv/.dev $(DASHBOARDS:%=.venv/dashboards/%) ## Superset, JupyterHub and pgAdmin as they are; 1.2 GB
	tests/servers/install
	$(RUN) pytest tests/dashboards

quick: .venv/.dev ## unit tests, but for the thorough ones
	$(RUN) pytest -n 2 -m "not thorough" $(QUICK)

SECONDS ?= 600
fuzz: .venv/.dev ## mutate signed messages for SECONDS, guided by coverage; keeps what it finds
	tests/servers/install
	SECONDS=$(SECONDS) $(RUN) tests.fuzz.run

check: .venv/.dev ## format, lint, types, import contracts, migrations, translations
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	PASSERELLE_DATA_DIR=$(BIN)/../check DJANGO_SETTINGS_MODULE=passerelle.config.settings \
	  $(BIN)/django-admin makemigrations --check --dry-run
	$(RUN) tests.translations

translations: .venv/.dev ## collect new texts into the catalogue, and compile it
	$(RUN) tests.translations --update

bench: .venv/.bench ## the benchmarks, side by side with the peers; writes benchmarks/RESULTS.md
	$(BIN)/python benchmarks/run.py

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -qy python3-venv; \
	  else echo "Python's venv is missing: sudo apt-get install python3-venv"; exit 1; fi; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: .venv/.python requirements.lock pyproject.toml
	$(LOCKED) -r requirements.lock
	$(INSTALL) --no-build-isolation -e .
	$(RUN) pip check
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	$(LOCKED) -r requirements-dev.lock
	@touch $@

# Dashboards that tests start as they are, each with dependencies of its own.
.venv/dashboards/%: tests/dashboards/%.lock
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r $<
	touch $@

.venv/.applications: .venv/.python requirements-applications.lock
	$(PYTHON) -m venv .venv/applications
	.venv/applications/bin/python -m pip install -q --disable-pip-version-check --no-deps \
	  --require-hashes --only-binary :all: -r requirements-applications.lock
	@touch $@

.venv/.bench: .venv/.dev requirements-bench.lock benchmarks/packages.txt \
  benchmarks/peers/package-lock.json
	tests/servers/install
	benchmarks/install
	$(LOCKED) -r requirements-bench.lock
	cd benchmarks/peers && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
