# make demo and make test are all a user needs; the rest is for those who work on lode.
# Everything runs from a fresh clone with Go and make.

BIN      := bin
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STAMP    := $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
LDFLAGS  := -s -w -X github.com/lodefw/lode/internal/cli.version=$(VERSION) -X github.com/lodefw/lode/internal/cli.built=$(STAMP)
GOBUILD  := CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)'
FUZZTIME ?= 10s
BLOCKS   ?= 0
BOARD    ?=

.PHONY: build demo test check race fuzz bench bench-hash cross size firmware e2e e2e-long generate clean

build: ## all commands, for this machine, into bin/
	$(GOBUILD) -o $(BIN)/ ./cmd/...

demo: ## bundled pool, embedded chain and CPU miner; BLOCKS=3 ends after three blocks; BOARD=bitaxe-gamma mines with a virtual board
	@$(GOBUILD) -o $(BIN)/ ./cmd/lode-pool ./cmd/lode-miner ./examples/demo
	@exec $(BIN)/demo -blocks $(BLOCKS) -board '$(BOARD)'

test: ## everything: units, real nodes, and the device's packages on emulated arm and mips
	@scripts/setup nodes
	-@scripts/setup qemu
	-@scripts/setup objdump
	go test -timeout 20m ./...
	go test -tags novirtual ./board/catalog
	@scripts/emulated

check: ## formatting, vet, staticcheck, generated code up to date
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt -w on these'; exit 1; }
	go vet ./...
	go vet -tags purego ./...
	go vet -tags e2e ./firmware/e2e
	go vet -tags novirtual ./board/catalog ./cmd/lode-miner
	go tool staticcheck ./...
	go tool staticcheck -tags e2e ./firmware/e2e
	go tool staticcheck -tags novirtual ./board/catalog ./cmd/lode-miner
	@scripts/generated

race: ## the race detector over all packages (needs a C compiler)
	CGO_ENABLED=1 go test -race -short -timeout 20m ./...

fuzz: ## every fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

bench: ## one table of the figures that matter; run it on an idle machine
	@scripts/bench

bench-hash: ## every kernel in turns with crypto/sha256, minio and a plain loop: medians of thread CPU time; instructions per hash on other processors
	go test -run '^$$' -bench '^BenchmarkKernels$$' -benchtime 3s ./hashing/sha256d
	@scripts/count-instructions

cross: ## all commands for all targets
	@scripts/cross

size: ## lode-miner as it is flashed (-tags novirtual) against its size budget
	@scripts/size

firmware: ## what a person flashes, into bin/firmware: BOARD=list explains; KEY=FILE RELEASE=1 CONFIG=FILE GIVEN='kernel=FILE ...' TRY=1 REFRESH=1
	@go run ./firmware/build -board '$(BOARD)' -version '$(VERSION)' -built $(STAMP) -o $(BIN)/firmware -key '$(KEY)' -config '$(CONFIG)' \
		-given '$(GIVEN)' $(if $(RELEASE),-release) $(if $(TRY),-try) $(if $(REFRESH),-refresh)

e2e: ## the images as they ship boot in QEMU and mine with a virtual board (downloads kernels and QEMU once)
	go test -tags e2e -timeout 120m -count 1 ./firmware/e2e

e2e-long: ## the same with a Zynq, and 200 power cuts
	LODE_E2E_LONG=1 go test -tags e2e -timeout 3h -count 1 -v ./firmware/e2e

generate: ## rewrite generated code
	go generate ./...

clean:
	rm -rf $(BIN)
