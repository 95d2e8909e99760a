"""Trains a tagger of entities and emotions, as `cmcc train joint` does; see cmcc_bench/training/joint.py.

python train/joint.py --recipe tiny/joint --out runs/joint
"""

import sys

from cmcc_bench.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["train", "joint", *sys.argv[1:]]))
