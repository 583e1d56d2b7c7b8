# Everything is built and run by the Node that package-lock.json pins, whatever Node the machine has.
NODE := node_modules/.bin/node
# Whatever starts an Engine starts that of this machine, or ENGINE: one of these, as Debian 12, 13 and sid have it.
engines := 20.10 26 28
ifneq ($(ENGINE),)
another := build/engine-$(ENGINE)/unpacked
export PATH := $(CURDIR)/build/engine-$(ENGINE)/bin:$(PATH)
export ENGINE_PLUGINS := $(CURDIR)/build/engine-$(ENGINE)/cli-plugins
endif

# The launcher for arm64 is compiled and tried on other machines, too.
ifneq ($(shell uname -m),aarch64)
foreign := aarch64-linux-gnu-gcc qemu-aarch64-static
endif

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: demo-packages $(another) plugin cli ## see it work: a throw-away Engine, two containers, their secrets (root, under two minutes)
	@$(NODE) test/kit/engine/with-engine.ts demo/demo

test: test-packages $(another) node_modules/.installed ## run all tests (root); ends with the line "N passed, N failed"
	@$(NODE) test/run.ts

check: node_modules/.installed ## types, lint and the tests without a daemon, in a minute
	@$(NODE) node_modules/oxlint/bin/oxlint
	@$(NODE) node_modules/vitest/vitest.mjs run --project main --no-isolate test/unit

test-one: $(another) node_modules/.installed ## one file: make test-one FILE=test/unit/options.test.ts
	@$(NODE) node_modules/vitest/vitest.mjs run $(FILE)

watch: node_modules/.installed ## tests without an Engine, again whenever a file changes
	@$(NODE) node_modules/vitest/vitest.mjs watch --project main

test-long: test-packages $(another) node_modules/.installed ## the same with every case and full numbers: all power cuts, all moments of all faults
	@LONG_TESTS=1 $(NODE) test/run.ts

test-engines: test-packages $(engines:%=build/engine-%/unpacked) node_modules/.installed ## those with an Engine, on each of 20.10, 26 and 28 (root; hours)
	@failed=; for engine in $(engines); do \
		$(MAKE) --no-print-directory test-engine ENGINE=$$engine || failed="$$failed $$engine"; \
	done; [ -z "$$failed" ] || { echo "FAILED on Engine$$failed"; exit 1; }; echo "passed on Engine $(engines)"

test-engine: test-packages $(another) node_modules/.installed
	@$(NODE) test/run.ts --with-engine

soak: soak-packages $(another) node_modules/.installed ## random operations and faults against a model, for MINUTES=10; SEED=n plays the same again (root)
	@$(NODE) test/soak/run.ts

mutants: node_modules/.installed ## break MUTANTS=30 things at random, by SEED=1, and count what the tests without an Engine notice (root)
	@$(NODE) test/mutants/run.ts

plugin: node_modules/.installed ## build the plugin: build/plugin/config.json and build/plugin/rootfs/
	@$(NODE) rootfs-build/build.ts plugin

cli: node_modules/.installed ## build the Docker CLI plugin: build/docker-vault
	@$(NODE) rootfs-build/build.ts cli

install: rights plugin cli ## put the plugin and "docker vault" into your Engine; again: upgrade it (root)
	@$(NODE) install/install.ts

uninstall: rights node_modules/.installed ## take them out; boxes and key stay unless you say PURGE=1
	@$(NODE) install/uninstall.ts

bench: bench-packages $(another) plugin cli ## measure speed and memory (root)
	@$(NODE) test/bench/run.ts

clean: ## remove what was built
	rm -rf build node_modules

node_modules/.installed: package-lock.json
	@rootfs-build/npm-packages
	@touch $@

# First of all: whoever is not root should not wait for a build to learn so.
rights:
	@[ "$$(id -u)" = 0 ] || { printf 'error: cannot $(MAKECMDGOALS): not root\nhint: try: sudo make $(MAKECMDGOALS)\n' >&2; exit 1; }

build/engine-%/unpacked:
	@test/kit/engine/packages patchelf
	@test/kit/engine/other-engine $* $(@D)

demo-packages:
	@test/kit/engine/packages openssl

test-packages:
	@test/kit/engine/packages docker-compose docker-registry curl strace zsh fish python3 vim nano \
		git my_print_defaults openssl psql ssh-keygen age swtpm $(foreign)

soak-packages bench-packages:
	@test/kit/engine/packages

.PHONY: rights demo-packages test-packages soak-packages bench-packages
.PHONY: help demo check test test-one watch test-long test-engines test-engine soak mutants plugin cli install uninstall bench clean
