# Both targets set everything up by themselves, in .venv, from nothing but Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo

.PHONY: demo test bench clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

# The documentation's script, with xrt_client and then, but for its import, unchanged with the official client.
demo: $(VENV)/installed
	rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BIN)/xrt-mock run --report json $(DEMO)/report.json -- $(BIN)/python examples/throttled_campaign.py $(DEMO)/xrt_client
	sed 's/^import xrt_client as xrt_prods/import swifttools.ukssdc.xrt_prods as xrt_prods/' examples/throttled_campaign.py > $(DEMO)/with_swifttools.py
	$(BIN)/xrt-mock run --report json $(DEMO)/report_swifttools.json -- $(BIN)/python $(DEMO)/with_swifttools.py $(DEMO)/swifttools

test: $(VENV)/installed
	$(BIN)/tox

# Calls beside a bare Flask app and other servers, growth, start, campaigns, the client, products; needs wrk (apt-get install wrk). Figures: docs/reliability.md
bench: $(VENV)/installed
	$(BIN)/python benchmarks/inprocess.py
	$(BIN)/python benchmarks/server.py
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/client.py
	$(BIN)/python benchmarks/products.py

clean:
	rm -rf $(VENV) .tox build
