# Each target is one plain command or a few; nobody needs make to work here.

.PHONY: check test race fuzz bench damage soak up golden

# A test that waits for real servers is bounded by this, per package.
TIMEOUT ?= 20m
# Packages tested at the same time, and four tests of each: they start servers of
# their own, and mostly wait for them.
PARALLEL ?= 2
# What to test: make test PKG=./ingest/...
PKG ?= ./...
FUZZTIME ?= 30s

check:
	@unformatted="$$(gofmt -l .)"; test -z "$$unformatted" || { echo "gofmt -w these files:" >&2; echo "$$unformatted" >&2; exit 1; }
	go vet ./...
	go tool -modfile=tools.mod staticcheck ./...
	@if command -v golangci-lint >/dev/null; then echo golangci-lint run; golangci-lint run; fi

test:
	bash deploy/test/install.sh
	go test -race -timeout $(TIMEOUT) -p $(PARALLEL) -parallel 4 $(PKG)

race: test

fuzz:
	bash deploy/test/fuzz.sh $(FUZZTIME)

# Every way in which a store can be damaged, by a seed each. One that failed:
# SEED=417 go test ./internal/damage -run Damage -v
SEEDS ?= 1000
damage:
	SEEDS=$(SEEDS) go test -timeout 30m -v -run Damage ./internal/damage

# make soak SOAK=1h SEED=7; a run that fails prints how to run it again.
SOAK ?= 20m
soak:
	SOAK=$(SOAK) SEED=$(SEED) go test ./internal/soak -run TestTheRecordEqualsTheModelAfterEveryFault -count=1 -timeout 0 -v

# make bench ARGS=-json
bench:
	go run ./internal/bench $(ARGS)

up:
	bash deploy/promptness/secrets.sh
	docker compose up --build

# Only packages that know the flag can take it.
golden:
	go test $$(grep -rlE --include='*_test.go' 'flag\.Bool\("update"' . | xargs -r -n1 dirname | sort -u) -update
