"""Trains a response model, as `cmcc train dialogue` does; see cmcc_bench/training/dialogue.py.

python train/dialogue.py --recipe tiny/variant --out runs/variant
"""

import sys

from cmcc_bench.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["train", "dialogue", *sys.argv[1:]]))
