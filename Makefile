# MailProxy. `make run` and `make test` are all that a new clone needs: they install what is missing, once, and say so.

SWIFT ?= swift
CONFIG ?= release
BIN = .build/$(CONFIG)/mailproxy
PREFIX ?= /usr/local
ARGS ?=
# Release executables bring Swift's runtime along where the toolchain has it to link: faster, and one file to copy (Docs/Decisions/085).
LINKING = $(if $(filter release,$(CONFIG)),$(shell Scripts/linking "$(SWIFT)"))
SESSIONS ?= 1000000
KILLS ?= 1000

.PHONY: run build debug test unit e2e bench bench-search bench-soak crash fuzz fuzz-briefly tsan asan format lint install clean

run: build ## start the proxy with its defaults; ARGS="--route …" adds to it
	exec $(BIN) run $(ARGS)

build: ## build the release executable
	@Scripts/setup build
	$(SWIFT) build -c $(CONFIG) $(LINKING) --product mailproxy

debug:
	@Scripts/setup build
	$(SWIFT) build --build-tests

test: lint unit e2e fuzz-briefly ## everything that CI runs

unit: debug
	$(SWIFT) test --skip-build

e2e: debug
	@Scripts/setup test
	MAILPROXY=$(CURDIR)/.build/debug/mailproxy /usr/bin/python3 -m pytest -q -p no:cacheprovider -n auto --dist loadfile Tests/EndToEnd

bench: build ## figures of this machine: the core alone, then relay against a plain relay, recording on and off
	$(SWIFT) build -c $(CONFIG) $(LINKING) --product core-bench
	.build/$(CONFIG)/core-bench
	Scripts/bench $(BIN)

bench-search: build ## how fast an index of SESSIONS sessions answers; needs 4 GB of disk for ten million
	Scripts/search-bench $(BIN) --sessions $(SESSIONS)

bench-soak: build ## memory over a million sessions (SESSIONS=…), a quarter of an hour or more; fails when it grows
	Scripts/soak $(BIN) --sessions $(SESSIONS)

crash: build ## kill a recorder at KILLS random moments under load (1000), a minute for each thirty; each recording must hold
	Scripts/crash $(BIN) kills --cycles $(KILLS)

fuzz: ## random input steered by coverage, for FUZZ_SECONDS a target (60); TARGETS="imap-client sasl" chooses
	@Scripts/setup build
	Scripts/fuzz $(TARGETS)

fuzz-briefly: ## what CI has time for: a few thousand inputs a target, the same ones each time
	@Scripts/setup build
	SWIFT_DETERMINISTIC_HASHING=1 FUZZ_SECONDS=20 \
		FUZZ_ARGUMENTS="-seed=1 -runs=5000 -use_value_profile=0 -entropic=0" \
		$$(setarch -R true 2>/dev/null && echo setarch -R) Scripts/fuzz

tsan: ## all tests in a build with ThreadSanitizer; a report of any process is a failure
	@Scripts/setup build
	Scripts/sanitize thread

asan: ## the same with AddressSanitizer
	@Scripts/setup build
	Scripts/sanitize address

format: ## rewrite the sources as .swift-format says
	$(SWIFT) format --in-place --recursive --configuration .swift-format Package.swift Sources Tests

lint: ## what CI refuses: wrong format, impure imports, missing tests
	Scripts/lint

install: build ## install the executable under PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/mailproxy

clean:
	rm -rf .build
