# make setup | test | test-slow | inspect | lint | docs | reproduce | publish-demo | bench | sample | backbone
PYTHON ?= python3
VENV ?= .venv
INSPECT_VENV ?= .venv-inspect
BIN = $(VENV)/bin
export HF_HUB_OFFLINE = 1
export HF_HUB_DISABLE_TELEMETRY = 1
export TOKENIZERS_PARALLELISM = false
# Waiting threads release their core: busy waiting beside other work is many times slower.
export OMP_WAIT_POLICY = PASSIVE

.PHONY: setup test test-slow inspect lint docs reproduce publish-demo bench sample backbone
setup: $(VENV)/done

# torch is installed first, with the exact version: it is a CPU build; an open range installs gigabytes of CUDA.
$(VENV)/done: constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $$(grep '^torch==' constraints.txt)
	$(BIN)/pip uninstall --yes -qq cmcc  # the former name of this package; it also installed the command cmcc
	rm -rf cmcc.egg-info
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,adapters,figures,quality,annotate,hub,leaderboard,docs,dev]'
	touch $@

# One process per core; the tests of a file share a process, so that its fixtures run once.
test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile --durations 10

# The tests of whole trainings and installations, which take as long as a third of the others.
test-slow: setup
	$(BIN)/python -m pytest -n auto --dist loadfile -m slow --durations 5

# The tasks for inspect-ai, in an environment of their own. The pins are complete, so pip need not look for versions.
inspect: $(INSPECT_VENV)/done
	$(INSPECT_VENV)/bin/python -m pytest tests/inspect_tasks

$(INSPECT_VENV)/done: constraints-inspect.txt pyproject.toml
	$(PYTHON) -m venv $(INSPECT_VENV)
	$(INSPECT_VENV)/bin/pip install --quiet --no-compile --no-deps --requirement constraints-inspect.txt
	$(INSPECT_VENV)/bin/pip install --quiet --no-compile --no-deps --editable .
	$(INSPECT_VENV)/bin/pip check
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Builds the documentation as static pages; a broken link or a missing name is an error.
docs: setup
	$(BIN)/zensical build --clean --strict

reproduce: setup
	$(BIN)/python train/reproduce.py --out out

# Publishes everything on a local test Hub, with the models of make reproduce, and prints the leaderboard.
publish-demo: setup
	$(BIN)/python -m tests.publish_demo --out out

bench: setup
	for name in build stats score decode train adapter endpoint annotate adjudication doubts gpu; do $(BIN)/python benchmarks/$$name.py || exit 1; done

# Writes the synthetic sample, its statistics and figures, and the guideline; tests compare them.
sample: setup
	$(BIN)/cmcc simulate --dialogues 400 --seed 0 --out cmcc_bench/sample
	$(BIN)/cmcc stats sample --json dataset_card/sample-statistics.json
	$(BIN)/cmcc figures sample --out dataset_card/figures --formats svg
	$(BIN)/python -m cmcc_bench.quality.guideline

# Trains the models that ship, on simulated calls: the backbone of the tiny recipes, the variant fine-tuned from it on
# the sample, and the emotion classifier, trained further on other calls.
backbone: setup
	rm -rf runs/backbone runs/tiny-variant runs/tiny-emotion
	$(BIN)/python -m cmcc_bench.training.backbone --out runs/backbone
	$(BIN)/python -m cmcc_bench.training.ship runs/backbone cmcc_bench/backbones/tiny
	$(BIN)/cmcc train dialogue --recipe tiny/variant --out runs/tiny-variant
	$(BIN)/python -m cmcc_bench.training.ship runs/tiny-variant cmcc_bench/backbones/tiny/variant
	$(BIN)/python -m cmcc_bench.training.emotion_backbone --out runs/tiny-emotion
	$(BIN)/python -m cmcc_bench.training.ship runs/tiny-emotion cmcc_bench/backbones/tiny-emotion
