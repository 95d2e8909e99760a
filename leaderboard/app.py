"""The Space's start file: serves the leaderboard of the data set that README.md names, or the variable CMCC_RESULTS.

python leaderboard/app.py
"""

from pathlib import Path

from cmcc_bench.leaderboard.page import launch_space

if __name__ == "__main__":
    launch_space(Path(__file__).parent)
