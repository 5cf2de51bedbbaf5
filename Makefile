# okng: two commands do all the set-up on a Debian 12 machine with git, make and Python 3.11+ (venv).
#
#   make demo    the virtual line, judged live; page on http://127.0.0.1:8080; ends at Ctrl-C
#   make test    lint, types and tests
#
# A second call starts at once: stamp files in .venv remember which lock was installed.

PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

.DELETE_ON_ERROR:
.PHONY: demo test lint install debian-packages lock clean

demo: install
	$(BIN)/okng demo

install: $(VENV)/station.stamp $(VENV)/okng.stamp

test: $(VENV)/test.stamp $(VENV)/okng.stamp debian-packages
	@$(MAKE) --no-print-directory lint
	timeout --foreground --kill-after=20 600 $(BIN)/python -m pytest --numprocesses 3 --dist worksteal

lint: $(VENV)/test.stamp $(VENV)/okng.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

debian-packages:
	@tests/debian-packages

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "okng needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/station.stamp: requirements/station.txt | $(BIN)/python
	$(PIP) --require-hashes -r requirements/station.txt
	touch $@

$(VENV)/test.stamp: requirements/test.txt $(VENV)/station.stamp | $(BIN)/python
	$(PIP) --require-hashes -r requirements/test.txt
	touch $@

# An editable install points to this folder; only its metadata and the command are made anew.
$(VENV)/okng.stamp: pyproject.toml agent/version.py $(VENV)/station.stamp
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# Needs uv (https://docs.astral.sh/uv/), any version from 0.5 on; UPGRADE=--upgrade takes newer releases.
lock:
	$(LOCK) $(UPGRADE) pyproject.toml requirements/build.in --output-file requirements/station.txt
	$(LOCK) $(UPGRADE) --extra test --constraint requirements/station.txt pyproject.toml requirements/build.in \
		--output-file requirements/test.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
