# okng: three commands do all the set-up on a Debian 12 machine with git, make and Python 3.11+ (venv).
#
#   make demo            the virtual line, judged live; page on http://127.0.0.1:8080; ends at Ctrl-C
#   make test            lint, types and tests
#   make shots           a picture of every page in every look, in build/shots
#   make test-training   a real training, from pictures to a verdict: installs torch beside (about 6 GB)
#
# A second call starts at once: stamp files in .venv remember which lock was installed.

PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
TRAINING := .venv-training
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

# A broker is part of the demo: Debian's mosquitto where it is installed, else one in Python.
BROKER := $(if $(shell PATH="$$PATH:/usr/sbin:/usr/local/sbin" command -v mosquitto),,$(VENV)/demo.stamp)

.DELETE_ON_ERROR:
.PHONY: demo test shots test-training lint install debian-packages lock clean

demo: install $(BROKER)
	$(BIN)/okng demo

install: $(VENV)/station.stamp $(VENV)/okng.stamp

test: $(VENV)/test.stamp $(VENV)/okng.stamp debian-packages
	@$(MAKE) --no-print-directory lint
	timeout --foreground --kill-after=20 1800 $(BIN)/python -m pytest --numprocesses 4 --dist worksteal

shots: $(VENV)/test.stamp $(VENV)/okng.stamp debian-packages
	OKNG_SHOTS=build/shots $(BIN)/python -m pytest tests/web/test_every_look.py

test-training: $(TRAINING)/training.stamp
	OMP_WAIT_POLICY=passive timeout --foreground --kill-after=20 1500 $(TRAINING)/bin/python -m pytest tests/training

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

$(VENV)/demo.stamp: requirements/demo.txt $(VENV)/station.stamp | $(BIN)/python
	$(PIP) --require-hashes -r requirements/demo.txt
	touch $@

$(VENV)/test.stamp: requirements/test.txt $(VENV)/station.stamp | $(BIN)/python
	$(PIP) --require-hashes -r requirements/test.txt
	touch $@

# A venv of its own: a station never has torch in it, nor do the tests of one. What pip has fetched is kept in its cache,
# so that an interrupted install goes on.
$(TRAINING)/training.stamp: requirements/training.txt
	$(PYTHON) -m venv $(TRAINING)
	$(TRAINING)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r $<
	$(TRAINING)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# An editable install points to this folder; only its metadata and the command are made anew.
$(VENV)/okng.stamp: pyproject.toml agent/version.py $(VENV)/station.stamp
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# Needs uv (https://docs.astral.sh/uv/), any version from 0.5 on; UPGRADE=--upgrade takes newer releases.
lock:
	$(LOCK) $(UPGRADE) pyproject.toml requirements/build.in --output-file requirements/station.txt
	$(LOCK) $(UPGRADE) --extra demo --constraint requirements/station.txt pyproject.toml requirements/build.in \
		--output-file requirements/demo.txt
	$(LOCK) $(UPGRADE) --extra test --constraint requirements/station.txt pyproject.toml requirements/build.in \
		--output-file requirements/test.txt
	$(LOCK) $(UPGRADE) --extra test --extra training pyproject.toml requirements/build.in requirements/training.in \
		--output-file requirements/training.txt

clean:
	rm -rf $(VENV) $(TRAINING) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
