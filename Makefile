# Gaussian mixtures from first principles: the book's commands. `make` alone lists them.
# One virtual environment, .venv, is made on first use and brought up to date when requirements.txt changes.

SHELL := /bin/sh
VENV := .venv
# The activated layout differs between Windows and the rest.
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
READY := $(VENV)/.installed
# The folder that receives _build/html.
OUT := .
INDEX := $(OUT)/_build/html/index.html
SOURCES := $(wildcard _config.yml _toc.yml CHANGELOG.md CITATION.cff _ext/*.py book/*.* book/_static/* book/_templates/* \
	gmm/*.py gmm/*.pyi gmm/*/*.py gmm/widgets/*.js \
	gmm/widgets/*.css gmm/widgets/kernels.json gmm/widgets/figures/*)
BUILD = $(BIN)/jupyter-book build --all -W --keep-going -n --path-output $(OUT) .
# A chapter for `make refresh`; arguments for `make lab`; a port for `make serve`.
CH ?=
ARGS ?=
PORT ?= 8000
# A browser of your choice: make pdf CHROMIUM=/path/to/chromium
ifdef CHROMIUM
export CHROMIUM
endif
# A Firefox of your choice for `make firefox`.
FIREFOX ?= firefox
# A Python of your choice: make book PYTHON=python3.13
PYTHON ?=
# Keep what the user's shell says about Python out of the environment.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env book serve pdf test machines firefox lowest newest wheel nojit coverage types check lint format refresh index lab bench clean distclean lock

help: ## list the commands
	@echo "make COMMAND, where COMMAND is one of"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name what; \
		do printf '  %-10s %s\n' $$name "$$what"; done

# --no-compile: Python compiles a module when it is first imported, and most of what is installed never is (a third
# of the time of the installation).
env: $(READY) ## create or update the virtual environment .venv

$(READY): requirements.txt pyproject.toml
	@set -e; \
	if [ ! -x $(PY) ]; then \
		found=; \
		for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
			if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then found=$$p; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "No Python from 3.11 to 3.14 was found. Install one, or name it: make book PYTHON=/path/to/python" >&2; exit 1; \
		fi; \
		echo "Creating $(VENV) with $$($$found --version) ..."; \
		if command -v uv >/dev/null 2>&1; then uv venv -q --clear --python "$$(command -v $$found)" $(VENV); \
		else $$found -m venv $(VENV) || { \
			echo "Python could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
		fi; \
	fi; \
	echo "Installing requirements.txt ..."; \
	if command -v uv >/dev/null 2>&1; then uv pip install -q --python $(PY) -r requirements.txt; \
	else $(PY) -m pip install -q --disable-pip-version-check --no-compile -r requirements.txt; fi; \
	touch $@

book: env ## build the book
	$(BUILD)
	@echo "The book is built. Open $(INDEX), or run: make serve"

$(INDEX): $(READY) $(SOURCES)
	$(BUILD)

serve: $(INDEX) ## open the book in the browser, built anew if anything changed
	$(PY) tools/serve.py $(OUT)/_build/html --port $(PORT)

pdf: $(INDEX) ## print the whole book as one PDF (needs Chromium or Chrome)
	$(PY) tools/pdf.py $(OUT)/_build/html

test: env ## run every test: package, notebooks, built pages
	$(PY) -m pytest -n 2 --dist loadfile -m ""

machines: env ## run notebooks and tests as if on other processors (one chapter: make machines CH=04)
	$(PY) tools/machines.py $(if $(CH),$(CH),--tests)

firefox: env ## drive the live figures in Firefox (yours: make firefox FIREFOX=/path/to/firefox)
	FIREFOX="$(FIREFOX)" $(PY) -m pytest -q -m slow tests/widgets

lowest: env ## run the package's tests with the lowest versions of its dependencies
	$(PY) tools/elsewhere.py lowest

newest: env ## run the package's tests with the newest versions of its dependencies
	$(PY) tools/elsewhere.py newest

wheel: env ## build sdist and wheel, install it away from here and try it
	$(PY) tools/elsewhere.py wheel

nojit: env ## run the tests of the formulas as plain Python and count the lines they miss
	$(PY) tools/elsewhere.py nojit

coverage: env ## run the other tests of the package and count the lines of Python that they miss
	$(PY) tools/elsewhere.py coverage

types: env ## check the annotations of the package and of a program that uses it
	$(PY) -m mypy

check: lint
lint: types ## check style, types and the generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PY) tools/formula_index.py --check
	$(PY) tools/exercise_texts.py --check
	$(PY) tools/paper_references.py --check
	$(PY) tools/wasm.py --check
	$(PY) -m pytest -q tests/book/test_notebooks.py tests/test_registry.py

format: env ## format the code and the notebooks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

refresh: env ## run the notebooks and store their outputs (one chapter: make refresh CH=04)
	$(PY) tools/wasm.py
	$(PY) tools/refresh.py $(CH)
	$(PY) tools/formula_index.py
	$(PY) tools/exercise_texts.py

index: env ## write the generated files anew: formula index, exercises, the paper's references, kernels for the browser
	$(PY) tools/formula_index.py
	$(PY) tools/exercise_texts.py
	$(PY) tools/paper_references.py
	$(PY) tools/wasm.py

lab: env ## read and run the notebooks in JupyterLab (more for it: make lab ARGS=--no-browser)
	$(BIN)/jupyter lab book $(if $(filter 0,$(shell id -u 2>/dev/null)),--allow-root) $(ARGS)

bench: env ## run the benchmarks
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(PY) "$$script"; done

lock: env ## renew the pins in requirements.txt (needs uv)
	$(PY) tools/lock.py

clean: ## remove what building and testing made
	rm -rf _build .pytest_cache .ruff_cache .hypothesis build dist
	find gmm tests tools _ext book benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
	find book -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove the virtual environment
	rm -rf $(VENV) *.egg-info
