# `make` alone lists the targets.

ALGO    ?=
BACKEND ?= numpy
BUDGET  ?= quick

# The first Python that is new enough; `make PYTHON=/path/to/python ...` overrides.
IS_NEW  := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON  ?= $(shell for p in python3.11 python3; do \
             $$p -c '$(IS_NEW)' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
BIN     := .venv/bin
PYTEST  := pytest -n 2 -m "not full"

# Two test processes share the cores: with threads of their own on top, each would wait for the other.
test test-full test-numpy test-torch test-tf mutants: export OMP_NUM_THREADS = 1
test test-full test-numpy test-torch test-tf mutants: export OPENBLAS_NUM_THREADS = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full test-numpy test-torch test-tf check mistakes mutants train race bench \
        fixtures measured lint format clean need-algo compare site chromium

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: .venv/.installed ## create .venv with pinned versions of everything (instant when up to date)

demo: setup ## train three models on MNIST with all three backends; one table, three pictures
	$(BIN)/triptych demo

test: setup ## the tests, without the slow ones
	$(BIN)/$(PYTEST)

test-full: setup ## all tests
	$(BIN)/pytest -n 2

test-numpy: .venv-numpy/.installed ## the tests with neither PyTorch nor TensorFlow installed
	.venv-numpy/bin/$(PYTEST)

test-torch: .venv-torch/.installed ## the tests with PyTorch as the only framework
	.venv-torch/bin/$(PYTEST)

test-tf: .venv-tf/.installed ## the tests with TensorFlow as the only framework
	.venv-tf/bin/$(PYTEST)

check: setup ## measure errors against oracles: ALGO=lstm, or every algorithm
	$(BIN)/triptych check $(or $(ALGO),--all)

mistakes: need-algo setup ## show the classic mistakes and the numbers they produce: ALGO=lstm
	$(BIN)/triptych mistakes $(ALGO)

mutants: setup ## plant small mistakes and see whether the tests notice: BACKEND=numpy|torch|tf, ALGO=lstm
	$(BIN)/python tests/mutants.py --column $(BACKEND) $(if $(ALGO),--only $(ALGO),--sample 200)

compare: need-algo setup ## read an algorithm in three columns: ALGO=lstm
	$(BIN)/triptych compare $(ALGO)

site: setup ## write the web site, build/site/index.html
	$(BIN)/triptych site

train: need-algo setup ## train on real data: ALGO=lstm BACKEND=numpy|torch|tf BUDGET=quick|full
	$(BIN)/triptych train $(ALGO) --backend $(BACKEND) --budget $(BUDGET)

race: setup ## one picture: every optimizer on the same network from the same start
	$(BIN)/triptych race --backend $(BACKEND)

bench: setup ## speed against the frameworks' own layers: ALGO=lstm, or every algorithm
	$(BIN)/triptych bench $(ALGO)

fixtures: setup ## write the golden vectors in shared/fixtures anew
	$(BIN)/triptych fixtures

measured: setup ## write MEASURED.md anew, the tables of measured errors
	$(BIN)/triptych measured

lint: setup ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## repair style and format where that is safe
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove caches and build outputs; the environments stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find numpy_impl torch_impl tf_impl shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian's Chromium, for the test that opens the site in a browser. Without it that test is not collected.
chromium:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver; \
	fi >/dev/null 2>&1 || true; \
	command -v chromedriver >/dev/null || echo "No Chromium and chromedriver: the site is not opened in a browser."

need-algo:
	@test -n "$(ALGO)" || { echo "ALGO is missing, for example: make $(MAKECMDGOALS) ALGO=lstm" >&2; exit 2; }

# --- environments -----------------------------------------------------------------------------------------

.venv/.installed:       EXTRAS := all
.venv-numpy/.installed: EXTRAS := dev
.venv-torch/.installed: EXTRAS := torch,dev
.venv-tf/.installed:    EXTRAS := tf,dev

# The stamp is written last, so that an interrupted set-up is taken up again. torch has its own call: then the
# build of it that is found (CPU or CUDA) is settled before anything else is resolved.
%/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c '$(IS_NEW)' || { echo "Triptych needs Python 3.11 or newer, found: $$($(PYTHON) --version 2>&1)." \
	  "Name another with: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Setting up $* with the versions of constraints.txt; this takes a few minutes, once."
	$(PYTHON) -m venv $*
	$(if $(filter all torch%,$(EXTRAS)),$*/bin/python -m pip install --quiet -c constraints.txt torch)
	$*/bin/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@
