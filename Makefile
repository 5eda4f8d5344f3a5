# Targets are what CI runs: `make test` is everything, `make demo` is the first thing to try.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test check lint types unit browser results notebook lock clean

demo: $(READY)
	$(BIN)/emofuse demo --out runs/demo

test: check

check: lint types unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	rm -rf build/types
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --target build/types .
	MYPYPATH=build/types $(BIN)/mypy --config-file pyproject.toml -p emofuse

unit: $(READY) browser
	$(BIN)/python -m pytest --cov --cov-report=term-missing

# The page is tested in Debian's Chromium; it is installed where there is none.
browser:
	@command -v chromium > /dev/null || { \
		SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$SUDO apt-get update -qq && $$SUDO apt-get install -y --no-install-recommends chromium chromium-driver; }

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $(READY)

# RESULTS.md from the results that are kept; RUNS="runs/wesad ..." keeps those of runs first.
results: $(READY)
	$(BIN)/python -m emofuse.experiments.results_page $(RUNS)

# The tutorial, executed: docs/tutorial.ipynb from docs/tutorial.py.
notebook: $(READY)
	$(BIN)/python docs/execute.py

# Pin what the newest permitted versions are today; commit the result.
lock:
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet --upgrade pip
	build/lock/bin/pip install --quiet '.[eeg-formats,serve]' --group dev
	build/lock/bin/pip freeze --exclude emofuse > requirements.lock
	printf '%s\n' "setuptools==$$(build/lock/bin/python -c 'from importlib.metadata import version as v; print(v("setuptools"))')" >> requirements.lock
	sed -i.bak -e "s/^xgboost-cpu==\(.*\)/xgboost-cpu==\1; sys_platform != 'darwin'\nxgboost==\1; sys_platform == 'darwin'/" requirements.lock
	rm -rf requirements.lock.bak build/lock

clean:
	rm -rf $(VENV) build runs *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache
