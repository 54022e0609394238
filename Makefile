# trimaran: `make demo` and `make test` are all that a newcomer needs.
# Each installs what is missing first (Debian packages, .venv, the BPF object): see tools/setup.

python := .venv/bin/python

.PHONY: demo test test-long lint bench setup clean

demo: setup
	.venv/bin/trimaran lab demo

test: setup lint
	$(python) -m pytest -q -m "not long"

test-long: setup
	$(python) -m pytest -q -m long

lint: setup
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy
	.venv/bin/lint-imports

bench: setup
	bench/run

setup:
	@tools/setup

clean:
	$(MAKE) --silent -C bpf clean
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +
