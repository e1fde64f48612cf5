# `make` lists the targets. Everything runs in .venv, with the packages pinned in requirements.txt.

PYTHON ?= python3
PORT   ?= 8000

# Scripts are called through this interpreter, so a moved folder or a path with spaces does no harm.
PY    := .venv/bin/python
STAMP := .venv/.installed

# Another environment's settings must not leak into this one.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONOPTIMIZE SPHINXOPTS MPLBACKEND MATPLOTLIBRC
unexport PIP_TARGET PIP_PREFIX PIP_ROOT
# Nor what a user's pip.conf says of where and whether to install; where to fetch from, a mirror, stays theirs.
export PIP_USER := 0
export PIP_DRY_RUN := 0
export PIP_NO_DEPS := 0
export PIP_REQUIRE_HASHES := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP := sh .ci/pip
# Notebooks that are stored or compared run without start-up files and settings of a user's IPython and Jupyter, in one
# language and one time zone.
SETTINGS := $(CURDIR)/_build/settings
PLAIN := env -u JUPYTER_PATH -u JUPYTER_CONFIG_PATH -u LANGUAGE IPYTHONDIR="$(SETTINGS)" JUPYTER_CONFIG_DIR="$(SETTINGS)" \
         JUPYTER_PREFER_ENV_PATH=1 LC_ALL=C.UTF-8 TZ=UTC

.PHONY: help env book pdf test test-fast lint lab execute sweep sweep-full sweep-why own-data bench port serve clean distclean \
        test-whole fuzz mistakes student grade mutants coverage test-bare test-portable test-kills audit licences sbom package reproducible

help:
	@echo "make book       build the book and say where to open it"
	@echo "make pdf        build the book with a PDF of it, which every page links to (needs Chromium)"
	@echo "make test       build the book, run the tests, also in a browser, re-execute the notebooks and compare their outputs"
	@echo "make test-fast  check the style and run the library's own tests: a minute at most, for who is changing a line"
	@echo "make lint       check the style of the code, by the rules in pyproject.toml"
	@echo "make lab        open the notebooks in JupyterLab"
	@echo "make execute    run the notebooks, with the report's runs trained again, and store their outputs and widgets"
	@echo "make sweep      train the runs that the widgets show and the verdicts stand on, those that are missing (from nothing: about 70 minutes)"
	@echo "make sweep-full train what chapter 5 asks beyond the claims too; it says how many hours that takes"
	@echo "make sweep-why  train the open claims on fresh seeds, and what else asks why; it says how many hours that takes"
	@echo "make own-data   train the claims on scikit-learn's small digits, those runs that are missing (from nothing: about 9 minutes)"
	@echo "make bench      measure mlplib beside JAX, PyTorch and scikit-learn, for the page on speed (forty-five minutes)"
	@echo "make serve      build the book and serve it at http://127.0.0.1:$(PORT)/ (another port: PORT=8080)"
	@echo "make env        only install the packages into .venv"
	@echo "make test-whole run all notebooks in a browser, open them in JupyterLab, and train more of the verdicts' runs again, than make test does"
	@echo "make fuzz       try all cases of bad input and more than 100,000 damaged files, and say how many"
	@echo "make mistakes   make each mistake that the exercise notebook knows, and print which one it is taken for"
	@echo "make student    make the student version of the exercise notebook from notebooks/solutions/, with nbgrader"
	@echo "make grade      grade a folder of hand-ins of the exercise notebook: HANDINS=FOLDER, and OPTIONS=--help for more"
	@echo "make test-bare  run the two commands of the README on a bare machine of today, made by debootstrap (needs root; an hour)"
	@echo "make test-portable  run the notebooks and the first steps on other processors' code paths (half an hour)"
	@echo "make mutants    change the code of the core bit by bit, and see whether a test notices (long)"
	@echo "make coverage   say how much of the library the tests run, branches included"
	@echo "make test-kills kill sweeps, the writing of archives and builds of the book at every moment, and go on (long)"
	@echo "make audit      look the pinned packages up in the lists of known faults (needs a network)"
	@echo "make licences   list the licences of all installed packages"
	@echo "make sbom       write the list of all parts, _build/sbom.json (CycloneDX)"
	@echo "make package    build the library's wheel and source archive into _build/dist"
	@echo "make reproducible  build the book of this commit twice, as two strangers would, and compare every byte"
	@echo "make clean      remove what was built and all caches; .venv stays"
	@echo "make distclean  make clean, and remove .venv too"
	@echo
	@echo "Python 3.11 to 3.15 is needed; a newer one is tried, with a warning. To name one: make book PYTHON=/path/to/python3.12"

env: $(STAMP)

# Every check comes before anything is created, and says what to do.
$(STAMP): requirements.txt requirements.in pyproject.toml
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
	  echo "Python 3.11 or newer is needed, but '$(PYTHON)' was not found. Install it, or name one: make book PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' 2>/dev/null || { \
	  found=`"$(PYTHON)" -c 'import sys; print("Python %d.%d.%d" % sys.version_info[:3])' 2>/dev/null || echo "a program that does not start"`; \
	  echo "Python 3.11 or newer is needed, but '$(PYTHON)' is $$found. Name another one: make book PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] > (3, 15))' || \
	  echo "Warning: '$(PYTHON)' is newer than Python 3.15; going on with it. If a package cannot be installed, name an older one: make book PYTHON=/path/to/python3.12" >&2
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's modules venv and ensurepip are needed, but '$(PYTHON)' lacks them. Install them (Debian and Ubuntu: apt install python3-venv), or name another Python: make book PYTHON=/path/to/python3.12" >&2; exit 1; }
	@if $(PY) -m pip --version >/dev/null 2>&1; then \
	  echo "The list of packages changed: bringing .venv up to date ..."; \
	else \
	  echo "Installing the pinned packages into .venv (once; one to three minutes) ..."; \
	  rm -rf .venv; "$(PYTHON)" -m venv .venv; \
	fi
	@$(PIP) $(PY) install --quiet --require-hashes -r requirements.txt
	@$(PIP) $(PY) install --quiet --no-deps --no-index --no-build-isolation -e .
	@touch $(STAMP)

book: $(STAMP)
	@$(PY) book/build.py

pdf: $(STAMP)
	@$(PY) book/build.py --pdf

NBVAL = --nbval --nbval-current-env

# All parts run even if one fails, so that one run shows everything. Three go on beside each other, and what two of them
# said is shown after the third: the browser, all other tests, and, with what both leave of the processors, the report's
# forty runs. Those are trained once: the notebooks are compared with the same runs, and never with those of the store in
# the package. With so much side by side, several threads for one product would only wait for each other.
test: book
	@export OPENBLAS_NUM_THREADS=1; failed=0; rm -rf _build/runs "$(SETTINGS)"; trap 'trap - TERM; kill 0' INT TERM; \
	$(PY) -m pytest tests/browser --durations=10 >_build/browser-tests.log 2>&1 & browser=$$!; \
	{ failed=0; \
	  TRAINED_ANEW="$(CURDIR)/_build/runs" nice $(PY) -m pytest tests/test_forty_runs.py || failed=1; \
	  export MLPLIB_RETRAIN="$(CURDIR)/_build/runs" TQDM_DISABLE=1; \
	  $(PLAIN) nice $(PY) -m pytest $(NBVAL) notebooks/[1-3]*.ipynb >_build/cells.log 2>&1 & cells=$$!; \
	  $(PLAIN) nice $(PY) -m pytest $(NBVAL) notebooks/[!1-3]*.ipynb notebooks/exercises/*.ipynb || failed=1; \
	  wait $$cells || failed=1; cat _build/cells.log; exit $$failed; } >_build/forty-runs.log 2>&1 & forty=$$!; \
	$(PY) -m pytest --deselect=tests/test_forty_runs.py --durations=15 || failed=1; \
	echo "The report's forty runs, and the notebooks with them ..."; wait $$forty || failed=1; cat _build/forty-runs.log; \
	echo "The tests in the browser ..."; wait $$browser || failed=1; cat _build/browser-tests.log; \
	exit $$failed

# What is left out where a line is being changed, beside what is marked slow: what needs the built book or the notebooks,
# what starts programs and workers, campaigns, what reads all stored runs, and what draws. Two halves go on beside each other, and
# what the second said is shown after the first.
LONG := $(patsubst %,tests/test_%.py,author_year barcodes benchmarks build cluster content_security copies digit_network downloads execute \
          exercises findings forty_runs full_disk fuzz kills lite makefile notebooks package packaged page_heads pdf plotting port \
          recipe reproducible store stored_stops style sweeps widget_state without_browser) \
        $(patsubst %,tests/evidence/test_%.py,all_findings claim_recipe figures main mechanisms open_claims other_data own_report plans stored) \
        $(patsubst %,tests/practice/test_%.py,grading handins mistakes_table student way_back way_forward) \
        $(patsubst %,tests/widgets/test_%.py,bench bowls explorers film spectra)
FIRST := $(filter-out $(LONG),$(wildcard tests/test_[a-c]*.py tests/evidence/test_*.py tests/practice/test_*.py \
           tests/widgets/test_*.py))
SECOND := $(filter-out $(LONG),$(wildcard tests/test_[d-z]*.py))
FAST = $(PY) -m pytest -q -m "not slow"
test-fast: lint
	@export OPENBLAS_NUM_THREADS=1; failed=0; mkdir -p _build; trap 'trap - TERM; kill 0' INT TERM; \
	$(FAST) $(SECOND) >_build/fast-tests.log 2>&1 & second=$$!; \
	$(FAST) $(FIRST) || failed=1; wait $$second || failed=1; cat _build/fast-tests.log; exit $$failed

# The whole of what is tried a little of in every test.
test-whole: book
	$(PY) -m pytest --whole tests/browser/test_live.py tests/browser/test_jupyterlab.py tests/evidence/test_stored.py

fuzz: $(STAMP)
	$(PY) -m pytest --whole tests/test_bad_input.py tests/test_fuzz.py

mistakes: $(STAMP)
	@$(PY) -m mlplib.practice mistakes

# The folder comes through the environment, whatever is written in it; OPTIONS='--points "gradient check=0"' are more words.
grade: export HANDINS := $(HANDINS)
grade: $(STAMP)
	@$(PY) -m mlplib.practice grade "$${HANDINS:?name the folder of hand-ins: make grade HANDINS=FOLDER}" $(OPTIONS)

lint: $(STAMP)
	$(PY) -m ruff check
	.venv/bin/zizmor --offline --quiet .github

lab: $(STAMP)
	$(PY) -m jupyterlab --config=book/jupyter_lab_config.py

# No runs from the store, and no progress bars: they would be stored.
execute: $(STAMP)
	@rm -rf "$(SETTINGS)"
	$(PLAIN) MLPLIB_RETRAIN=1 TQDM_DISABLE=1 $(PY) book/execute.py

sweep: $(STAMP)
	$(PY) -m mlplib.evidence

sweep-full: $(STAMP)
	$(PY) -m mlplib.evidence --full

sweep-why: $(STAMP)
	$(PY) -m mlplib.evidence --why

# scikit-learn brings the digits; it is no part of the project's packages, and moves none of them.
own-data: $(STAMP)
	@mkdir -p _build && $(PY) -m pip freeze --exclude-editable >_build/installed.txt
	@$(PY) -c 'import sys, importlib.util as u; sys.exit(u.find_spec("sklearn") is None)' || \
	  $(PIP) $(PY) install --quiet -c _build/installed.txt scikit-learn
	$(PY) -m mlplib.evidence --own-data

# Each library by itself: one that cannot be installed is reported as missing, and the others are still measured.
# None moves a package that is pinned.
bench: $(STAMP)
	@mkdir -p _build && $(PY) -m pip freeze --exclude-editable >_build/installed.txt
	@grep -v '^ *\(#\|$$\)' benchmarks/requirements.txt | while read -r package; do \
	  $(PIP) $(PY) install --quiet -c _build/installed.txt "$$package" || echo "$$package could not be installed; going on without it." >&2; \
	done
	$(PY) -m benchmarks

# The port is tried before the book is built for it. It comes through the environment, whatever is written in it.
port serve: export PORT := $(PORT)
port: $(STAMP)
	@$(PY) book/port.py "$$PORT"

serve: port book
	@$(PY) book/port.py "$$PORT" _build/html

clean:
	rm -rf _build .pytest_cache .hypothesis build mlplib.egg-info
	find . -name .venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints -o -name .pytest_cache \) -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv

# ---- other machines, and what the project is made of

test-bare:
	bash .ci/bare

# What tests/test_kills.py does in small in every `make test`.
test-kills: $(STAMP)
	$(PY) -m pytest tests/test_kills.py --whole

test-portable: $(STAMP)
	bash .ci/portable

# Without the tests that train for long.
coverage: book
	@mkdir -p _build
	$(PY) -m coverage run -m pytest -q -m "not slow"
	@$(PY) -m coverage report --skip-covered --show-missing

# In an environment of their own, so that .venv holds what the project itself uses and nothing else.
TOOLS := _build/tools
$(TOOLS)/.installed: .ci/tools.txt $(STAMP)
	@rm -rf $(TOOLS) && mkdir -p _build && $(PY) -m venv $(TOOLS)
	@$(PIP) $(TOOLS)/bin/python install --quiet --require-hashes -r .ci/tools.txt
	@touch $@

# The text by nbgrader, then its outputs: both, or the pair stays as it was.
student: $(TOOLS)/.installed
	@rm -rf "$(SETTINGS)"
	@$(PLAIN) MLPLIB_RETRAIN=1 TQDM_DISABLE=1 $(PY) book/student.py $(TOOLS)/bin/python

# MUTANTS="losses network" tries only these modules; MUTANTS=--again only what survived the last time.
mutants: $(TOOLS)/.installed
	@$(PY) tests/mutants/tried.py $(MUTANTS)

# Strict: a package that could not be looked up is a failure, not a pass.
audit: $(TOOLS)/.installed
	$(TOOLS)/bin/python -m pip_audit --strict --disable-pip --require-hashes -r requirements.txt

licences: $(TOOLS)/.installed
	@$(TOOLS)/bin/python -m piplicenses --python=$(PY) --from=mixed --order=license

sbom: $(TOOLS)/.installed
	@$(TOOLS)/bin/python -m cyclonedx_py environment --pyproject pyproject.toml --output-reproducible -o _build/sbom.json $(PY)
	@echo "_build/sbom.json"

# From a copy of what is committed: a build in the project's folder would take up what lies there.
package: $(STAMP)
	@rm -rf _build/dist _build/source && mkdir -p _build/dist _build/source
	@git archive HEAD | tar -x -C _build/source
	@cd _build/source && "$(CURDIR)/$(PY)" -c 'from setuptools import build_meta as b; b.build_sdist("../dist"); b.build_wheel("../dist")' >../package.log
	@rm -rf _build/source
	@ls _build/dist

# Of what is committed, in two clones that are removed afterwards.
reproducible: $(STAMP)
	@$(PY) book/reproducible.py
