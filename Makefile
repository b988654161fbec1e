# `make` alone lists the targets. PYTHON=/path/to/python overrides the choice of
# interpreter; ARGS="..." is handed on to the command of the target.

VERSIONS := 3.11 3.13 3.12 3.14
PACKAGES := spiking_lmu networks hardware experiments
CHECKED := $(wildcard $(PACKAGES) tests benchmarks examples docs)
BIN := .venv/bin
PYTEST := pytest --quiet --numprocesses=logical --maxprocesses=8 --dist=worksteal
# what the suite tests without whole runs: for other stacks and for the wheel
UNITS := --ignore=tests/integration -m "not slow"

export PYTHON
# One thread for each process; the processes share the cores.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
# tensorflow reports errors only
export TF_CPP_MIN_LOG_LEVEL := 2
# everything makes its own environment: an active one must not leak into it
unexport PYTHONPATH PYTHONHOME
# the many processes of the suite load bytecode that the first of them has written
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help environment precision test lint types coverage docs bench matrix oldest \
	newest preview nengo-suite loihi-suite peers peers-files peers-gui peers-keras \
	peers-neurobench peers-nir wheel clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1@/p' Makefile | awk -F@ '{printf "  make %-12s %s\n", $$1, $$2}'

environment: ## create .venv and install everything (all other targets do)
	@.ci/venv .venv "$(VERSIONS)" --editable ".[all]"

precision: environment ## measure precision against neurons; ends with the report's path
	@$(BIN)/spiking-lmu precision $(ARGS)

test: environment ## run the whole test suite
	@$(BIN)/$(PYTEST) $(ARGS)

lint: environment types ## check style, formatting and types
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/ruff format --check $(CHECKED)

# mypy follows folders, not setup.cfg, so it gets the package as it is once installed.
types: environment
	@rm -rf build/types && mkdir -p build/types/spiking_lmu
	@ln -s $(CURDIR)/spiking_lmu/* $(foreach p,$(filter-out spiking_lmu,$(PACKAGES)),$(CURDIR)/$(p)) \
		build/types/spiking_lmu/
	@cd build/types && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/setup.cfg \
		--cache-dir $(CURDIR)/.mypy_cache --package spiking_lmu

coverage: environment ## run the suite, and fail where it covers under 95 %
	@$(BIN)/coverage erase
	@$(BIN)/$(PYTEST) $(addprefix --cov=,$(PACKAGES)) --cov-report=term-missing:skip-covered \
		--cov-fail-under=95 $(ARGS)

# Warnings are errors. Pages that have not changed are taken from the build before; after a
# change of code, `rm -r build/docs` has their notebooks run again.
docs: environment ## build the documentation site, whose notebooks run, in build/docs
	@rm -rf docs/reference
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --jobs auto \
		--doctree-dir build/docs/.doctrees docs build/docs $(ARGS)
	@echo "build/docs/index.html"

bench: environment ## run the benchmarks
	@set -e; for file in benchmarks/*.py; do echo "$$file"; $(BIN)/python $$file; done

matrix: oldest newest preview ## the unit tests on the oldest and the newest stacks

# Exit status 3 of .ci/venv: this machine lacks the interpreter. STRICT=1: that is an error.
without = { status=$$?; test $$status = 3 && test -z "$(STRICT)" || exit $$status; \
	echo "SKIPPED: $@ needs Python $(1), which is not here"; exit 0; }

oldest: override PYTHON :=
oldest:
	@.ci/venv build/oldest 3.11 --editable ".[all]" "nengo==4.1.0" "numpy==1.26.*" \
		"scipy==1.11.*" "pandas==2.1.*" "matplotlib==3.8.*" "joblib==1.4.*" \
		"numba==0.60.*" "tensorflow==2.16.*" "tf_keras==2.16.*" || $(call without,3.11); \
	build/oldest/bin/$(PYTEST) $(UNITS) $(ARGS)

# with the release candidate of TensorFlow that Python 3.14 needs
newest preview: override PYTHON :=
newest: version := 3.13
preview: version := 3.14
newest preview:
	@.ci/venv build/$@ $(version) --editable ".[all]" "numpy>=2" \
		|| $(call without,$(version)); \
	build/$@/bin/$(PYTEST) $(UNITS) $(ARGS)

# Nengo 4.1 hooks into pytest in a way that pytest 9 rejects, and one of its tests loads
# every backend that is installed: hence an environment of its own. From the root of
# site-packages the tests have the names, and so the seeds, that they have for Nengo.
# With numpy 2.4, one test of Nengo fails on any simulator: it sets a number to an array.
nengo-suite: ## run Nengo's own tests on our simulator
	@.ci/venv build/nengo-suite "$(VERSIONS)" --editable . "numpy<2.4" "pytest<9" \
		"pytest-allclose>=1" "pytest-plt>=1" "pytest-rng>=1" "scikit-learn>=1.2"
	@cd tests/nengo_suite && python=$(CURDIR)/build/nengo-suite/bin/python && \
		MPLBACKEND=Agg $$python -m pytest --config-file=pytest.ini --rootdir=$$($$python -c \
		"import nengo, pathlib; print(pathlib.Path(nengo.__file__).parents[1])") $(ARGS)

# Again from the root of site-packages. A part of them is in the suite (make test).
loihi-suite: environment ## run all of nengo-loihi's own tests on our simulator
	@cd tests/nengo_loihi_suite && python=$(CURDIR)/$(BIN)/python && MPLBACKEND=Agg $$python \
		-m pytest --config-file=pytest.ini --rootdir=$$($$python -c \
		"import sysconfig; print(sysconfig.get_path('purelib'))") $(ARGS)

peers: peers-files peers-gui peers-keras peers-neurobench peers-nir ## compare with other packages, each in an environment of its own

# aeon reads the files of the archives; mne and pyedflib read recordings, as edfio does.
peers-files:
	@.ci/venv build/peers-files "3.11 3.12 3.13" --editable ".[recordings]" "pytest>=8" \
		"aeon>=1.3" mne pyedflib
	@build/peers-files/bin/python -m pytest -q --confcutdir=tests/peers \
		tests/peers/test_files.py tests/test_recording_packages.py $(ARGS)

# without a browser
peers-gui:
	@.ci/venv build/peers-gui "$(VERSIONS)" --editable ".[loihi]" "pytest>=8" \
		"nengo-gui==0.6.*" "PyWavelets>=1.4"
	@build/peers-gui/bin/python -m pytest -q --confcutdir=tests/peers \
		tests/peers/test_nengo_gui.py $(ARGS)

# keras-lmu 0.6 runs on Keras 2 and needs an older numpy than we do: each version has an
# environment without our package, and runs as a process of the test.
peers-keras: environment
	@PYTHON= .ci/venv build/peers-keras-0.6 "3.11 3.10 3.9" "keras-lmu==0.6.*" "tensorflow==2.12.*"
	@PYTHON= .ci/venv build/peers-keras-0.9 "3.11 3.12 3.13" "keras-lmu==0.9.*" "tensorflow>=2.16"
	@$(BIN)/python -m pytest -q --confcutdir=tests/peers tests/peers/test_keras_lmu.py $(ARGS)

# PyTorch's default package for Linux brings CUDA, several gigabytes; where an index has
# one without, name it: make peers TORCH=torch==2.13.0+cpu. NeuroBench asks for packages
# of data sets that its measures do not need.
TORCH := torch>=2.6
peers-neurobench:
	@.ci/venv build/peers-neurobench "3.11 3.12 3.13" --editable . "pytest>=8" "$(TORCH)" \
		"snntorch==1.0.*"
	@build/peers-neurobench/bin/python -m pip install --quiet --no-deps "neurobench==2.3.*"
	@build/peers-neurobench/bin/python -m pytest -q --confcutdir=tests/peers \
		tests/peers/test_neurobench.py tests/peers/test_neurobench_recurrent.py $(ARGS)

# Norse is a source archive that needs another setuptools to build than .ci/venv installs.
peers-nir:
	@.ci/venv build/peers-nir "3.11 3.12 3.13" --editable ".[nir]" "pytest>=8" "$(TORCH)" \
		torchvision "nirtorch==2.*" "snntorch==1.0.*"
	@build/peers-nir/bin/python -m pip install --quiet "norse==1.1.*" "$(TORCH)"
	@build/peers-nir/bin/python -m pytest -q --confcutdir=tests/peers \
		tests/peers/test_nir.py $(ARGS)

# The sdist, a wheel from that sdist, and the sdist's tests on the installed wheel, in a
# folder that holds no source of the package.
wheel: environment ## build sdist and wheel into dist/, and test the wheel elsewhere
	@rm -rf dist build/wheel && mkdir -p build/wheel
	@$(BIN)/python -m build --outdir dist . >build/wheel/log 2>&1 || { cat build/wheel/log; exit 1; }
	@tar -xzf dist/*.tar.gz -C build/wheel --strip-components=1
	@cd build/wheel && rm -rf $(PACKAGES)
	@.ci/venv build/wheel/venv "$(VERSIONS)" "$$(echo dist/*.whl)[all]"
	@cd build/wheel && venv/bin/$(PYTEST) $(UNITS) $(ARGS)
	@echo "Built and tested: $$(echo dist/*)"

clean: ## remove environments, builds and caches; results stay
	rm -rf .venv build dist docs/reference *.egg-info .coverage* htmlcov .hypothesis .*_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
