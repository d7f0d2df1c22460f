# Tollgate's commands. `make` alone lists them.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Packages whose tests need a running PostgreSQL, Redis or Kafka.
SERVED   := /(postgres(test)?|redisx?(test)?|kafkax|relay|quota|quotacmd|services/(app|cache)|edge/(ratelimit|spend))$$|/e2e(/|$$)
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
FUZZTIME ?= 10s

export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: ## start Tollgate with embedded stores and the provider simulator (ARGS="…")
	@go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/tollgate ./services/cmd/tollgate
	@exec bin/tollgate serve $(ARGS)

.PHONY: build
build: ## build bin/tollgate
	CGO_ENABLED=0 go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/tollgate ./services/cmd/tollgate

.PHONY: test
test: ## run every test with the race detector, against a real PostgreSQL, Redis 8 and 7, and Kafka (TEST_FLAGS="…")
	@scripts/need $$(go env CC)=gcc,libc6-dev
	scripts/services run postgres redis redis7 kafka -- scripts/test $(TEST_FLAGS)

.PHONY: test-unit
test-unit: ## run the tests that need no service
	go test $(TEST_FLAGS) $$(go list ./platform/... ./services/... | grep -Ev '$(SERVED)')

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (10s)
	scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## measure what the gateway adds to a call (BENCH_ARGS="…")
	scripts/services run postgres -- go run ./e2e/cmd/bench $(BENCH_ARGS)

.PHONY: bench-compress
bench-compress: ## measure what compression keeps of answers, its time, and the bill (TOLLGATE_DATA=folder)
	go run ./services/compressor/bench
	go test ./services/compressor -run '^$$' -bench Growth -benchtime 1x

.PHONY: bench-cache
bench-cache: ## measure the semantic cache: which prompts are taken for the same, which its veto holds apart, index and threshold (TOLLGATE_DATA=folder)
	go run ./services/cache/bench
	go run ./services/cache/index/bench
	go run ./services/cache/threshold/simulate

.PHONY: lint
lint: ## lint Go, protos and scripts
	scripts/lint

.PHONY: generate
generate: ## generate gen/ from the protos
	scripts/tools buf protoc-gen-go protoc-gen-connect-go
	buf generate

.PHONY: check-generated
check-generated: ## fail when gen/ is stale
	scripts/check-generated

.PHONY: buf-breaking
buf-breaking: ## fail when the protos break the last release (BREAKING_AGAINST=revision)
	scripts/buf-breaking

.PHONY: docs-check
docs-check: ## run the documentation's commands, check its links
	scripts/docs-check

.PHONY: deploy-check
deploy-check: ## check image, compose, chart, dashboards and alerts
	scripts/deploy-check

.PHONY: services
services: ## start PostgreSQL, Redis and Kafka for tests; see scripts/services
	scripts/services up

.PHONY: clean
clean: ## stop the test services, delete what was built (tools stay)
	scripts/services wipe
	rm -rf bin

.PHONY: ci
ci: ## what CI runs
	.ci/run
