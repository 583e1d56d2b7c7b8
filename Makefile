# Everything is built and run by the Node that package-lock.json pins, whatever Node the machine has.
NODE := node_modules/.bin/node

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: demo-packages plugin cli ## see it work: a throw-away Engine, two containers, their secrets (root, under two minutes)
	@$(NODE) test/engine/with-engine.ts demo/demo

test: test-packages node_modules/.installed ## run all tests (root); ends with the line "N passed, N failed"
	@$(NODE) test/run.ts

plugin: node_modules/.installed ## build the plugin: build/plugin/config.json and build/plugin/rootfs/
	@$(NODE) rootfs-build/build.ts plugin

cli: node_modules/.installed ## build the Docker CLI plugin: build/docker-vault
	@$(NODE) rootfs-build/build.ts cli

install: plugin cli ## put the plugin and "docker vault" into your Engine; again: upgrade it (root)
	@$(NODE) install/install.ts

uninstall: node_modules/.installed ## take them out; boxes and key stay unless you say PURGE=1
	@$(NODE) install/uninstall.ts

bench: bench-packages plugin cli ## measure speed and memory (root)
	@$(NODE) test/bench/run.ts

clean: ## remove what was built
	rm -rf build node_modules

node_modules/.installed: package-lock.json
	@rootfs-build/npm-packages
	@touch $@

# First of all: whoever is not root should not wait for a build to learn so.
demo-packages:
	@test/engine/packages openssl

test-packages:
	@test/engine/packages docker-compose docker-registry strace zsh fish

bench-packages:
	@test/engine/packages

.PHONY: demo-packages test-packages bench-packages
.PHONY: help demo test plugin cli install uninstall bench clean
