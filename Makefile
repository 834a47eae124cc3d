# The few things one does here. Everything is set up on the way; see CONTRIBUTING.md.
.PHONY: help setup configure build all demo test test-asan test-kill test-torch test-llama lint format bench clean

JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
CTEST = ctest --test-dir build --output-on-failure --no-tests=error -j$(JOBS)

help:
	@echo "make demo     set up, build, and answer questions about pictures with the embedded model"
	@echo "make test     set up, build, run the tests"
	@echo "make build    build/headroom and build/headroom-worker-mlx;  make all  also the tests"
	@echo "make test-kill  kill -9 at random moments, resumed (minutes)"
	@echo "make test-torch  the PyTorch worker with PyTorch itself (several GB, fetched where there is room)"
	@echo "make test-llama  GGUF through llama.cpp's own server (150 MB, fetched)"
	@echo "make test-asan  the tests under address and undefined-behaviour sanitizers"
	@echo "make lint     clang-format and clang-tidy;  make format  rewrites"
	@echo "make bench    the comparisons in bench/"
	@echo "make clean    removes the build folders, keeps third_party/"

setup:
	@scripts/setup

configure: setup
	@cmake --preset release > build.log 2>&1 || { cat build.log; rm -f build.log; exit 1; }; rm -f build.log

build: configure
	cmake --build build -j$(JOBS) --target headroom headroom-worker-mlx

all: configure
	cmake --build build -j$(JOBS)

demo: build
	build/headroom vqa -m demo -d easy-vqa --memory 512MiB

test: all
	$(CTEST) -LE slow

test-kill: build
	$(CTEST) -L kill

test-torch: all
	scripts/test-torch

test-llama: all
	scripts/test-llama

test-asan: setup
	cmake --preset asan
	cmake --build build-asan -j$(JOBS)
	ctest --test-dir build-asan --output-on-failure --no-tests=error -j$(JOBS) -LE 'slow|real'

lint:
	@scripts/setup --lint
	scripts/lint

format:
	@scripts/setup --lint
	scripts/lint --fix-format

bench: build
	bench/run

clean:
	rm -rf build build-*
