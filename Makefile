# Targets are what CI runs: `make test` is everything, `make demo` is the first thing to try.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKED := --quiet --require-hashes --build-constraint requirements.lock
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test check lint types unit browser dist smoke docs fuzz results notebook lock audit licences sbom clean

demo: $(READY)
	$(BIN)/emofuse demo --out runs/demo

test: check smoke

check: lint types unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	rm -rf build/types
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --target build/types .
	MYPYPATH=build/types $(BIN)/mypy --config-file pyproject.toml -p emofuse

unit: $(READY) browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --cov --cov-report=term-missing

# The page is tested in Debian's Chromium; it is installed where there is none.
browser:
	@command -v chromium > /dev/null || { \
		SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$SUDO apt-get update -qq && $$SUDO apt-get install -y --no-install-recommends chromium chromium-driver; }

# The pip of the lock comes first: it checks hashes in constraints too, of what a wheel asks for and of what an sdist is built with.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	awk '/^[^ ]/ { first = /^pip==/ } first' requirements.lock > $(VENV)/first.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r $(VENV)/first.lock
	$(BIN)/pip install $(LOCKED) -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $(READY)

# The same commit gives the same bytes.
dist: $(READY)
	rm -rf dist
	$(BIN)/python .ci/dist.py dist

# The wheel, in an environment with what it asks for and nothing else, in the versions of the lock.
smoke: dist
	rm -rf build/smoke
	$(PYTHON) -m venv --without-pip build/smoke
	printf '%s %s\n' dist/*.whl "$$($(BIN)/pip hash dist/*.whl | tail -n 1)" > build/smoke/wheel.txt
	$(BIN)/pip --python build/smoke install $(LOCKED) -c requirements.lock -r build/smoke/wheel.txt
	.ci/smoke build/smoke/bin

# The site, build/site/index.html: every warning is an error; then its examples, links and commands are checked.
docs: $(READY)
	$(BIN)/python docs/build.py

# Ten minutes of hostile bytes for every door; what is found lies in build/fuzz.
fuzz: $(READY)
	$(BIN)/python tests/fuzz/run.py --seconds 600

# RESULTS.md from the results that are kept; RUNS="runs/wesad ..." keeps those of runs first.
results: $(READY)
	$(BIN)/python -m emofuse.experiments.results_page $(RUNS)

# The tutorial, executed: docs/tutorial.ipynb from docs/tutorial.py.
notebook: $(READY)
	$(BIN)/python docs/execute.py

# Pin the newest permitted versions, for Python 3.11 and later on any system, with the hashes of their files; commit the result.
lock: $(READY)
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
		--all-extras --group dev --group fuzz --no-header --no-annotate --output-file requirements.lock pyproject.toml

# Known vulnerabilities of what the lock pins; fails where the service that knows them cannot be asked.
audit: $(READY)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

# docs/licences.md: what a user installs, and under which licence.
licences: $(READY)
	$(BIN)/python docs/licences.py

# What a user installs with all extras, as CycloneDX JSON.
sbom: smoke
	sed 's/whl /whl[all] /' build/smoke/wheel.txt > build/smoke/all.txt
	$(BIN)/pip --python build/smoke install $(LOCKED) -c requirements.lock -r build/smoke/all.txt
	$(BIN)/cyclonedx-py environment build/smoke --pyproject pyproject.toml --output-reproducible --output-file build/sbom.json

clean:
	rm -rf $(VENV) build dist runs *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache
