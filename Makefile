# Both targets set everything up by themselves, in .venv, from nothing but Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test bench clean

$(VENV)/pip: pyproject.toml
	@echo "Making an environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --upgrade pip
	@touch $@

$(VENV)/demo: $(VENV)/pip
	@echo "Installing the simulator and the official client (about 400 MB)"
	@$(PIP) install --no-compile --editable ".[server]" --group official
	@touch $@

$(VENV)/tox: $(VENV)/pip
	@echo "Installing tox; it makes the environments of the tests (about 1 GB)"
	@$(PIP) install --group tox
	@touch $@

# The documentation's script, with xrt_client and then, but for its import, unchanged with the official client.
demo: $(VENV)/demo
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	@echo; echo "1. examples/throttled_campaign.py with xrt_client: 25 sources, in simulated time"
	$(BIN)/xrt-mock run --report json $(DEMO)/report.json -- $(BIN)/python examples/throttled_campaign.py $(DEMO)/xrt_client
	@echo; echo "2. The same script with the official client (swifttools): only the import differs"
	@sed 's/^import xrt_client as xrt_prods/import swifttools.ukssdc.xrt_prods as xrt_prods/' examples/throttled_campaign.py > $(DEMO)/with_swifttools.py
	$(BIN)/xrt-mock run --report json $(DEMO)/report_swifttools.json -- $(BIN)/python $(DEMO)/with_swifttools.py $(DEMO)/swifttools
	@echo; echo "Shown: an unmodified pipeline submitted 25 jobs, never more than 5 at a time, and saved their products."
	@echo "  products   $(DEMO)/xrt_client, $(DEMO)/swifttools"
	@echo "  reports    $(DEMO)/report.json, $(DEMO)/report_swifttools.json"
	@echo "  next       $(BIN)/xrt-mock run -- python your_pipeline.py"

# ARGS: options of pytest, such as ARGS=--random-order-seed=1
test: $(VENV)/tox
	$(BIN)/tox -- $(ARGS)

# What users wait for, beside what is asked; needs wrk (apt-get install wrk) and takes about an hour. ARGS: rows, such as ARGS="starts calls"
bench: $(VENV)/pip
	@$(PIP) install --quiet --editable ".[all]" --group dev --group bench
	$(BIN)/python benchmarks/table.py $(ARGS)

clean:
	rm -rf $(VENV) .tox build
