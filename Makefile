# Two commands set everything up: `make demo` runs the full pipeline, `make test` the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two test processes on two cores: more threads would only wait for each other.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
STAMP := $(VENV)/.toile-set-up
unexport PYTHONDONTWRITEBYTECODE
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS := $(PIP_FIND_LINKS)
endif

help:             ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(STAMP)   ## make .venv and install everything in it

demo: $(STAMP)    ## generate, train, evaluate, compare: the full pipeline in ./toile-demo
	$(BIN)/toile demo --out toile-demo

test: $(STAMP)    ## the tests (two cores, offline, minutes)
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

coverage: $(STAMP) ## the tests with coverage; a table by package
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=
	@for package in schemas generator finetune evaluation toile; do \
		printf '%-12s ' $$package; $(BIN)/coverage report --include="$$package/*" --format=total --precision=1; \
	done

test-cluster: $(STAMP) ## a Ray cluster of two nodes on this machine, one of them killed
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev,cluster]'
	$(BIN)/python -m pytest tests/generator/catalog/test_cluster.py -m cluster --timeout 600

check: $(STAMP)   ## lint, format, imports, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

schemas: $(STAMP) ## generate schemas/*.schema.json from the dataclasses
	$(BIN)/python -m scripts.make_schemas

bench: $(STAMP)   ## measure; results go to benchmarks/results/
	$(BIN)/python -m benchmarks.generate
	$(BIN)/python -m benchmarks.render
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.check

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "toile needs Python 3.11 or newer; set PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv is missing: apt-get install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m generator.render.precompile  # compiles the renderer: half a minute, once
	@touch $@

.PHONY: help setup demo test coverage test-cluster check schemas bench
