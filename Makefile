# Everything that the project does, by one name each; `make help` lists them.
# Needs Rust, Python 3 with its venv module, and make. What else is used is pinned in requirements.txt and set up in .venv.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
CHECKOV := .venv-checkov
DEPLOY_VENV := .venv-deploy
BENCH_VENV := .venv-bench
MINISTACK := .venv-ministack
RIE := target/rie
EVENT ?= events/user.json
LEDGER ?=
DENY ?= licenses sources bans advisories
FUZZ_SECONDS ?= 60
ROUNDS ?= 10
# Of `make test`: a folder of tests/e2e, a file in one, or a word in the names of tests.
ONLY ?=
FUZZ_TARGETS ?= event error_text message allowlist policy log_batch
# Of the targets that work on a deployed stack: which one, and what they may do. `docs/operations.md` tells of each.
STACK ?= lambda-invoke-remediator
REGION ?=
ALLOWLIST ?= allowlist.json
PARAMETER ?=
CONFIG ?= samconfig.toml
ARCHITECTURE ?=
SINCE ?= 1h
FOLLOW ?=
MAX ?= 100
YES ?=
PRINCIPAL ?=
FUNCTION ?=
REMEDIATOR ?= target/debug/remediator
CONSENT = $(if $(filter 1 y yes true,$(YES)),--yes)
ifneq ($(REGION),)
# AWS's tools read one or the other.
export AWS_REGION := $(REGION)
export AWS_DEFAULT_REGION := $(REGION)
endif

.DEFAULT_GOAL := help
.PHONY: help setup quick fmt build demo invoke preview
.PHONY: check test validate deny fuzz findings bench count lint-template bench-binaries valgrind-there
.PHONY: deploy allowlist canary logs redrive undo
.PHONY: expected baseline diagram clean

##@ Develop

help: ## List the targets
	@awk -F ':[^#]*## ' '/^##@ / { print (NR > 1 && seen++ ? "\n" : "") substr($$0, 5) ":"; next } \
		/^[a-z]+:[^#]*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Set up the virtual environment with the pinned tools

$(READY): requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, not " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.txt
	touch $@

quick: ## Check what a change concerns in a minute: format, lints, unit and property tests of its crates
	@$(PYTHON) -m tools.quick

fmt: ## Format the code
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml

build: $(READY) ## Build the binary that is deployed, for this machine's processor: target/lambda/
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" CARGO_TARGET_DIR=target cargo lambda build --release --locked --compiler cargo --output-format zip

demo: $(READY) ## Show the main job: denials through the real binary, against an AWS account on the loopback (LEDGER=1: with a ledger)
	$(VENV)/bin/python -m local.demo $(if $(filter 1 y yes true,$(LEDGER)),--ledger)

invoke: $(READY) ## The same for one file: make invoke EVENT=events/role.json
	$(VENV)/bin/python -m local.demo "$(EVENT)"

preview: $(READY) ## Show one notice of each kind as its readers see it: on the terminal, and in target/preview/ as HTML
	$(VENV)/bin/python -m local.preview

##@ Verify

check: $(READY) lint-template ## Check format, lints, documentation and template
	cargo fmt --all --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --quiet --all-targets --package remediator-core -- --deny warnings
	cargo clippy --locked --quiet --all-targets -- --deny warnings
	cargo clippy --locked --quiet --all-targets --package remediator -- --deny warnings
	cargo clippy --locked --quiet --all-targets --package bench-driver --package decision-core-bench --package floor -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --quiet --no-deps --package remediator-core --package lambda-invoke-remediator

lint-template: $(READY) $(CHECKOV)/.ready
	@CFN_LINT=$(VENV)/bin/cfn-lint CHECKOV=$(CHECKOV)/bin/checkov tools/lint_template.sh

test: $(READY) $(MINISTACK)/.ready $(RIE)/.ready ## Run all tests: library, real binary over the wire, template (ONLY=notices, writers, ...: a folder, file or word)
	@$(VENV)/bin/python -m tools.test --only "$(ONLY)"

validate: $(DEPLOY_VENV)/.ready ## Check the template with the SAM CLI, which is set up for it
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(DEPLOY_VENV)/bin/sam validate --lint --template template.yaml

deny: ## Check the dependencies: licences, sources, duplicates, known vulnerabilities (DENY=... for some of them)
	@cargo deny --version || { echo 'cargo-deny is missing, nothing was checked: cargo install --locked cargo-deny' >&2; exit 1; }
	cargo deny --locked check --deny unnecessary-skip --deny unmatched-skip $(DENY)

# No sanitizer: there is no unsafe code to watch, and so the stable compiler will do. The seeds are read only; what is
# found besides is kept where things are built, and an input that breaks an invariant in fuzz/artifacts.
fuzz: ## Fuzz whatever reads texts of others: each of FUZZ_TARGETS for FUZZ_SECONDS
	@cargo fuzz --version || { echo 'cargo-fuzz is missing, nothing was run: cargo install --locked cargo-fuzz' >&2; exit 1; }
	cargo metadata --locked --quiet --format-version 1 --manifest-path fuzz/Cargo.toml > /dev/null
	set -e; for target in $(FUZZ_TARGETS); do \
		mkdir -p "fuzz/target/corpus/$$target"; \
		cargo fuzz run --sanitizer none "$$target" "fuzz/target/corpus/$$target" "fuzz/corpus/$$target" -- \
			-dict="fuzz/dictionaries/$$target.dict" -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
			-print_final_stats=1 -print_funcs=0 -verbosity=0; \
	done

# Apart from the tests: what is shown is how other projects behave, and the packages come over the network.
findings: ## Show where tools around it behave unlike one expects: each script of findings/, with public packages only
	@changed=; for script in findings/*.sh; do \
		echo "== $$script"; timeout 600 bash "$$script" || changed="$$changed $$script"; \
	done; test -z "$$changed" || { echo "not as it was seen:$$changed" >&2; exit 1; }

# What is measured is what is deployed; the floor is built with the same profile, and linked as cargo does it.
bench-binaries: build
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" CARGO_TARGET_DIR=target cargo lambda build --release --locked --compiler cargo --package floor
	mkdir -p target/bench
	$(VENV)/bin/python -m zipfile --extract target/lambda/lambda-invoke-remediator/bootstrap.zip target/bench/remediator
	chmod +x target/bench/remediator/bootstrap
	cargo build --locked --quiet --profile driver --package bench-driver

# One file with the public authorities, like that of Amazon Linux, and the same for everybody.
BUNDLE = $$($(VENV)/bin/python -c 'import certifi; print(certifi.where())')
DRIVER = target/driver/bench-driver
MEASURED = --binary target/bench/remediator/bootstrap --bundle "$(BUNDLE)"

bench: bench-binaries $(BENCH_VENV)/.ready ## Measure it beside the floor and a peer in Python: a table in target/bench/ (ROUNDS)
	missed=0; \
	$(DRIVER) measure $(MEASURED) --floor target/lambda/floor/bootstrap --python $(BENCH_VENV)/bin/python \
		--peer benches/python --rounds $(ROUNDS) || missed=1; \
	$(VENV)/bin/python -m benches.ledger target/bench/remediator/bootstrap || missed=1; \
	$(VENV)/bin/python -m benches.cost && $(DRIVER) grow $(MEASURED) \
		&& cargo bench --locked --package decision-core-bench && $(VENV)/bin/python -m benches.core_report || missed=1; \
	exit $$missed

valgrind-there:
	@valgrind --version || { echo 'valgrind is missing, nothing was counted: apt-get install valgrind' >&2; exit 1; }

count: valgrind-there bench-binaries ## Count instructions, calls and bytes, and compare them with benches/baseline.json
	$(DRIVER) count $(MEASURED) --baseline benches/baseline.json

##@ Operate

deploy: $(DEPLOY_VENV)/.ready ## Build and deploy the stack, with questions the first time (STACK, REGION, ARCHITECTURE, CONFIG)
	@$(DEPLOY_VENV)/bin/python -m ops.deploy --stack "$(STACK)" --config "$(CONFIG)" --allowlist "$(ALLOWLIST)" \
		--parameter "$(PARAMETER)" --architecture "$(ARCHITECTURE)"

allowlist: $(READY) $(REMEDIATOR) ## Check the allowlist, show what changes, put it to SSM (ALLOWLIST, PARAMETER, YES=1)
	@$(VENV)/bin/python -m ops.allowlist --remediator "$(REMEDIATOR)" --stack "$(STACK)" --parameter "$(PARAMETER)" $(CONSENT) \
		"$(ALLOWLIST)"

canary: $(REMEDIATOR) ## Cause one denial in the account, and follow it through trail, rule, function, policy and topic (YES=1)
	@"$(REMEDIATOR)" canary --stack "$(STACK)" $(CONSENT)

logs: $(READY) ## Show what became of each event, a line each (SINCE=1h, FOLLOW=1)
	@$(VENV)/bin/python -m ops.logs --stack "$(STACK)" --since "$(SINCE)" $(if $(filter 1 y yes true,$(FOLLOW)),--follow)

redrive: $(READY) ## Give the events of both dead-letter queues to the function again (MAX=100, YES=1)
	@$(VENV)/bin/python -m ops.redrive --stack "$(STACK)" --max "$(MAX)" $(CONSENT)

undo: $(READY) $(REMEDIATOR) ## Take one grant back: make undo PRINCIPAL=arn:... FUNCTION=arn:... (YES=1)
	@test -n "$(PRINCIPAL)" || { echo 'whose grant? say PRINCIPAL=arn:aws:iam::ACCOUNT:user/NAME, or role/NAME' >&2; exit 1; }
	@test -n "$(FUNCTION)" || { echo 'of which function? say FUNCTION=arn:aws:lambda:REGION:ACCOUNT:function:NAME' >&2; exit 1; }
	@$(VENV)/bin/python -m ops.undo --remediator "$(REMEDIATOR)" --stack "$(STACK)" --principal "$(PRINCIPAL)" \
		--function "$(FUNCTION)" $(CONSENT)

# Whether it is up to date cargo knows.
target/debug/remediator: FORCE
	@cargo build --locked --quiet --package remediator

FORCE:

##@ Maintain

# What one test writes others read. So the first two runs are for what they write alone, and what fails in them is left to
# the other two.
WRITING = UPDATE_SCHEMAS=1 UPDATE_EXPECTED=1 PROPTEST_CASES=1

expected: ## Write anew what becomes of events/, the schemas, and the tables and notices that are kept; look at the difference before you commit it
	@$(WRITING) cargo test --locked --quiet --no-fail-fast --package remediator-core > /dev/null 2>&1 || true
	@$(WRITING) cargo test --locked --quiet --no-fail-fast > /dev/null 2>&1 || true
	cargo test --locked --quiet --package remediator-core
	cargo test --locked --quiet

baseline: valgrind-there bench-binaries ## Write benches/baseline.json anew; look at the difference before you commit it
	$(DRIVER) count $(MEASURED) --baseline benches/baseline.json --update

diagram: $(READY) ## Draw docs/architecture.svg from docs/architecture.dot, and docs/rooms.svg from the code anew
	$(VENV)/bin/python -m docs.draw

clean: ## Remove all that was built or set up
	rm -rf target fuzz/target $(VENV) $(DEPLOY_VENV) $(CHECKOV) $(BENCH_VENV) $(MINISTACK) .pytest_cache .aws-sam

# What the targets need: virtual environments and programs, set up where a target asks for them.

# Each apart from the other tools, whose versions they do not get along with.
.venv-%/.ready: requirements-%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	touch $@

# AWS's emulator of Lambda is a program in the SAM CLI's package, and of that the tests need nothing else.
$(RIE)/.ready: requirements-deploy.txt | $(READY)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(RIE) \
		"$$(grep '^aws-sam-cli==' $<)"
	touch $@
