"""An agenda-based simulator of customer-service calls: synthetic raw files in the CMCC form, without the corpus."""

from cmcc_bench.simulate.dialogue import simulate_dialogue
from cmcc_bench.simulate.write import write_corpus

__all__ = ["simulate_dialogue", "write_corpus"]
