# Run `make` for the list of targets. Everything that is needed beyond Go, Node
# and make is installed by the target that needs it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
WEB_SOURCES := $(shell find player-sdk studio tsconfig.base.json package.json -type f \
	-not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: build ## build, then show the product: a broadcast, an audience, a rundown
	bin/cuelight demo

.PHONY: build
build: web ## build bin/cuelight with its pages
	@mkdir -p bin
	$(GO) build -trimpath -ldflags "-X main.release=$(VERSION)" -o bin/cuelight ./cmd/cuelight
	@echo "built bin/cuelight"

.PHONY: web
web: player-sdk/dist/.built ## build the watch page and the studio

player-sdk/dist/.built: node_modules/.package-lock.json $(WEB_SOURCES)
	npm run build
	@touch $@

node_modules/.package-lock.json: package-lock.json
	@echo "installing npm packages from the lock file"
	npm ci --no-fund --no-audit
	@touch $@

.PHONY: tools
tools: ## install what the tests need: ffmpeg and Chromium
	@scripts/install-tools.sh

.PHONY: test
test: tools build ## run every test; ends with a summary line
	node scripts/test.mjs

.PHONY: test-go
test-go: web ## run the Go tests alone
	$(GO) test -race -shuffle=on ./...

.PHONY: test-web
test-web: node_modules/.package-lock.json ## run the TypeScript unit tests alone
	npm test

.PHONY: test-e2e
test-e2e: tools build ## run the end-to-end tests alone: real encoder, real browsers
	npm run e2e --workspace test/e2e

.PHONY: check
check: web ## formatting, vet, import directions, types
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	cd bench && $(GO) vet ./...
	cd test/acme && $(GO) vet ./...
	$(GO) test ./internal/arch
	npm run check

.PHONY: fix
fix: node_modules/.package-lock.json ## format everything
	gofmt -w $$(git ls-files '*.go')
	npm run fix

.PHONY: bench
bench: web ## print figures as ratios against named peers
	cd bench && $(GO) run .

.PHONY: flash-crowd
flash-crowd: tools build ## 95,000 viewers on 5 gateway processes and Redis, 85 % answer in a second; FLASH="flags", see -help
	$(GO) run ./test/flash $(FLASH)

.PHONY: chaos
chaos: tools build ## kills, cuts and freezes what a running show needs, at the height of a burst; CHAOS="flags", see -help
	$(GO) run ./test/chaos $(CHAOS)

.PHONY: capacity
capacity: ## what 1,000 to 1,000,000 viewers take, with the arithmetic and a simulation
	$(GO) run ./test/capacity

.PHONY: test-cluster
test-cluster: tools ## the Redis suites on a cluster of three primaries with replicas
	$(GO) test -tags cluster -count=1 ./interact/redis/...

.PHONY: fuzz
fuzz: ## fuzz every parser for 20 s each
	@scripts/fuzz.sh 20s

.PHONY: test-obs
test-obs: build ## OBS Studio in a virtual screen pushes by RTMP and SRT (installs OBS)
	node test/obs/run.mjs

.PHONY: test-cdn
test-cdn: tools build ## nginx in front, 1,000 players: one origin request an object (installs nginx)
	@scripts/install-tools.sh nginx
	$(GO) run ./test/cdn

.PHONY: test-acme
test-acme: ## certificates from a real ACME server
	cd test/acme && $(GO) test ./...

.PHONY: soak
soak: tools build ## changes of a broadcast, and players for 10 min without a stall
	npm run soak --workspace test/e2e

.PHONY: timeline-report
timeline-report: build ## dates against a sender with a wrong clock on a bad line, real time, 12 min
	$(GO) run ./test/timeline -duration 3m

.PHONY: sync-report
sync-report: tools build ## seven browsers with wrong clocks on bad lines, 200 cues, 25 min; SYNC="flags", see --help
	node test/sync/run.mjs $(SYNC)

.PHONY: screenshots
screenshots: tools build ## take the pictures in docs/images again
	npm run shots --workspace test/e2e

.PHONY: clip
clip: tools node_modules/.package-lock.json ## make the demo's clip again
	node scripts/make-clip.mjs

.PHONY: clean
clean: ## remove what was built
	rm -rf bin artifacts player-sdk/dist/* player-sdk/dist/.built studio/dist/*
