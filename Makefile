# Commands of the repository: `make help`.
# Each target installs what it needs into .venv; `make up` and `make test` are all that a user needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TYPESCRIPT := 5.9.3
TSC := node_modules/typescript/bin/tsc
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

export OMP_NUM_THREADS := 1
# Programs that tests start find compiled modules, also where the environment forbids to write any: 0.3 s of CPU for each start.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
.PHONY: help up test test-slow check check-code check-tests page-types robust protos bench bench-steering bench-tastes bench-video model tree locks sbom helm cluster-test picture audiocraft diffusers format clean

help:  ## Lists the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: $(VENV)/.up  ## Installs missing packages and starts everything; prints one URL.
	@exec $(BIN)/resonance up

test: $(VENV)/.dev  ## Installs missing packages and runs the tests, without the slow ones.
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

test-slow: $(VENV)/.dev  ## Runs the slow tests: whole systems, faults, accessibility in every state. CI runs both.
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow $(ARGS)

# Tests of `make check`: files of the repository, and units that are quick: 65 s of CPU (2026-11-30).
CHECKED := $(addprefix tests/unit/,audio cli common gateway ingest model store) $(wildcard tests/contract/test_*.py)

check: $(VENV)/.dev  ## Format, lint, strict types, import contracts, proto and tree freshness, fast tests.
	@$(MAKE) --no-print-directory --jobs 2 --output-sync check-code check-tests

check-code:
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/buf lint protos
	@$(BIN)/python scripts/tree.py --check
	@$(BIN)/python scripts/locks.py --check
	@if command -v kubectl >/dev/null; then $(BIN)/python scripts/helm_chart.py --check || exit 1; \
	else echo "resonance: kubectl is not installed, so the chart's templates are not checked"; fi
	@$(MAKE) --no-print-directory page-types
	@$(BIN)/mypy

check-tests:
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" $(CHECKED) $(ARGS)

page-types:  ## Checks the types of the page's scripts with TypeScript, where npm is installed.
	@if command -v npm >/dev/null; then \
		test -f $(TSC) || npm install --silent --prefix . --no-save --no-package-lock typescript@$(TYPESCRIPT) || exit 1; \
		node $(TSC) --project tsconfig.json; \
	else echo "resonance: npm is not installed, so the types of the page's scripts are not checked"; fi

robust: $(VENV)/.dev  ## Runs the long fault tests; SEED=n repeats one run.
	@ROBUST=1 $(BIN)/python -m pytest --timeout 3600 tests/faults $(ARGS)

protos: $(VENV)/.dev  ## Generates common/resonance/v1 from protos/.
	@$(BIN)/python -m grpc_tools.protoc -I protos --python_out=common --pyi_out=common --grpc_python_out=common \
		protos/resonance/v1/*.proto

bench: $(VENV)/.dev  ## Measures the engine beside its peers; writes benchmarks/results.
	@$(BIN)/python -m benchmarks.engine $(ARGS)

bench-steering: $(VENV)/.dev  ## Measures sliders and tastes on audio, resumable; ARGS="--size small --minutes 25".
	@$(BIN)/python -m benchmarks.steering $(ARGS)

bench-video: $(VENV)/.dev  ## Measures music videos: listening, pictures, speed, bytes; needs FluidSynth; ARGS="--part listening".
	@nice -n 10 $(BIN)/python -m benchmarks.video $(ARGS)

bench-tastes: $(VENV)/.bench  ## Measures tastes of real songs by outside judges, resumable; fetches 2.6 GB of Debian packages; ARGS="--minutes 60".
	@nice -n 10 $(BIN)/python -m benchmarks.tastes $(ARGS)

model: $(VENV)/.dev  ## Trains the embedded model end to end, resumable; needs Debian's libfluidsynth3 and fluid-soundfont-gm.
	@$(BIN)/python -m model.training.run $(ARGS)

tree:  ## Writes docs/tree.md, the tree of captions.
	@$(PYTHON) scripts/tree.py

locks: $(VENV)/.dev  ## Writes the images' locks with hashes, deploy/locks; ARGS=--upgrade takes the newest versions.
	@PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python scripts/locks.py $(ARGS)

sbom: $(VENV)/.dev  ## Writes a CycloneDX bill of materials for each image into dist/sbom.
	@$(BIN)/python -m scripts.sbom

helm: $(VENV)/.dev  ## Writes the Helm chart's templates from deploy/k8s; needs kubectl.
	@$(BIN)/python scripts/helm_chart.py

cluster-test: $(VENV)/.dev  ## Builds the images, runs the manifests' pods on two hosts of podman, plays faults; needs root and Debian's podman.
	@$(BIN)/python -m benchmarks.cluster $(ARGS)

picture: $(VENV)/.dev  ## Photographs the running page in headless Chromium; writes docs/screens/page.png.
	@$(BIN)/python scripts/screenshot.py

audiocraft: .venv-audiocraft/.done  ## Installs AudioCraft into .venv-audiocraft and runs its tests there.
	@.venv-audiocraft/bin/python -m pytest tests/audiocraft_lane $(ARGS)

.venv-audiocraft/.done: scripts/install_audiocraft.py pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory VENV=.venv-audiocraft .venv-audiocraft/.dev
	@.venv-audiocraft/bin/python scripts/install_audiocraft.py
	@touch $@

diffusers: .venv-diffusers/.done  ## Installs diffusers into .venv-diffusers and runs its tests there.
	@.venv-diffusers/bin/python -m pytest tests/diffusers_lane $(ARGS)

.venv-diffusers/.done: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory VENV=.venv-diffusers .venv-diffusers/.dev
	@.venv-diffusers/bin/python -m pip install --quiet --disable-pip-version-check diffusers==0.42.1
	@touch $@

$(VENV)/.bench: $(VENV)/.up pyproject.toml
	@$(PIP) --editable '.[all,bench]'
	@touch $@

format: $(VENV)/.dev  ## Formats the code and applies the linter's fixes.
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

clean:  ## Removes the environment and every cache; your data folder stays.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "resonance: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "resonance: making an environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.up: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "resonance: installing (a minute or two the first time)"
	@$(PIP) torch
	@$(PIP) --editable '.[all]'
	@touch $@

$(VENV)/.dev: $(VENV)/.up pyproject.toml constraints.txt
	@echo "resonance: installing what the tests need"
	@$(PIP) --editable '.[all,dev]'
	@touch $@
