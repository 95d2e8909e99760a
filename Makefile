# make setup | test | lint | reproduce | publish-demo | bench | sample | backbone
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export HF_HUB_OFFLINE = 1
export HF_HUB_DISABLE_TELEMETRY = 1
export TOKENIZERS_PARALLELISM = false
# A thread that waits gives its core back: two that spin beside other work are many times slower than one.
export OMP_WAIT_POLICY = PASSIVE

.PHONY: setup test lint reproduce publish-demo bench sample backbone
setup: $(VENV)/done

# torch comes first and exactly: this version is a CPU build, an open range takes gigabytes of CUDA.
$(VENV)/done: constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $$(grep '^torch==' constraints.txt)
	$(BIN)/pip uninstall --yes -qq cmcc  # what this was called before; its command cmcc would go with it later
	rm -rf cmcc.egg-info
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,figures,quality,hub,leaderboard,dev]'
	touch $@

# A process a core; the tests of a file stay together, so that what its fixtures make is made once.
test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile --durations 10

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

reproduce: setup
	$(BIN)/python train/reproduce.py --out out

# Publishes all of it on a small Hub of this machine, with the models of make reproduce, and prints the leaderboard.
publish-demo: setup
	$(BIN)/python -m tests.publish_demo --out out

bench: setup
	for name in build stats score decode train; do $(BIN)/python benchmarks/$$name.py || exit 1; done

# Writes the synthetic sample that is shipped, its statistics and figures, and the guideline; tests compare them.
sample: setup
	$(BIN)/cmcc simulate --dialogues 400 --seed 0 --out cmcc_bench/sample
	$(BIN)/cmcc stats sample --json dataset_card/sample-statistics.json
	$(BIN)/cmcc figures sample --out dataset_card/figures --formats svg
	$(BIN)/python -m cmcc_bench.quality.guideline

# Trains the models that ship, on simulated calls: the backbone of the tiny recipes, and the variant fine-tuned from it.
backbone: setup
	rm -rf runs/backbone runs/tiny-variant
	$(BIN)/python -m cmcc_bench.training.backbone --out runs/backbone
	$(BIN)/python -m cmcc_bench.training.ship runs/backbone cmcc_bench/backbones/tiny
	$(BIN)/cmcc train dialogue --recipe tiny/variant --out runs/tiny-variant
	$(BIN)/python -m cmcc_bench.training.ship runs/tiny-variant cmcc_bench/backbones/tiny/variant
