# The verbs of this project; `make` alone lists them. All but `lock` and `fresh` work in .venv, made on first use.

PYTHON ?= python3
UV ?= $(firstword $(wildcard .venv/bin/uv) $(shell command -v uv))
ARGS ?=

READY := .venv/.ready
PIP := .venv/bin/python -m pip -qq --disable-pip-version-check --no-input install

.DEFAULT_GOAL := help
.PHONY: help demo test check schema eval bench bench-query bench-capture bench-learn bench-spam bench-crash bench-index lab-full fresh lock browser wget moved

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22

demo: $(READY) ## the whole story on the bundled site: crawl, search, replay
	@.venv/bin/muragat demo $(ARGS)

test: $(READY) .venv/.peers browser wget ## every test this machine can run, with the reason for each it cannot
	@.venv/bin/python -m pytest $(ARGS)

check: $(READY) ## form, types and layers; seconds
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m ruff format --check .
	@.venv/bin/python -m mypy
	@.venv/bin/python -m pytest -q tests/test_layers.py

schema: $(READY) ## docs/schema.md from archive/schema.py
	@.venv/bin/python -m archive.reference >docs/schema.md

eval: $(READY) .venv/.peers ## how well real news pages are read, beside four other extractors; some minutes
	@.venv/bin/python bench/evaluation.py $(ARGS)

bench: $(READY) ## the measurements under bench/, each a table; not lab-full, not eval
	@for script in $(filter-out bench/lab_full.py bench/evaluation.py,$(wildcard bench/*.py)); do \
		[ -e "$$script" ] || { echo "bench/ holds no script yet"; break; }; \
		echo "== $$script"; .venv/bin/python "$$script" $(ARGS) || exit 1; \
	done

bench-query: $(READY) ## how long searches take, beside plain FTS5, trigram and LIKE; ARGS="--articles 1000000" for an hour
	@.venv/bin/python bench/query.py $(ARGS)

bench-capture: $(READY) ## what archiving costs, beside four others; ten minutes, needs nginx and wget
	@.venv/bin/python bench/capture.py $(ARGS)

bench-learn: $(READY) ## what `muragat learn` gains, before and after; ARGS="--lab DIRECTORY" for the lab's themes
	@.venv/bin/python bench/learning.py $(ARGS)

bench-spam: $(READY) ## how much injected content is found, and what is taken for it; ARGS="--lab DIRECTORY"
	@.venv/bin/python bench/spam.py $(ARGS)

bench-crash: $(READY) ## SIGKILL at 30 random moments of a crawl under load and 20 of an indexer, and what was lost
	@.venv/bin/python bench/crash.py $(ARGS)

bench-index: $(READY) ## WARCs into rows: one process and one a core, beside a crawl, and what readers wait
	@.venv/bin/python bench/indexing.py $(ARGS)

lab-full: $(READY) ## the crawl on a WordPress of 5,000 articles, under faults and kills; root, an hour or two
	@.venv/bin/python bench/lab_full.py $(ARGS)

fresh: ## `make demo` and `make test` on an empty Debian 12 (root, debootstrap)
	@bash .ci/fresh

lock: ## requirements.lock from pyproject.toml; ARGS=--upgrade moves every pin
	@[ -n "$(UV)" ] || { echo "make lock needs uv: .venv/bin/pip install uv, or make lock UV=/path/to/uv" >&2; exit 1; }
	@"$(UV)" pip compile pyproject.toml --extra dev --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet $(ARGS) -o requirements.lock >/dev/null

# Two steps: pip and setuptools first, from the lock as everything else, so that no pip replaces itself half way
# through, and the one package without a wheel (surt) is built by a setuptools whose hash we know.
$(READY): requirements.lock pyproject.toml
	@command -v "$(PYTHON)" >/dev/null && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "muragat needs Python 3.11 or newer; make PYTHON=/path/to/python names another one" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "muragat needs Python's venv module: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing what requirements.lock pins into .venv (150 MB, about a minute) …"
	@{ [ "$$(cat $(READY) || pwd)" = "$$(pwd)" ] && .venv/bin/python -c 'import pip'; } 2>/dev/null || \
		"$(PYTHON)" -m venv --clear .venv
	@awk '/^[^ ]/ { keep = /^(pip|setuptools)==/ } keep' requirements.lock >.venv/tools.lock
	@$(PIP) --require-hashes -r .venv/tools.lock
	@$(PIP) --require-hashes --no-build-isolation -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@pwd >$(READY)

# warcprox, whose WARCs tests/test_import.py imports, and the extractors of bench/evaluation.py.
.venv/.peers: $(READY) tests/peers.lock
	@$(PIP) --require-hashes --no-deps --no-build-isolation -r tests/peers.lock
	@touch $@

# A checkout that was moved has a .venv that still points to the old place.
ifneq "$(shell cat $(READY) 2>/dev/null)" "$(shell pwd)"
$(READY): moved
endif

# Chromium for the browser tests, and what Playwright's driver (node) links to.
BROWSER := chromium libatomic1
browser: $(READY)
	@if [ -x "$${MURAGAT_CHROMIUM:-/usr/bin/chromium}" ] && .venv/bin/python -m playwright --version >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing $(BROWSER) for the browser tests (about a minute) …"; \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get -q update; apt-get -qy install --no-install-recommends $(BROWSER); } >.venv/browser.log 2>&1 || \
			echo "That failed, so the browser tests are skipped; .venv/browser.log says why"; \
	else echo "No browser, so its tests are skipped: apt-get install $(BROWSER), or set MURAGAT_CHROMIUM"; fi

# wget's WARC of the demo site is held against ours (tests/test_compatibility.py).
wget: $(READY)
	@if command -v wget >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing wget for the tests that compare with it …"; \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get -q update; apt-get -qy install --no-install-recommends wget; } >.venv/wget.log 2>&1 || \
			echo "That failed, so those tests are skipped; .venv/wget.log says why"; \
	else echo "No wget, so the tests that compare with it are skipped: apt-get install wget"; fi
