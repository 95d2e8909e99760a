"""Runs the whole path on the synthetic sample: build, load with the plain library, statistics beside the paper's.

python train/reproduce.py --out out
"""

from __future__ import annotations

import argparse
from pathlib import Path

import datasets

import cmcc
from cmcc_bench import cli


def main() -> int:
    """Runs every step; returns the exit status of the first one that fails."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for everything that is made")
    out: Path = parser.parse_args().out
    built = out / "cmcc"
    print(
        "The data are SYNTHETIC: a simulator made them. The numbers say that the path works, not how real calls are.\n"
    )
    status = cli.main(["build", "--data-dir", str(cmcc.SAMPLE_DIR), "--out", str(built)])
    if status:
        return status
    print("\nLoaded with datasets.load_dataset:")
    for config in ("labeled", "emotion", "response", "satisfaction"):
        splits = datasets.load_dataset(str(built), config)
        print(f"  {config}: " + ", ".join(f"{name} {len(rows)}" for name, rows in splits.items()))
    print()
    return cli.main(["stats", str(built)])


if __name__ == "__main__":
    raise SystemExit(main())
