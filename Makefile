# SPDX-License-Identifier: Apache-2.0
.NOTPARALLEL:
.DEFAULT_GOAL := help

BUILD_PACKAGES := libsqlite3-dev libprotobuf-c-dev libzstd-dev
DEMO_PACKAGES := $(BUILD_PACKAGES) wordnet-base dataset-fashion-mnist
TEST_PACKAGES := $(BUILD_PACKAGES) wordnet-base zstd protobuf-compiler protobuf-c-compiler \
	python3-venv
SOURCES := Package.swift Sources Tests clients/swift
VENV := .build/venv

.PHONY: help build demo test test-generated test-swift test-python faults faults-short \
	faults-planted bench lint format generate clean

help: ## Says what the targets are for.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Builds everything for use, into .build/release.
	@.ci/install $(BUILD_PACKAGES)
	swift build -c release

demo: ## Fills a fresh server with real data and asks it questions; half a minute after the build.
	@.ci/install $(DEMO_PACKAGES)
	swift build -c release --product lodestoned
	swift build -c release --product lodestone
	swift build -c release --product lodestone-demo
	@directory=$$(mktemp -d) && trap 'rm -rf "$$directory"' EXIT && trap 'exit 130' INT TERM && \
	.build/release/lodestone-demo --directory "$$directory"

test: test-generated test-swift faults-short test-python ## Runs every test; what must pass before a change lands.

test-generated: ## Compares the generated code with proto/.
	@.ci/install $(TEST_PACKAGES)
	proto/generate.sh --check

test-swift: ## Runs the tests in Swift, those of the command line and of README.md among them.
	@.ci/install $(TEST_PACKAGES)
	swift build
	@# One at a time: tests of deadlines and signals must not compete with the others for two cores.
	@# What failed is said once more at the end, where a short view of the log shows it.
	@swift test --no-parallel >.build/test.log 2>&1; status=$$?; cat .build/test.log; \
	grep -a -E '✘|error:' .build/test.log | tail -n 20; exit $$status

test-python: ## Runs the tests of the Python client, in an environment of their own.
	@.ci/install $(TEST_PACKAGES)
	swift build --product lodestoned
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check './clients/python[test]'
	LODESTONE_SERVER="$(CURDIR)/.build/debug/lodestoned" \
		$(VENV)/bin/python -m pytest -q clients/python Tests/Examples

faults: faults-planted ## Kills a server 50 times while it is written to, and looks for losses.
	.build/debug/lodestone-faults --cycles 50

faults-short: faults-planted ## The same with 10 kills.
	.build/debug/lodestone-faults --cycles 10

faults-planted: ## Checks that the fault harness finds a bug that it asks the server to have.
	@.ci/install $(BUILD_PACKAGES)
	swift build --product lodestoned
	swift build --product lodestone-faults
	.build/debug/lodestone-faults --cycles 10 --plant ack-before-commit

bench: ## Measures a release build: make bench BENCH_DATA=FOLDER, with the WordNet data set.
	@test -n "$(BENCH_DATA)" || { echo "Say where the data is: make bench BENCH_DATA=FOLDER"; exit 2; }
	@.ci/install $(BUILD_PACKAGES)
	swift build -c release --product lodestoned
	swift build -c release --product lodestone-bench
	.build/release/lodestone-bench ingest --data $(BENCH_DATA)
	.build/release/lodestone-bench search --data $(BENCH_DATA)
	.build/release/lodestone-bench rpc

lint: ## Says where the Swift sources differ from .swift-format.
	swift format lint --strict --recursive --parallel $(SOURCES)

format: ## Formats the Swift sources.
	swift format --in-place --recursive --parallel $(SOURCES)

generate: ## Writes the C and Python of the messages in proto/ anew.
	@.ci/install protobuf-compiler protobuf-c-compiler libprotobuf-c-dev
	proto/generate.sh

clean: ## Removes everything that was built.
	rm -rf .build
