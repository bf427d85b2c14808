# Each target sets up ./.venv when it is not there. Another Python: make test PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
TESTS = $(BIN)/python -m pytest -n auto --dist loadfile --durations 15
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-slow check bench docs format readme clean

# Ends with the report, which it names first.
demo: .venv/demo
	$(BIN)/gan-jax train --config mnist_mlp:demo --workdir runs/demo

test: .venv/test
	$(TESTS) -m "not slow"

# What trains, kills or starts a cluster for longer: minutes more.
test-slow: .venv/test
	$(TESTS) -m slow

check: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(TESTS)

bench: .venv/bench
	$(BIN)/gan-jax bench --against pytorch

# The pages and the API as a site; a link that leads nowhere is an error.
docs: .venv/docs
	$(BIN)/sphinx-build -q -W --keep-going -c docs -d build/doctrees . build/docs

format: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A stamp for each set of extras: installed once, and again when what is asked for changes.
.venv/%: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) -e '.[$*]'
	touch $@

# TPUs' compiler for `gan-jax plan`, beside ./.venv: where it is installed, each start of jax without
# a TPU complains. PYTHONPATH=.libtpu finds it.
.libtpu: constraints.txt .venv/test
	$(INSTALL) --no-deps --upgrade --target .libtpu libtpu
	touch $@

clean:
	rm -rf .venv .libtpu runs build dist *.egg-info

readme: .venv/bench
	$(BIN)/python -m gan_jax.report.readme
