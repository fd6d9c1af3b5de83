# Every target works on a fresh clone with Go; deps, e2e and bench say what else they need.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)
FUZZTIME ?= 20s

# Without the pages on which gRPC shows its calls nothing of the program calls methods by name, and the linker leaves out
# those that nobody calls: a sixth of the program.
TAGS     = grpcnotrace

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/symphony, a static binary with its version
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/symphony ./cmd/symphony

.PHONY: run
run: ## Start the server on embedded SQLite in the current folder
	$(GO) run ./cmd/symphony serve

.PHONY: deps
deps: ## Install what the tests need: PostgreSQL and PgBouncer (Debian packages, npm)
	@scripts/test-deps.sh

# The tests in tiers: internal/testtier says what a tier is, CONTRIBUTING.md what each costs. RAPID_CHECKS is how many random
# stories each property test and each model goes through.
CHECKS_daily = 10
CHECKS_ci    = 15
CHECKS_full  = 300
TIER        ?= ci
IN_TIER      = TEST_TIER=$(TIER) RAPID_CHECKS=$(CHECKS_$(TIER))

# The packages that take longest begin first.
PACKAGES = ./transport/postgres ./cmd/symphony ./transport/sqlite ./internal/pgtest ./operation ./...

# The race detector watches all but SQLite: that is C made into Go, runs twenty times slower under it, and its memory is not
# ours. Vet is left to lint. A program under the detector waits for a second when it ends, and the tests start thousands.
RACE    = -race -vet=off '-gcflags=modernc.org/...=-race=false'
AT_EXIT = GORACE=atexit_sleep_ms=0

# What is done twice, the race detector has watched once: the suite through a pooler, and the stories of the command line on
# another storage.
UNWATCHED = TestConformance/with least privileges through PgBouncer|^TestScriptsOnPostgres$$

# Whatever else is compiled shares what it compiles with the released program.
STATIC = CGO_ENABLED=0 GOFLAGS=-trimpath

.PHONY: test
test: TIER = daily
test: deps ## Unit, conformance and command-line tests, for daily work
	$(IN_TIER) $(GO) test $(PACKAGES)

.PHONY: race
race: deps ## All tests of the tier with the race detector, and those of the other modules
	$(IN_TIER) $(AT_EXIT) $(GO) test $(RACE) -timeout 60m -skip '$(UNWATCHED)' $(PACKAGES)
	$(IN_TIER) $(STATIC) $(GO) test -timeout 60m -run '$(UNWATCHED)' ./transport/postgres ./cmd/symphony
	cd bench && $(STATIC) $(GO) test ./...
	cd monitoring && $(STATIC) $(GO) test ./...

.PHONY: lint
lint: ## gofmt, go vet and golangci-lint, in all modules
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	cd tools && $(STATIC) $(GO) build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	$(STATIC) bin/golangci-lint run ./... # vet among others
	$(STATIC) $(GO) vet -tags e2e ./e2e
	cd bench && $(STATIC) $(GO) vet ./...
	cd monitoring && $(STATIC) $(GO) vet ./...
	cd tools/release && $(STATIC) $(GO) vet ./...

.PHONY: page
page: ## Build the dashboard's page into dashboard/dist (needs Node and npm)
	cd dashboard/web && npm ci --no-audit --no-fund --silent && npm run --silent types && npm run --silent build

# What is served is committed, so that go run and go install need no Node: it must be what the source makes.
.PHONY: page-check
page-check: ## Test the dashboard's page, and whether dashboard/dist is what its source makes
	cd dashboard/web && npm ci --no-audit --no-fund --silent && npm run --silent types -- --check && npm test --silent
	cd dashboard/web && npm run --silent build -- --outDir ../../bin/page --logLevel warn
	diff -r bin/page dashboard/dist

.PHONY: sdk
sdk: build ## Build, check and test the packages for TypeScript (needs Node and npm)
	cd sdk/typescript && npm ci --no-audit --no-fund --silent && \
	  SYMPHONY_PROGRAM=$(CURDIR)/bin/symphony npm run --silent ci
	cd sdk/react && npm ci --no-audit --no-fund --silent && npm run --silent ci

# What the examples install is the package of this repository, packed. It is built where it is older than its source.
sdk/typescript/dist/index.mjs: $(wildcard sdk/typescript/src/*.ts) sdk/typescript/package.json
	cd sdk/typescript && npm ci --no-audit --no-fund --silent && npm run --silent build

.PHONY: examples
examples: build sdk/typescript/dist/index.mjs ## Test the examples that are packages of npm (needs Node and npm); race tests those in Go
	cd dashboard/stories && npm ci --no-audit --no-fund --silent
	@scripts/browser-deps.sh
	@for manifest in examples/*/package.json; do cd $(CURDIR)/$$(dirname $$manifest) && echo "== $$manifest" && \
	  SYMPHONY_PROGRAM=$(CURDIR)/bin/symphony npm test --silent --if-present || exit 1; done

.PHONY: e2e
e2e: deps build ## End-to-end tests on the built binary with real webhooks (needs Node and npm)
	cd e2e && npm ci --no-audit --no-fund --silent
	cd e2e/clients && npm ci --no-audit --no-fund --silent --ignore-scripts
	cd dashboard/stories && npm ci --no-audit --no-fund --silent && npm run --silent check
	@scripts/browser-deps.sh
	$(IN_TIER) E2E_PROGRAM=$(CURDIR)/bin/symphony $(STATIC) $(GO) test -tags e2e -count=1 -parallel 4 -timeout 60m ./e2e

.PHONY: page-load
page-load: build ## Fifty live tabs, ten thousand rows and a large payload on the dashboard; a million messages on all its pages
	cd dashboard/stories && npm ci --no-audit --no-fund --silent
	@scripts/browser-deps.sh
	cd dashboard/stories && npm run --silent measure load.ts
	many=$$(mktemp -d) && trap "rm -r $$many" EXIT && (cd bench/find && $(GO) run . -n 1000000 -storages sqlite -keep $$many) && \
	  cd dashboard/stories && DATABASE=$$many npm run --silent measure measure.ts

.PHONY: soak
soak: deps build ## Kill processes and PostgreSQL, set clocks, cut connections, under load for DURATION (default 60s)
	SOAK_DURATION=$(or $(DURATION),60s) E2E_PROGRAM=$(CURDIR)/bin/symphony \
	  $(STATIC) $(GO) test -tags e2e -count=1 -timeout 90m -v -run '^TestSoak$$' ./e2e

.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (default 20s)
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

.PHONY: mutants
mutants: deps ## Make mistakes in the code, one at a time, and tell which the tests notice (about half an hour)
	cd tools && $(GO) build -o ../bin/mutants github.com/symphony-messenger/symphony/tools/mutants
	bin/mutants $(MUTANTS)

.PHONY: bench
bench: ## Measure against the peers on this machine (needs gcc and wrk; see bench/README.md)
	cd bench && $(GO) run . $(BENCHFLAGS)

.PHONY: bench-find
bench-find: ## Find messages among FIND (default 10,000,000) on both storages, into docs/performance.md (30 GB of disk)
	cd bench/find && $(GO) run . -n $(or $(FIND),10000000) -write ../../docs/performance.md

# The version of a snapshot: the last release's with what came since, as packages sort it.
SNAPSHOT = $(shell git describe --tags --match 'v*' 2>/dev/null | sed 's/^v//' | grep . || echo 0.0.0-$$(git rev-parse --short HEAD))

.PHONY: release-snapshot
release-snapshot: ## Make a release into dist/ without publishing it, or only for ONLY, like linux/amd64 (needs Node and npm)
	cd tools/release && $(STATIC) $(GO) build -o ../../bin/make-release .
	cd tools/release && $(STATIC) $(GO) build -o ../../bin/ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	bin/make-release -version '$(SNAPSHOT)' -only '$(ONLY)'

.PHONY: release-check
release-check: release-snapshot ## Make it again elsewhere, compare, and install the packages, the image and the npm packages
	scripts/release-again.sh '$(SNAPSHOT)' '$(ONLY)'
	scripts/install-check.sh

.PHONY: docs
docs: ## Regenerate what is generated: configuration reference, OpenAPI document, golden files
	$(GO) test ./config ./httpapi -run 'TestGolden|TestReference|TestOpenAPI' -update

.PHONY: ci
ci: lint page-check sdk examples race e2e ## Everything that must pass

.PHONY: ci-full
ci-full: ## That and all that takes long, before a release
	$(MAKE) TIER=full lint page-check sdk examples race e2e
	$(MAKE) page-load
	$(MAKE) fuzz FUZZTIME=60s
	$(MAKE) soak DURATION=10m
	$(MAKE) mutants
	$(MAKE) release-check
