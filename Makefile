# make demo   restores the example
# make test   runs every test, and says how much of the product they ran
# make lint   checks style, format and types
# make docs   builds the pages in build/docs, and checks their links
# Each sets up what it needs in .venv; PYTHON names the interpreter to start from.

PYTHON ?= python3
BIN := .venv/bin
DESKTOP := xvfb xauth libglib2.0-0 libfontconfig1 libdbus-1-3 libegl1 libgl1 libxkbcommon-x11-0 \
	libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0
# what tests/roll looks at reports with
BROWSER := chromium
# what tests/gimp/make-root.sh needs to build the Debian roots that hold a real GIMP 3
GIMP_ROOT := wget debian-archive-keyring

.PHONY: demo test lint docs

demo: .venv/installed
	@$(BIN)/dsr-core restore examples/scan.tif --mask examples/scan.restored.mask.png --overwrite
	@echo "The restored scan lies at $(CURDIR)/examples/scan.restored.tif,"
	@echo "what was repaired at $(CURDIR)/examples/scan.restored.mask.png."
	@echo "For a scan of your own: $(CURDIR)/$(BIN)/dsr-core restore SCAN"

test: .venv/installed-for-tests
	@sh .ci/packages xvfb-run $(DESKTOP) $(BROWSER) $(GIMP_ROOT)
	xvfb-run -a -s "-screen 0 1600x1000x24" $(BIN)/python -m coverage run -m pytest
	@$(BIN)/python -m coverage combine --quiet
	@echo "The tests ran $$($(BIN)/python -m coverage report --format=total) % of the lines of the product."

lint: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed-for-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

.venv/installed: pyproject.toml | .venv
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/installed-for-tests: pyproject.toml | .venv
	$(BIN)/python -m pip install --quiet --editable '.[train,napari,test]'
	@touch $@ .venv/installed

.venv/installed-for-docs: pyproject.toml | .venv
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "This needs Python 3.11 or later: make PYTHON=...")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh .ci/packages "$(PYTHON) -m ensurepip" python3-venv
	$(PYTHON) -m venv .venv
