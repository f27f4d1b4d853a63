# make demo: log in to nothing, against a stand-in for authentik.
# make test: format, lints, all tests.
# make module: the release .so alone.

SHELL := /bin/bash
CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: all module demo test clean

all: module

module:
	@scripts/require toolchain build </dev/null
	@scripts/module </dev/null

# Nothing before the login reads standard input: the answers may be in it.
demo:
	@scripts/require toolchain build </dev/null
	@scripts/module </dev/null
	@$(CARGO) build --quiet --locked -p pam-harness --bin demo </dev/null
	@FLOW="$(FLOW)" LOGIN="$(LOGIN)" scripts/run-demo

test:
	@scripts/require toolchain build test </dev/null
	@scripts/test </dev/null

clean:
	$(CARGO) clean
