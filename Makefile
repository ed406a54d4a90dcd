# Everything one does with this project. Needs only make and Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python
PIP = $(PY) -m pip --quiet --disable-pip-version-check
LOCK = $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help run test lint lock bench bench-peer bench-replies install clean

help: ## List what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "PYTHON=... chooses the interpreter, PORT=... and HOST=... where to serve."

run: $(VENV)/.run ## Serve the example project until Ctrl-C
	@$(PY) -m example_project.serve

test: $(VENV)/.dev ## Run the tests; the summary names what was skipped, and why
	@$(PY) -m pytest -n auto --dist worksteal

lint: $(VENV)/.dev ## Check style, types, imports and migrations
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@$(PY) manage.py makemigrations --check --dry-run

lock: $(VENV)/.dev ## Lock the newest versions that requirements/*.in allow
	@$(LOCK) --upgrade requirements/run.in --output-file requirements/run.txt
	@$(LOCK) --upgrade requirements/production.in --constraints requirements/run.txt --output-file requirements/production.txt
	@$(LOCK) --upgrade requirements/dev.in --constraints requirements/production.txt --output-file requirements/dev.txt

bench: $(VENV)/.dev ## Measure what each operation costs; ARGS="--help" says how
	@$(PY) -m benchmarks.http $(ARGS)

bench-peer: $(VENV)/.dev ## Measure the released ElizaOS server beside it; takes ARGS, too
	@$(PY) -m benchmarks.beside $(ARGS)

bench-replies: $(VENV)/.dev ## Measure what replies and streams cost
	@$(PY) -m benchmarks.replies

install: $(VENV)/.dev ## Install what development needs, into .venv

clean: ## Remove the virtualenv, builds and caches; the data in .data/ stays
	@rm -rf $(VENV) build dist .*_cache .coverage
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Stamps say which lock is installed, so that the next start does not ask again.
$(VENV)/.run: requirements/run.txt | $(PY)
	@echo "Installing what the example needs; only the first time takes long."
	@$(PIP) install --require-hashes --requirement $<
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(PY)
	@echo "Installing what development needs; only the first time takes long."
	@$(PIP) install --require-hashes --requirement $<
	@touch $@ $(VENV)/.run

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "$(PYTHON) is not Python 3.11 or newer: name one with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) lacks venv; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
