"""The Space's start file: serves the leaderboard. The results are set by CMCC_RESULTS, or `datasets:` in README.md.

python leaderboard/app.py
"""

from pathlib import Path

from cmcc_bench.leaderboard.page import launch_space

if __name__ == "__main__":
    launch_space(Path(__file__).parent)
