"""cmcc stats: counts over a data set, its duplicates, and the comparison with the paper's tables 1, 6, 7 and 8."""

from cmcc_bench.statistics.collect import Statistics, collect
from cmcc_bench.statistics.comparison import Marginals, compare, comparison_table, marginals
from cmcc_bench.statistics.counts import Counts, count
from cmcc_bench.statistics.record import statistics_bytes
from cmcc_bench.statistics.tables import statistics_tables

__all__ = [
    "Counts",
    "Marginals",
    "Statistics",
    "collect",
    "compare",
    "comparison_table",
    "count",
    "marginals",
    "statistics_bytes",
    "statistics_tables",
]
