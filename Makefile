# Every target sets up what it needs by itself. STACK picks the stack, the lab by default.
STACK ?= lab

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# A stack is a lab if there is a world to build for it: its state is local, and nothing is asked.
LAB := $(wildcard stacks/$(STACK).lab.yaml)
YES := $(if $(LAB),--yes)
# A lab may have a cloud of its own: it is there before the stack is, and after it.
CLOUD := $(if $(LAB),$(shell grep -qs '^cloud:' $(LAB) && echo yes))

# What a recipe starts with: the toolchain's environment for this stack.
ENV := eval "$$(toolchain/env $(STACK))"

.PHONY: help up preview status destroy env tools stack test test-unit test-program test-lab test-cloud lint bench

help: ## say what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22
	echo "  STACK=$(STACK) picks the stack, for example: make preview STACK=prod"

up: stack ## bring the line up (the lab needs no cloud account), then show who reaches whom
	@$(ENV)
	$(if $(LAB),python -m lab image >/dev/null)
	$(if $(CLOUD),python -m lab cloud up --stack $(STACK))
	$(if $(LAB),python -m lab revive --stack $(STACK))
	pulumi up --stack $(STACK) $(YES) --suppress-outputs $(if $(LAB),--skip-preview)
	$(if $(LAB),python -m lab table --stack $(STACK))

preview: stack ## show what would change, line by line, and change nothing
	@$(ENV)
	$(if $(CLOUD),python -m lab cloud up --stack $(STACK))
	pulumi preview --stack $(STACK) --diff

status: stack ## ask every host whether it is as the stack says; changes nothing
	@$(ENV)
	python -m components.status --stack $(STACK)

destroy: stack ## take everything away again: hosts as they were before, then the lab itself
	@$(ENV)
	$(if $(CLOUD),python -m lab cloud up --stack $(STACK))
	# A machine that does not run cannot be given back.
	$(if $(LAB),python -m lab revive --stack $(STACK))
	# What is gone already, Alibaba Cloud would refuse to release again, every time.
	pulumi destroy --stack $(STACK) $(YES) --refresh $(if $(LAB),--skip-preview) || {
		echo "a spoke that cannot be reached any more: write retired: true into its entry, then make up and make destroy (docs/3am.md, \"A spoke is dead\")" >&2
		exit 1
	}
	$(if $(CLOUD),python -m lab cloud down --stack $(STACK))
	# What a run that was killed had begun and not yet told the state.
	$(if $(LAB),python -m lab destroy --all-of $(STACK))

env: tools ## print the shell's environment for pulumi by hand: eval "$(make -s env)"
	@toolchain/env $(STACK)

# Only standard error: `make -s env` is evaluated by a shell.
tools:
	@toolchain/ensure stack $(STACK) >&2
	$(if $(LAB),toolchain/ensure debian $$(cat lab/packages.txt) >&2)

stack: tools
	@toolchain/stack $(STACK)

test: ## everything: linters and types, unit, program, lab (real VMs), cloud (real provider)
	@tests/run all

test-unit: ## pure functions, with properties and golden files
	@tests/run unit

test-program: ## what the program registers with Pulumi, exactly
	@tests/run program

test-lab: ## real VMs, real networkd, real packets
	@tests/run lab

test-cloud: ## the real provider against the lab's cloud: a hub that is bought, changed, moved, given back
	@tests/run cloud

lint: ## ruff, mypy --strict and shellcheck
	@tests/run lint

bench: ## ratios against what a user would pick instead
	@toolchain/ensure >&2
	$(ENV)
	python -m bench
