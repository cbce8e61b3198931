# Everything that the project does, by one name each; `make help` lists them.
# Needs Rust, Python 3 with its venv module, and make. What else is used is pinned in requirements.txt and set up in .venv.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
CHECKOV := .venv-checkov
DEPLOY_VENV := .venv-deploy
BENCH_VENV := .venv-bench
RIE := target/rie
EVENT ?= events/user.json
DENY ?= licenses sources bans advisories
FUZZ_SECONDS ?= 60
ROUNDS ?= 10
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
.PHONY: help setup demo invoke preview test check lint-template validate deny fuzz findings fmt build expected clean
.PHONY: bench count baseline bench-binaries valgrind-there
.PHONY: deploy allowlist canary logs redrive undo diagram

help: ## List the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "%-10s %s\n", $$1, $$2 }'

setup: $(READY) ## Set up the virtual environment with the pinned tools

$(READY): requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, not " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.txt
	touch $@

demo: $(READY) ## Show the main job: denials through the real binary, against an AWS account on the loopback
	$(VENV)/bin/python -m local.demo

invoke: $(READY) ## The same for one file: make invoke EVENT=events/role.json
	$(VENV)/bin/python -m local.demo "$(EVENT)"

preview: $(READY) ## Show one notice of each kind as its readers see it: on the terminal, and in target/preview/ as HTML
	$(VENV)/bin/python -m local.preview

test: $(READY) $(RIE)/.ready ## Run all tests: of the library, of the real binary over the wire, of the template
	cargo test --locked --quiet --package remediator-core
	cargo test --locked --quiet
	cargo build --locked --quiet
	cargo test --locked --quiet --package remediator
	cargo build --locked --quiet --package remediator
	cargo test --locked --quiet --package bench-driver
	$(VENV)/bin/python -m pytest --quiet --numprocesses 8 tests/e2e

check: $(READY) lint-template ## Check format, lints, documentation and template
	cargo fmt --all --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --quiet --all-targets --package remediator-core -- --deny warnings
	cargo clippy --locked --quiet --all-targets -- --deny warnings
	cargo clippy --locked --quiet --all-targets --package remediator -- --deny warnings
	cargo clippy --locked --quiet --all-targets --package bench-driver --package decision-core-bench --package floor -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --quiet --no-deps --package remediator-core --package lambda-invoke-remediator

# checkov leaves out what the defaults do not create. So it looks at the template with all three of that switched on as
# well, and has to have looked at it: the trail and its bucket, and the permissions of the two other ways in.
lint-template: $(READY) $(CHECKOV)/.ready
	AWS_DEFAULT_REGION=us-east-1 $(VENV)/bin/cfn-lint template.yaml
	mkdir -p target
	sed -e 's/^    Default: "no"$$/    Default: "yes"/' \
		-e '/^  ReportSource:$$/,/^  [A-Z].*:$$/s/^    Default: ""$$/    Default: com.example.clips/' \
		-e '/^  DeniedInvokeLogGroup:$$/,/^  [A-Z].*:$$/s/^    Default: ""$$/    Default: clips/' \
		template.yaml > target/template-with-all.yaml
	test "$$(diff template.yaml target/template-with-all.yaml | grep --count '^>')" = 3 \
		|| { echo 'target/template-with-all.yaml does not switch all three on' >&2; exit 1; }
	AWS_DEFAULT_REGION=us-east-1 $(VENV)/bin/cfn-lint target/template-with-all.yaml
	set -e; for template in template.yaml target/template-with-all.yaml; do \
		$(CHECKOV)/bin/checkov --file "$$template" --framework cloudformation --skip-download --compact --quiet; \
	done
	$(CHECKOV)/bin/checkov --file target/template-with-all.yaml --framework cloudformation --skip-download --compact \
		--check CKV_AWS_35,CKV_AWS_36,CKV_AWS_21,CKV_AWS_364 | grep --quiet '^Passed checks: 5, Failed checks: 0' \
		|| { echo 'checkov did not look at all that can be switched on' >&2; exit 1; }

validate: $(DEPLOY_VENV)/.ready ## Check the template with the SAM CLI, which is set up for it
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(DEPLOY_VENV)/bin/sam validate --lint --template template.yaml

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

fmt: ## Format the code
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml

build: $(READY) ## Build the binary that is deployed, for this machine's processor: target/lambda/
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" CARGO_TARGET_DIR=target cargo lambda build --release --locked --compiler cargo --output-format zip

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
	$(VENV)/bin/python -m benches.cost && $(DRIVER) grow $(MEASURED) \
		&& cargo bench --locked --package decision-core-bench && $(VENV)/bin/python -m benches.core_report || missed=1; \
	exit $$missed

valgrind-there:
	@valgrind --version || { echo 'valgrind is missing, nothing was counted: apt-get install valgrind' >&2; exit 1; }

count: valgrind-there bench-binaries ## Count instructions, calls and bytes, and compare them with benches/baseline.json
	$(DRIVER) count $(MEASURED) --baseline benches/baseline.json

baseline: valgrind-there bench-binaries ## Write benches/baseline.json anew; look at the difference before you commit it
	$(DRIVER) count $(MEASURED) --baseline benches/baseline.json --update

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

undo: $(REMEDIATOR) ## Take one grant back: make undo PRINCIPAL=arn:... FUNCTION=arn:... (YES=1)
	@test -n "$(PRINCIPAL)" || { echo 'whose grant? say PRINCIPAL=arn:aws:iam::ACCOUNT:user/NAME, or role/NAME' >&2; exit 1; }
	@test -n "$(FUNCTION)" || { echo 'of which function? say FUNCTION=arn:aws:lambda:REGION:ACCOUNT:function:NAME' >&2; exit 1; }
	@"$(REMEDIATOR)" undo --principal "$(PRINCIPAL)" --function "$(FUNCTION)" $(CONSENT)

# Whether it is up to date cargo knows.
target/debug/remediator: FORCE
	@cargo build --locked --quiet --package remediator

FORCE:

diagram: $(READY) ## Draw docs/architecture.svg from docs/architecture.dot, and docs/rooms.svg from the code anew
	$(VENV)/bin/python -m docs.draw

# What one test writes others read. So the first two only write, and the last reads.
expected: ## Write what becomes of events/ and the schemas anew; look at the difference before you commit it
	UPDATE_SCHEMAS=1 cargo test --locked --quiet --package remediator-core schema
	UPDATE_EXPECTED=1 cargo test --locked --quiet --test it every_event_ends_as_expected
	cargo test --locked --quiet --package remediator-core
	cargo test --locked --quiet

clean: ## Remove all that was built or set up
	rm -rf target fuzz/target $(VENV) $(DEPLOY_VENV) $(CHECKOV) $(BENCH_VENV) .pytest_cache .aws-sam
