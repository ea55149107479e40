# `make demo` and `make test` need nothing but Python (3.11 or newer) and make: they build .venv themselves.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
# The tests run in so many processes, each file in one of them.
WORKERS ?= 2
KILLS ?= 500
EXAMPLES ?= 1000
TESTS ?=
SEED ?= 1
VERBS ?= every
# Of the benchmarks: rows to run (all if empty), rounds that count, part of the full work.
ONLY ?=
ROUNDS ?= 5
SCALE ?= 1
BIN := $(VENV)/bin
# The rooms without I/O: nothing excuses a branch there that no test takes.
PURE := host_allowlist run/run_stats url_candidates download/policy api/status_codes errors events media models naming sanitize proxies redaction retry sources/links sources/note_table parsers/* manifest/* \
	integrity/* gallery/pages gallery/formats gallery/from_manifest \
	archive/index_schema archive/index_search
comma := ,
empty :=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

PURE_FILES := $(subst $(empty) $(empty),$(comma),$(foreach room,$(PURE),xharchive/$(room).py))

.NOTPARALLEL:
.PHONY: bench bench-tools demo test test-quick test-tools fuzz soak power-loss hostile screenshots check format lint types coverage wheel clean help

help:
	@echo "make demo      try xharchive against a local server: no token, no network"
	@echo "make test      run the tests (WORKERS=2 processes); those that need a missing program are skipped"
	@echo "make test-quick  run the unit tests and one whole run: under three minutes"
	@echo "make test-tools  run the tests that need ffmpeg, exiftool, openssl, strace or Chromium; all must be there"
	@echo "make fuzz      run the property tests with new random examples (EXAMPLES=1000 TESTS=words of their names)"
	@echo "make power-loss  replay every state that a power cut may leave (minutes; needs strace)"
	@echo "make hostile   run every verb over every prepared archive: an hour in full (VERBS=get,gallery: these verbs;"
	@echo "               VERBS= (empty): forty archives with every verb, the others with one)"
	@echo "make screenshots  take the README's pictures of the demo archive's gallery (needs Chromium)"
	@echo "make check     format, lint, strict types, tests, the coverage gate"
	@echo "make soak      kill archives at random moments (KILLS=500 SEED=1): some ten minutes"
	@echo "make bench     measure against other tools (ONLY=mixed,small ROUNDS=5 SCALE=1 WRITE=yes): hours in full"
	@echo "make bench-tools  install those tools, or say what is missing"
	@echo "make format    rewrite the sources in the house's format"
	@echo "make wheel     build a wheel into dist/"

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "xharchive needs Python 3.11 or newer; name it: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run
	@$(BIN)/xharchive demo

# Tracing doubles the time of a test, so faults run without: unit and integration tests alone must cover the code.
test: $(VENV)/.dev
	$(BIN)/python -m compileall -q xharchive
	$(BIN)/python -m pytest -q --durations=15 -n $(WORKERS) --dist loadfile --cov --cov-report= \
		--ignore tests/faults --ignore tests/browser
	XHARCHIVE_HOSTILE=few $(BIN)/python -m pytest -q --durations=15 -n $(WORKERS) --dist loadfile tests/faults tests/browser

test-quick: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m 'not slow' tests/unit tests/test_architecture.py tests/test_references.py \
		tests/test_archive_door.py tests/integration/test_demo_command.py

# What the tests above skip where a program is missing; here it fails.
test-tools: $(VENV)/.dev
	XHARCHIVE_REQUIRE_TOOLS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m needs \
		--cov --cov-append --cov-report=

# Only what has no number of examples of its own gets more of them.
fuzz: $(VENV)/.dev
	XHARCHIVE_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -k '$(TESTS)' tests/unit

soak: $(VENV)/.dev
	$(BIN)/python tests/soak.py --kills $(KILLS) --seed $(SEED)

power-loss: $(VENV)/.dev
	XHARCHIVE_POWER_LOSS=every $(BIN)/python -m pytest -q tests/faults/test_power_loss.py \
		tests/faults/test_power_loss_in_the_gallery.py

hostile: $(VENV)/.dev
	XHARCHIVE_HOSTILE=$(VERBS) $(BIN)/python -m pytest -q -n $(WORKERS) tests/faults/test_hostile_*.py

screenshots: $(VENV)/.dev
	XHARCHIVE_REQUIRE_TOOLS=1 XHARCHIVE_SCREENSHOTS=docs/pictures $(BIN)/python -m pytest -q tests/browser/test_demo_archive.py

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks --only "$(ONLY)" --rounds $(ROUNDS) --scale $(SCALE) $(if $(WRITE),--write)

bench-tools: $(VENV)/.dev
	$(BIN)/python -m benchmarks.installing

check: lint types test coverage

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

# Of the last run of the tests.
coverage: $(VENV)/.dev
	$(BIN)/coverage report
	$(BIN)/coverage report --fail-under=100 --include="$(PURE_FILES)"

wheel: $(VENV)/.dev
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) .bench-tools .bench dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-archive
