# Every target works on a fresh clone with Go; deps, e2e and bench say what else they need.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)
FUZZTIME ?= 20s

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/symphony, a static binary with its version
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/symphony ./cmd/symphony

.PHONY: run
run: ## Start the server on embedded SQLite in the current folder
	$(GO) run ./cmd/symphony serve

.PHONY: deps
deps: ## Install what the tests need: PostgreSQL and PgBouncer (Debian packages, npm)
	@scripts/test-deps.sh

.PHONY: test
test: deps ## Unit, conformance and command-line tests
	$(GO) test ./...

.PHONY: race
race: deps ## The same with the race detector
	$(GO) test -race -timeout 30m ./...
	cd bench && $(GO) test ./...
	cd monitoring && $(GO) test ./...

.PHONY: lint
lint: ## gofmt, go vet and golangci-lint, in all modules
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags e2e ./e2e
	cd bench && $(GO) vet ./...
	cd monitoring && $(GO) vet ./...
	cd tools && $(GO) build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	bin/golangci-lint run ./...

.PHONY: e2e
e2e: build ## End-to-end tests on the built binary with real webhooks (needs Node and npm)
	cd e2e && npm ci --no-audit --no-fund --silent
	$(GO) test -tags e2e -count=1 -timeout 20m ./e2e

.PHONY: soak
soak: deps build ## Kill workers, API nodes and PostgreSQL under load for DURATION (default 60s)
	SOAK_DURATION=$(or $(DURATION),60s) $(GO) test -tags e2e -count=1 -timeout 90m -v -run '^TestSoak$$' ./e2e

.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (default 20s)
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

.PHONY: bench
bench: ## Measure against the peers on this machine (needs gcc and wrk; see bench/README.md)
	cd bench && $(GO) run . $(BENCHFLAGS)

.PHONY: docs
docs: ## Regenerate what is generated: configuration reference, OpenAPI document, golden files
	$(GO) test ./config ./httpapi -run 'TestGolden|TestReference|TestOpenAPI' -update

.PHONY: ci
ci: lint race e2e ## Everything that must pass
