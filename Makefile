# trimaran: `make demo` and `make test` are all that a newcomer needs.
# Each installs what is missing first (Debian packages, .venv, the BPF object): see tools/setup.

python := .venv/bin/python

.PHONY: demo test test-long test-interop test-vm test-differential sim lint bench bench-dataplane setup clean fuzz

demo: setup
	.venv/bin/trimaran lab demo

# Files two at a time: most tests wait for a protocol's timers. In the order of their names, so that
# those with few tests, which are slow ones, do not all come last.
test: setup lint
	$(python) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not long and not vm"

test-long: setup
	@tools/setup long
	$(python) -m pytest -q -m long

# Random stories of clusters in simulated time, on all CPUs. A failure names its seed.
sim: setup
	$(python) tests/sim/explore.py --seconds $(seconds)

# VRRP with keepalived as the other one, in every mode, and with FRR.
test-interop: setup
	$(python) -m pytest -q -m "not vm" tests/interop/test_vrrp_keepalived.py tests/interop/test_vrrp_frr.py

# What reads foreign bytes, under atheris. What it finds is kept in build/fuzz.
fuzz: setup
	$(python) tests/fuzz/fuzz.py --seconds $(seconds)

# On Debian's own kernel, which has IPVS, in an emulated machine: first the bench itself, then in
# one boot all of $(vm_tests). Results and the kernel's log are in build/vm.
vm_tests = tests/vm tests/xdp/test_schedulers.py
vm_seconds = 1200
test-vm: vm
	$(python) -m pytest -v tests/net/test_lab_vm.py
	$(python) -m trimaran.lab.vm --timeout $(vm_seconds) --share build/vm \
		$(python) -m pytest -v -o timeout=600 --durations=12 \
		--junitxml build/vm/junit.xml $(vm_tests)

# Random histories on kernel IPVS and on XDP in the VM, seed after seed. A failure names its seed.
seconds = 600
seed = 1000
test-differential: vm
	$(python) -m trimaran.lab.vm --timeout $$(($(seconds) + 600)) --share build/vm \
		env TRIMARAN_DIFFERENTIAL_SECONDS=$(seconds) TRIMARAN_DIFFERENTIAL_SEED=$(seed) \
		$(python) -m pytest -q -s tests/vm/differential

# What the VM needs. It would be slow to compile Python's files itself.
vm:
	@tools/setup vm
	@$(python) -m compileall -q src
	@mkdir -p build/vm

lint: setup
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy
	.venv/bin/lint-imports

bench: setup
	bench/run

# The XDP dataplane beside others, as ratios in one run: docs/performance.md.
bench-dataplane:
	@tools/setup bench
	@tools/setup vm
	$(python) bench/dataplane.py

setup:
	@tools/setup

clean:
	$(MAKE) --silent -C bpf clean
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +
