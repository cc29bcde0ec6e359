# The commands people type. `make help` lists them; README.md says more.

# The environment: stacks/Pulumi.<STACK>.yaml. local brings its own sandbox cluster.
STACK ?= local
# Further arguments for pulumi: make preview ARGS=--diff
ARGS ?=

SHELL := /bin/bash
# No C compiler is needed, and everything shares one build cache.
export CGO_ENABLED := 0

# A kubeconfig counts when it is given to make. What the shell happens to export never sends the local stack to a
# cluster that people use.
ifeq ($(origin KUBECONFIG),command line)
  KUBECONFIG_FLAG := -kubeconfig '$(KUBECONFIG)'
endif
WORKBENCH = bin/workbench -stack '$(STACK)' $(KUBECONFIG_FLAG)

.PHONY: help up preview down pulumi env policies compose-tool test lint bench workbench

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { gsub(/\$$\$$/, "$$", $$2); printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: workbench ## Deploy STACK (default local: a sandbox on this machine)
	@$(WORKBENCH) up $(ARGS)

preview: workbench ## Show what up would change
	@$(WORKBENCH) preview $(ARGS)

down: workbench ## Take STACK down; local: end the sandbox, remove its state
	@$(WORKBENCH) down $(ARGS)

pulumi: workbench ## Run any Pulumi command on STACK: make pulumi ARGS="stack output"
	@$(WORKBENCH) pulumi $(ARGS)

env: workbench ## Print the environment of STACK: eval "$$(make -s env)"
	@$(WORKBENCH) env

workbench:
	@test -x bin/workbench || echo "First run: compiling the commands of this Makefile …" >&2
	@go build -o bin/workbench ./tests/workbench/cmd/workbench

policies: ## Build the policy pack: bin/policies
	go build -o bin/policies ./policies

compose-tool: ## Build bin/compose, which explains and converts Compose files
	go build -o bin/compose ./components/compose/cmd/compose

# Packages whose tests need the built tools, beside those in every other package.
INTEGRATION := ./tests/toolchain/... ./tests/sandbox/... ./tests/workbench/... ./tests/compose/... ./tests/engine/...

# The tools build while the other tests run. Nothing may follow the last go test: its closing lines are the result.
test: ## Run all tests: unit, mocks, policies, then the real engine on a sandbox
	@go build -o bin/toolchain ./tests/toolchain/cmd/toolchain
	@bin/toolchain pulumi sandbox & tools=$$!; trap 'kill $$tools 2>/dev/null; true' EXIT; \
	go test ./... && wait $$tools && go test -tags integration -timeout 30m $(INTEGRATION)

GOLANGCI_LINT ?= $(shell command -v golangci-lint || echo go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0)

lint: ## Check format, vet and style
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet -tags integration ./...
	$(GOLANGCI_LINT) run --build-tags integration ./...

bench: ## Measure speed and memory; ratios are within one run
	go test -run '^$$' -bench . -benchmem ./components/... ./policies/... ./stacks/...
	go test -run '^$$' -bench . -benchtime 3x -tags integration -timeout 30m ./tests/engine ./tests/compose
