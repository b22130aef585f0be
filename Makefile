# The two commands a newcomer needs are `make demo` and `make test`; both create .venv themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2

.PHONY: demo test soak lint types unit docs bench clean

$(STAMP): setup.py gomatrix_py/_version.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/python examples/demo.py

test: lint types unit

# the rows of docs/reliability.rst at full size, one after the other, with what each of them reached
soak: $(STAMP)
	GOMATRIX_PY_SOAK=1 $(BIN)/python -m pytest -s tests/faults

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

docs: $(STAMP)
	$(BIN)/python -m tests.meta.make_operations_table

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	# it asks for an urllib3 that requests left behind, but runs with today's
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'matrix-client>=0.4'
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
