# make book       the whole book from nothing: environment, notebooks, pages
# make test       everything that CI runs
# make test-fast  the inner loop: unit tests that take a fraction of a second each
# make test-slow  what CI leaves out (CONTRIBUTING.md says what, and why)
# make test-elsewhere  every test without AVX-512 and beside a busy process
# make notebooks  refresh the committed .ipynb side of every pair from its .md side
# make new-notebook NAME=23_my_question, make new-topology NAME=small_world  from a template
# make bench      timings beside other tools, into results/benchmarks.json (about forty minutes)
# make models     train the shipped models that are missing; retrain=1 trains and compares all
# make results    the long studies behind the report card, into results/ (about twenty hours on two cores)
# make fuzz       random input, other at each call and twenty times what make test tries
# make audit      ask whether a weakness of a package in requirements.lock is known
# make lock       bring requirements.lock up to the ranges of pyproject.toml
# make clean      remove what was built; environment and cache stay

SHELL := /bin/bash
BIN := .venv/bin
READY := .venv/.ready
FILLED := _build/.filled
LIBRARY := $(shell find lgl_core studies -name "*.py" -o -name "*.mplstyle")
MODELS := $(wildcard results/models/*)
NOTEBOOKS := $(sort $(basename $(notdir $(wildcard notebooks/[0-9]*.md))))
EXECUTED := $(NOTEBOOKS:%=_build/executed/%.ipynb)
STATUS := 90_status
PAGES := _config.yml _toc.yml $(wildcard book/*.md book/*.bib book/_static/* book/_ext/*.py sweeps/*.yml \
	results/explorer*)

# Notebooks that are executed at once, and processes of tests: one per core.
cores := $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
AT_ONCE := $(MAKE) --no-print-directory --jobs=$(cores)
PYTEST := $(BIN)/pytest --numprocesses=$(cores)
NBVAL := $(PYTEST) --dist=loadfile --nbval --nbval-current-env notebooks
# Threads that have nothing to do sleep: by default they spin, and several processes side by side
# would mostly wait for each other. Tests need one thread each.
export OMP_WAIT_POLICY := passive
export OPENBLAS_THREAD_TIMEOUT := 4
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: book test test-unit test-notebooks test-book test-fast test-slow test-elsewhere check \
	models bench results notebooks render lock audit fuzz clean environment \
	new-notebook new-topology
.DELETE_ON_ERROR:

book: $(FILLED)
	@$(AT_ONCE) _build/html/index.html
	@echo "The book is at $(CURDIR)/_build/html/index.html"

test: check test-unit test-notebooks test-book

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test-unit: $(READY)
	$(ONE_THREAD) $(PYTEST) -m "not weekly" --durations=15 tests --ignore tests/test_book.py

test-notebooks: $(FILLED)
	$(NBVAL)

test-book: $(READY)
	$(BIN)/pytest tests/test_book.py

test-fast: $(READY)
	$(ONE_THREAD) $(PYTEST) -x -q -m "not slow and not weekly" tests

test-slow: $(READY)
	$(ONE_THREAD) $(PYTEST) -m weekly --durations=15 tests

# times: how many times what `make test` tries, as in `make fuzz times=200`.
times := 20
fuzz: $(READY)
	LGL_FUZZ=$(times) $(ONE_THREAD) $(PYTEST) tests/test_fuzz.py tests/test_fuzz_files.py

# Every test as on an older laptop that is busy: without AVX-512, and on each core a second process.
test-elsewhere: $(READY)
	@trap 'kill $$(jobs -p)' EXIT; for core in $$(seq $(cores)); do while :; do :; done & done; \
	export OPENBLAS_CORETYPE=Haswell ATEN_CPU_CAPABILITY=avx2 NUMBA_CPU_NAME=haswell \
	    MKL_ENABLE_INSTRUCTIONS=AVX2 ONEDNN_MAX_CPU_ISA=AVX2 \
	    NPY_DISABLE_CPU_FEATURES="AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"; \
	$(ONE_THREAD) $(PYTEST) --durations=15 tests --ignore tests/test_book.py \
	    && $(NBVAL)

# retrain=1 trains all of them on this machine and says how far each is from the shipped one;
# replace=1 as well keeps the new ones. names: a few of them, as in `make models names=rotary`.
models: $(READY)
	$(BIN)/lgl models $(names) $(if $(retrain),--retrain) \
	    $(if $(replace),--replace)

# What several notebooks need is computed once, before they start side by side.
$(FILLED): $(LIBRARY) $(MODELS) $(READY)
	$(BIN)/lgl run
	@mkdir -p $(@D) && touch $@

# The tools that we are compared with are installed for this alone. jobs: a few of them by name, as in
# `make bench jobs="lif glm"`.
bench: .venv/.ready-bench
	$(BIN)/lgl bench $(jobs)

# What was finished before an interruption comes from the cache. studies: a few of them by name, as
# in `make results studies="seeds nulls"`.
results: $(READY)
	$(BIN)/lgl study $(studies)
	$(BIN)/lgl card
	$(BIN)/python -m studies.still_figures

# --- environment -------------------------------------------------------------------------------

environment: $(READY)

# pyenv and its like put a python3.11 on the path that may not run, hence the try.
PYTHON = $(shell for python in python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 is needed and was not found on the PATH."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make a virtual \
	environment: install the package python3.11-venv (Debian, Ubuntu) and try again."; exit 1; }
	$(PYTHON) -m venv .venv

$(READY): requirements.lock requirements-cpu.lock pyproject.toml | $(BIN)/python
	$(call install,setuptools)
	$(call install,--editable '$(ALL_BUT_TOOLS)')
	$(PIP) --no-deps --editable .
	@touch $@

# NEST is built from its source where it has no wheel.
.venv/.ready-bench: private WHEELS :=
.venv/.ready-bench: $(READY)
	$(call install,--editable '.[bench]')
	@touch $@

.venv/.ready-audit: $(READY)
	$(call install,--editable '.[audit]')
	@touch $@

# Only what the lock files name, and only files with the hashes that they state. Which packages this
# machine needs is asked first, since the lists are of all machines. Wheels alone: a source would be
# built, with whatever it likes, before its hash was looked at.
ALL_BUT_TOOLS := .[book,data,cluster,test,dev]
PIP = $(BIN)/python -m pip install --quiet --no-build-isolation
WHEELS := --only-binary=:all:
define install
@echo "asking which files this machine needs, then fetching them: minutes, some GB"
sed -E '/^ +--hash/d; s/ \\$$//' requirements.lock > .venv/pins.txt
$(PIP) $(WHEELS) --constraint .venv/pins.txt --dry-run --report .venv/report.json $(1)
$(BIN)/python .ci/with_hashes.py .venv/report.json requirements.lock requirements-cpu.lock \
    > .venv/hashed.txt
$(PIP) $(WHEELS) --no-deps --require-hashes --requirement .venv/hashed.txt
endef

$(BIN)/uv: | $(BIN)/python
	$(call install,uv)

# Versions that still fit stay. requirements-cpu.lock is kept by hand (CONTRIBUTING.md).
OURS := python_full_version < '3.12'
ANYWHERE := $(OURS) and \(sys_platform == 'darwin' or sys_platform == 'linux'\)
lock: $(BIN)/uv
	cp requirements.lock requirements.lock.new
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --universal --python-version 3.11.2 \
	    --fork-strategy fewest --generate-hashes --no-annotate --no-header -o requirements.lock.new
	{ sed '/^[^#]/,$$d' requirements.lock; sed -E "s/ ; $(ANYWHERE) / /; s/; $(OURS) and /; /" requirements.lock.new; } \
	    > .venv/requirements.lock
	mv .venv/requirements.lock requirements.lock && rm requirements.lock.new

audit: .venv/.ready-audit
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

# --- notebooks ---------------------------------------------------------------------------------

COMMITTED := $(NOTEBOOKS:%=notebooks/%.ipynb)

notebooks: $(FILLED)
	@$(AT_ONCE) --always-make --assume-old=$(FILLED) --assume-old=$(READY) committed

.PHONY: committed
committed: $(COMMITTED)

notebooks/%.ipynb: notebooks/%.md notebooks/execute.py $(FILLED)
	@$(BIN)/python notebooks/execute.py $< $@ --small

_build/executed/%.ipynb: notebooks/%.md notebooks/execute.py $(LIBRARY) $(FILLED)
	@$(BIN)/python notebooks/execute.py $< $@

# The status page reads how long the others took.
_build/executed/$(STATUS).ipynb: $(filter-out %/$(STATUS).ipynb,$(EXECUTED))
notebooks/$(STATUS).ipynb: $(filter-out %/$(STATUS).ipynb,$(COMMITTED))

# Both sides of a page, or a file with its test, where they belong.
new-notebook: $(READY)
	@$(BIN)/python templates/new.py notebook "$(NAME)"

new-topology: $(READY)
	@$(BIN)/python templates/new.py topology "$(NAME)"

# --- pages -------------------------------------------------------------------------------------

_build/html/index.html: $(EXECUTED) $(PAGES)
	$(MAKE) render

# Renders the notebooks of one folder: `make render from=notebooks to=/tmp/elsewhere`.
# Pages are staged beside each other, since the book may show notebooks executed elsewhere, and
# always rendered anew, since Sphinx repeats no warning about a page that it has seen before.
from := _build/executed
to := .

# By itself Sphinx takes Ctrl-C for a module that cannot be imported, and goes on.
JUPYTER_BOOK := $(BIN)/python -c "from lgl_core import command; command.listen(); \
    from jupyter_book.cli.main import main; command.run(main, 'Executed pages are kept')"

render: $(READY)
	rm -rf $(to)/_build/source $(to)/_build/html $(to)/_build/.doctrees
	mkdir -p $(to)/_build/source/notebooks $(to)/_build/source/sweeps
	cp -R _config.yml _toc.yml book $(to)/_build/source/
	cp sweeps/*.yml $(to)/_build/source/sweeps/
	cp $(from)/*.ipynb $(to)/_build/source/notebooks/
	$(JUPYTER_BOOK) build $(to)/_build/source --path-output $(to) -W -n --keep-going

clean:
	rm -rf _build
