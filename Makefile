# make module: the release .so alone.
# make command: the release build of authentik-flow, which checks and tries it.
# make demo:   try a login, against a stand-in for authentik; FLOW=… and LOGIN=… choose
#              another flow and user, and FLOW=list shows them.
# make quick:  format, lints, unit tests, in seconds.
# make test:   format, lints, all tests, and what was skipped and why;
#              PART=module runs one part in a fraction of the time, and
#              FILTER=outpost its tests with that word in their names.
# make test-live URL=https://… TOKEN_FILE=…: logins against a test instance of authentik,
#              and a table for a bug report; see docs/test-live.md. make test-live-clean
#              removes what a run that was killed has left.
# make bench:  what a login costs, in one table; ROUNDS=5 is quicker, and
#              SECTIONS=… measures in part (see benches/README.md).
# make fleet:  what many hosts do to one server, in ten minutes (root).
# make deb:    the package for Debian and Ubuntu, in target/packages.
# make cross ARCH=arm64: the same for arm64 or armhf, by Debian 12's cross compilers
#              (root, debootstrap, network). It keeps what it has built in target.
# make old-glibc: deb and tarball for glibc 2.28 and newer (RHEL 8, Debian 10), in
#              target/old-glibc; ARCH=amd64, arm64 or armhf (the same, and zig from PyPI).
# make musl:   a tarball for Alpine on amd64, in target/musl (the same).
# make rpm:    the package for Fedora and its relatives.
# make tarball: what is built with its pages, SHA256SUMS and an SBOM.
# make reproducible: builds all of that again from another folder, and compares byte for
#              byte; .ci/run does it, too.
# make repository: a signed apt repository of the packages in target/packages, in
#              target/repository; KEY=FINGERPRINT is the key that signs it.
# make test-repository: fresh Debian systems install and update from such a one, and
#              refuse it where it is damaged (root, debootstrap, network).
# make test-ansible: the Ansible role, by Debian's ansible-core in a fresh Debian 12.
# make test-distros: the deb, and the first login of README.md and docs/, in fresh
#              Debian systems (root, debootstrap, network); ARCH=arm64 or armhf: the deb
#              of `make cross`, in a system of that architecture under qemu.
# make test-old-glibc: the deb of `make old-glibc` in a Debian 11 (glibc 2.31).
# make test-musl: what `make musl` has built, with musl's dynamic linker and a libpam that
#              is built for it, in a Debian 12. It is not Alpine.
# make test-rpm: the rpm in a Debian 13 with rpm and authselect: update, profiles, removal.
# make test-pacman: the package of Arch in a Debian 13 with pacman: update, hook, removal.
# make test-distros-build: the deb built in Debian 13 by its own rustc, and tried.
# make check-packages: shell, manual pages, the deb; rpm and Arch's package are built
#              where their tools are.
# make soak:   what takes too long for that: thousands of logins, and valgrind.
# make break-rules: breaks each rule of SECURITY.md on purpose, and checks that tests go
#              red; WORDS="2- trust" takes the breaks with these in their names.
# make mutants: changes the files that decide in one place at a time, and checks that a
#              test notices; OPTIONS="--re ^src/access.rs" takes one file.
# make fuzz:   each fuzzer for SECONDS (600), see fuzz/README.md.
# make deny:   licences, advisories, bans and sources of all crates.
# make help:   this list.

SHELL := /bin/bash
CARGO ?= cargo

SECONDS ?= 600

.PHONY: all help module command demo quick test soak break-rules mutants fuzz deny bench fleet deb cross old-glibc musl rpm tarball reproducible \
	repository test-repository test-ansible test-distros test-old-glibc test-musl test-rpm test-pacman test-distros-build check-packages clean

all: module

module:
	@scripts/require toolchain build </dev/null
	@scripts/module </dev/null

command:
	@scripts/require toolchain build </dev/null
	@scripts/command </dev/null

# Nothing before the login reads standard input: the answers may be in it. What
# is set on make's command line is in the demo's environment.
demo:
	@scripts/require toolchain build </dev/null
	@scripts/module </dev/null
	@$(CARGO) build --locked -p pam-harness --bin demo </dev/null >&2
	@scripts/run-demo

quick:
	@scripts/require toolchain build test </dev/null
	@scripts/quick </dev/null

test:
ifdef PART
	@scripts/require toolchain build test $(if $(filter recipes hosts,$(PART)),recipes) $(if $(filter module,$(PART)),python) </dev/null
	@scripts/test-part $(PART) $(FILTER) </dev/null
else
	@scripts/require toolchain build test recipes python </dev/null
	@scripts/test </dev/null
endif

help:
	@sed -n '/^# make /,/^$$/s/^# \{0,1\}//p' Makefile

# What is set on make's command line is in the script's environment, and the token leaves
# it there first: no command line of a child has it.
.PHONY: test-live test-live-clean
test-live:
	@scripts/test-live </dev/null

test-live-clean:
	@scripts/test-live clean </dev/null

soak:
	@scripts/require toolchain build test </dev/null
	@scripts/soak </dev/null

break-rules:
	@scripts/require toolchain build test </dev/null
	@scripts/break-rules $(WORDS) </dev/null

mutants:
	@scripts/require toolchain build test </dev/null
	@scripts/mutants $(OPTIONS) </dev/null

fuzz:
	@scripts/require toolchain build </dev/null
	@scripts/fuzz $(SECONDS) $(TARGETS) </dev/null

deny:
	@scripts/require toolchain </dev/null
	@scripts/deny </dev/null

bench:
	@scripts/require toolchain build </dev/null
	@scripts/bench </dev/null

fleet:
	@scripts/require toolchain build </dev/null
	@scripts/fleet </dev/null

# What goes into every package.
.PHONY: packaged
packaged: module command

deb: packaged
	@scripts/require deb </dev/null
	@packaging/deb/build </dev/null

cross:
	@scripts/require toolchain distros </dev/null
	@scripts/cross "$(ARCH)" </dev/null

old-glibc:
	@scripts/require toolchain distros </dev/null
	@GLIBC=2.28 scripts/cross "$(or $(ARCH),amd64)" </dev/null

musl:
	@scripts/require toolchain distros </dev/null
	@LIBC=musl scripts/cross amd64 </dev/null

test-musl: musl
	@scripts/test-musl </dev/null

# In the oldest Debian that its mirrors still have (glibc 2.31).
test-old-glibc: old-glibc
	@GLIBC=2.28 scripts/test-distros </dev/null

rpm:
	@packaging/rpm/build </dev/null

tarball: packaged
	@packaging/tarball </dev/null

reproducible: packaged
	@scripts/require deb </dev/null
	@scripts/reproducible </dev/null

# Takes what `make deb` has made, here or elsewhere.
repository:
	@scripts/require repository </dev/null
	@scripts/repository "$(KEY)" </dev/null

test-repository: deb
	@scripts/require repository distros </dev/null
	@scripts/test-repository </dev/null

test-ansible: deb
	@scripts/require repository distros </dev/null
	@scripts/test-ansible </dev/null

test-distros: $(if $(filter arm64 armhf,$(ARCH)),cross,deb)
	@scripts/require distros </dev/null
	@scripts/test-distros </dev/null

test-rpm: packaged
	@scripts/require distros </dev/null
	@scripts/test-rpm </dev/null

test-pacman: packaged
	@scripts/require distros </dev/null
	@scripts/test-pacman </dev/null

test-distros-build:
	@scripts/require toolchain build distros </dev/null
	@scripts/test-distros-build </dev/null

check-packages: deb
	@scripts/require checks </dev/null
	@scripts/check-packages </dev/null

clean:
	$(CARGO) clean
