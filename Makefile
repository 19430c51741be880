# Heliograph: what can be done with this tree. "make help" lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

FUZZTIME ?= 30s
TIMEOUT ?= 15m

# SQLite is C in the clothes of Go, with memory of its own: to watch it for races and pointers took four fifths of the
# time of the tests that use a database, and could only find what its authors look for themselves.
RACE := -race '-gcflags=modernc.org/...=-race=false -d=checkptr=0'

# Developers' tools have a module of their own, so that they are pinned and do not
# mix with what the product is made of.
TOOL := go tool -modfile=internal/tools/go.mod

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## a whole system with a simulated fleet: open the link that it prints
	CGO_ENABLED=0 go run ./cmd/heliograph demo

.PHONY: build
build: ## the binary, in bin/heliograph
	CGO_ENABLED=0 go build -trimpath -o bin/heliograph ./cmd/heliograph

.PHONY: windows
windows: ## bin/heliograph.exe, for heliograph doctor --listener on an Exchange server
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go build -trimpath -o bin/heliograph.exe ./cmd/heliograph

.PHONY: check
check: format vet verify ## the quick part, a few minutes at most: format, vet, generated files, tests without real servers
	CGO_ENABLED=0 go test -short ./...

.PHONY: test
test: deps format vet lint verify ## the whole truth: every test, real servers, both databases, race detector; nothing skipped
	CGO_ENABLED=1 go build -o bin/ ./internal/pgtest/withpg ./internal/alltests
	CGO_ENABLED=1 bin/withpg bin/alltests $(RACE) -count=1 -timeout=$(TIMEOUT) ./...

.PHONY: deps
deps: ## the servers that tests need (installed by apt when root)
	scripts/deps.sh

.PHONY: format
format: ## fails on files that gofmt would change
	@changed=$$(gofmt -l .); if [ -n "$$changed" ]; then printf 'gofmt -w these:\n%s\n' "$$changed"; exit 1; fi

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: lint
lint: ## staticcheck, as staticcheck.conf says
	$(TOOL) staticcheck ./...

.PHONY: generate
generate: ## writes the generated files again: pages from templ, and what go generate makes
	$(TOOL) templ generate -log-level warn
	go generate ./...

.PHONY: verify
verify: ## fails if generated files are not up to date
	scripts/verify.sh

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (30s) each
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

.PHONY: torture
torture: deps ## crash, million-row and matrix tests in full size: hours
	CGO_ENABLED=1 go build -o bin/ ./internal/pgtest/withpg ./internal/alltests
	rm -f bin/torture.txt
	HELIOGRAPH_TORTURE=1 HELIOGRAPH_REPORT=$(CURDIR)/bin/torture.txt bin/withpg bin/alltests -count=1 -timeout=8h ./...
	@echo; echo "What became of messages while processes, databases and disks failed (also in bin/torture.txt):"; echo; cat bin/torture.txt

.PHONY: screenshots
screenshots: deps ## pictures of every page, in screenshots/
	mkdir -p screenshots
	HELIOGRAPH_SCREENSHOTS=$(CURDIR)/screenshots go test -count=1 -run '^TestScreenshots' ./...

.PHONY: clean
clean: ## removes what make made
	rm -rf bin screenshots
