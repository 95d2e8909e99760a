"""Trains a classifier of satisfaction, as `cmcc train satisfaction` does; see cmcc_bench/training/satisfaction.py.

python train/satisfaction.py --recipe tiny/satisfaction --out runs/satisfaction
"""

import sys

from cmcc_bench.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["train", "satisfaction", *sys.argv[1:]]))
