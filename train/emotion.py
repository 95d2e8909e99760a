"""Trains a classifier of emotions, as `cmcc train emotion` does; see cmcc_bench/training/emotion.py.

python train/emotion.py --recipe tiny/emotion --out runs/emotion
"""

import sys

from cmcc_bench.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["train", "emotion", *sys.argv[1:]]))
