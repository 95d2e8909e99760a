"""An agenda-based simulator of customer-service calls; it writes synthetic raw files in the CMCC format."""

from cmcc_bench.simulate.dialogue import simulate_dialogue
from cmcc_bench.simulate.write import write_corpus

__all__ = ["simulate_dialogue", "write_corpus"]
