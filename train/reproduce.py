"""Runs the whole pipeline on the synthetic sample and prints the paper's tables; see cmcc_bench/training/reproduce.py.

python train/reproduce.py --out out
"""

from cmcc_bench.training.reproduce import main

if __name__ == "__main__":
    raise SystemExit(main())
