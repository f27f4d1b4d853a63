# make module: the release .so alone.
# make demo:   log in to nothing, against a stand-in for authentik;
#              FLOW=… and LOGIN=… choose another flow and user.
# make test:   format, lints, all tests, and what was skipped and why.
# make fuzz:   each fuzzer for SECONDS (600), see fuzz/README.md.
# make deny:   licences, advisories, bans and sources of all crates.

SHELL := /bin/bash
CARGO ?= cargo

SECONDS ?= 600

.PHONY: all module demo test fuzz deny clean

all: module

module:
	@scripts/require toolchain build </dev/null
	@scripts/module </dev/null

# Nothing before the login reads standard input: the answers may be in it. What
# is set on make's command line is in the demo's environment.
demo:
	@scripts/require toolchain build </dev/null
	@scripts/module </dev/null
	@$(CARGO) build --locked -p pam-harness --bin demo </dev/null >&2
	@scripts/run-demo

test:
	@scripts/require toolchain build test </dev/null
	@scripts/test </dev/null

fuzz:
	@scripts/require toolchain build </dev/null
	@scripts/fuzz $(SECONDS) $(TARGETS) </dev/null

deny:
	@scripts/require toolchain </dev/null
	@scripts/deny </dev/null

clean:
	$(CARGO) clean
