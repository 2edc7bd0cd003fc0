# make demo       a script that pauses, on a simulated bench
# make check      ruff, mypy and the directions of imports
# make test       each behaviour once, in a random order; SEED=N repeats one
# make test-variants  the same behaviours in further circumstances
# make again      the tests that failed in the last run of any of these, one by one
# make test-slow  repetitions, stress, packages, others' programs: fixed seeds; KILLS, LENDS, ATTEMPTS, CALLS: other sizes
# make fuzz       random search by every property, for SECONDS from SEED on
# make mutants    changes one thing at a time where a bench can be hurt, and prints what no test notices; MODULE=…
# make vsix    the extension for VS Code, as a file to install; VSIX=FILE
# make deb     the Debian package of a box, as dist/lager-box_*.deb
# make bench   measurements; BENCH=--help says what it may be told
# make coverage   what the tests run of the product, its subprocesses included; with a Python of 3.12 or later, since
#                 3.11 has one tracer alone, which interrupts and --pause-on-error disturb
# make stress  people, scripts and faults at random, for SECONDS with SEED

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 4
VSIX ?= dist/lager-bench.vsix

# With it, each of the thousands of processes that the tests start would compile lager anew.
unexport PYTHONDONTWRITEBYTECODE

DEMO_NEEDS = dbus-daemon:dbus-daemon
TEST_NEEDS = $(DEMO_NEEDS) git:git busctl:systemd systemd-nspawn:systemd-container dbus-send:dbus-bin pkcheck:polkitd ssh:openssh-client sshd:openssh-server ip:iproute2 strace:strace zsh:zsh fish:fish lsusb:usbutils

.DELETE_ON_ERROR:
.PHONY: demo test test-variants again test-slow fuzz mutants bench stress coverage check vsix deb clean needs-demo needs-test needs-slow needs-deb

demo: $(VENV)/demo
	$(VENV)/bin/lager python examples/inspect_bench.py

test: $(VENV)/test needs-test
	$(VENV)/bin/pytest -n $(WORKERS) --dist loadgroup -m "not slow and not variant and not check" $(if $(SEED),-p randomly --randomly-seed=$(SEED)) $(TESTS)

test-variants: $(VENV)/test needs-test
	$(VENV)/bin/pytest -n $(WORKERS) --dist loadgroup -m "variant and not slow" $(if $(SEED),-p randomly --randomly-seed=$(SEED)) $(TESTS)

again: $(VENV)/test needs-test
	$(VENV)/bin/pytest -n 1 --dist loadgroup -p no:randomly --last-failed --last-failed-no-failures none

test-slow: $(VENV)/test needs-test needs-slow $(VENV)/node $(VENV)/strangers/ready
	$(VENV)/bin/pytest -n 2 --dist loadgroup -m slow $(if $(SEED),-p randomly --randomly-seed=$(SEED)) $(TESTS)

fuzz: $(VENV)/test needs-test
	$(VENV)/bin/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

mutants: $(VENV)/test
	nice $(VENV)/bin/python -m tests.mutants $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(MODULE)

bench: $(VENV)/test needs-test
	$(VENV)/bin/python -m tests.bench $(BENCH)

coverage: $(VENV)/test needs-test
	$(VENV)/bin/coverage erase
	-$(VENV)/bin/coverage run -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)
	$(VENV)/bin/coverage combine --quiet
	$(VENV)/bin/coverage report

stress: $(VENV)/test needs-test
	$(VENV)/bin/python -m tests.stress $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

check: $(VENV)/test
	$(VENV)/bin/pytest -q tests/unit/house/test_checks.py

vsix:
	@mkdir -p $(dir $(VSIX))
	$(PYTHON) editors/package_vsix.py $(VSIX)

deb: needs-deb
	$(PYTHON) -m package.deb dist

clean:
	rm -rf $(VENV) build dist

# VS Code's own test client for debug adapters.
$(VENV)/node: | $(VENV)/bin/python needs-slow
	npm install --silent --no-audit --no-fund --prefix $@ @vscode/debugadapter-testsupport@1.68.0

# Drivers of other projects, in an environment of their own.
$(VENV)/strangers/ready: tests/strangers/requirements.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)/strangers
	$(VENV)/strangers/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

$(VENV)/demo: pyproject.toml | $(VENV)/bin/python needs-demo
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/test: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/demo

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11. Name a newer one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(call install,python3-venv)
	$(PYTHON) -m venv $(VENV)

needs-demo:
	@$(call need,$(DEMO_NEEDS))

needs-slow: needs-deb
	@$(call need,node:nodejs npm:npm lintian:lintian promtool:prometheus ansible-playbook:ansible-core ansible-lint:ansible-lint /lib/systemd/systemd-journal-upload:systemd-journal-remote chromium:chromium cockpit-bridge:cockpit-bridge)
	@test -e /usr/lib/python3/dist-packages/apt || $(call install,python3-apt)
	@test -e /usr/share/cockpit/shell || $(call install,cockpit-ws cockpit-bridge cockpit-system)

needs-deb:
	@$(call need,lowdown:lowdown dpkg-deb:dpkg)

needs-test:
	@$(call need,$(TEST_NEEDS))

# $(call need,COMMAND:PACKAGE ...): install the packages whose command is not there.
need = missing=""; for pair in $(1); do \
	  PATH="$$PATH:/usr/sbin:/sbin" command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair\#\#*:}"; done; \
	test -z "$$missing" || $(call install,$$missing)

# $(call install,PACKAGE ...): as root install them, else say what to type, and stop.
install = { if [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); \
	else echo "Something is missing here. Install it with: sudo apt-get install -y" $(1); exit 1; fi; }
