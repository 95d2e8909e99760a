"""The README.md of a built folder: the dataset card, whose YAML tells loaders the configs, files and features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jinja2
from datasets import DatasetInfo
from datasets.info import DatasetInfosDict
from datasets.splits import SplitDict, SplitInfo
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

from cmcc_bench import vocabulary
from cmcc_bench.dataset.counts import count_splits
from cmcc_bench.dataset.parquet import Sizes, SplitSize, parquet_name
from cmcc_bench.dataset.result import BuildResult
from cmcc_bench.features import FEATURES
from cmcc_bench.files import resource_folder
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.statistics.comparison import marginals_of

# Real calls are gated: nobody reads them on the Hub without having been let in. The licence has no name of its own.
LICENSED: dict[str, Any] = {
    "license": "other",
    "license_name": "mobilecs",
    "license_link": "http://seretod.org/Challenge.html",
    "extra_gated_prompt": (
        "These are transcripts of real customer-service calls, licensed by China Mobile. Ask for access only if you"
        " hold a licence of MobileCS or CMCC; you may not pass the texts on, nor try to find out who speaks in them."
    ),
    "extra_gated_fields": {
        "Name": "text",
        "Affiliation": "text",
        "I hold a licence of MobileCS or CMCC and keep to it": "checkbox",
    },
}
SYNTHETIC_TAG = "synthetic"  # of whatever simulated dialogues are in, or behind

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


class MarkdownTable(Protocol):
    """A table that can be written as Markdown, such as a ReportTable of cmcc_bench.reports."""

    def markdown(self) -> str:
        """The table under a heading of the third level."""


@dataclass(frozen=True)
class CardFigure:
    """A picture of the card: `path` as seen from the card, and what it shows."""

    path: str
    caption: str


def card_template() -> str:
    """The card's template. Raises FileNotFoundError when the installation lacks it."""
    return (resource_folder("dataset_card") / "README.md.jinja").read_text("utf-8")


def card(
    folder: Path,
    template: str,
    result: BuildResult,
    version: str,
    statistics: MarkdownTable | None = None,
    figures: Sequence[CardFigure] = (),
) -> str:
    """The card of the built `folder`, with counts of its labels.

    version: stands in every config, so that a loader's cache never hands back rows of an earlier build.
    statistics, figures: what the card shows beside the counts of its own.
    """
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template).render(
        card_data=card_data(folder, result.sizes, result.synthetic, result.dialogues, version).to_yaml(),
        result=result,
        sizes=result.sizes,
        splits=SPLITS,
        synthetic=result.synthetic,
        dialogues=result.dialogues,
        version=version,
        cmcc=vocabulary,
        counts={split: marginals_of(counts) for split, counts in count_splits(folder, result.sizes).items()},
        vocabularies=vocabulary.VOCABULARIES,
        statistics=statistics,
        figures=figures,
        rejected=result.rejected.total(),
    )


def card_data(folder: Path, sizes: Sizes, synthetic: int, dialogues: int, version: str) -> DatasetCardData:
    """The YAML head of the card."""
    data = DatasetCardData(
        pretty_name="CMCC" if synthetic < dialogues else "CMCC (synthetic sample)",
        language="zh",
        **({"license": "apache-2.0"} if synthetic == dialogues else LICENSED),
        task_categories=["text-generation", "text-classification", "token-classification"],
        size_categories=next((name for limit, name in _SIZES if dialogues < limit), "n>1M"),
        tags=["dialogue", "customer-service", "emotion", *([SYNTHETIC_TAG] if synthetic else [])],
    )
    default = next(iter(sizes))
    MetadataConfigs(
        {
            config: {
                "data_files": [{"split": split, "path": parquet_name(config, split)} for split in by_split],
                "version": version,
            }
            | ({"default": True} if config == default else {})
            for config, by_split in sizes.items()
        }
    ).to_dataset_card_data(data)
    DatasetInfosDict({config: _info(folder, config, sizes[config]) for config in sizes}).to_dataset_card_data(data)
    return data


def _info(folder: Path, config: str, by_split: dict[str, SplitSize]) -> DatasetInfo:
    splits = SplitDict()
    for split, size in by_split.items():
        splits.add(SplitInfo(split, num_bytes=size.bytes, num_examples=size.rows))
    return DatasetInfo(
        features=FEATURES[config](),
        splits=splits,
        config_name=config,
        download_size=sum((folder / parquet_name(config, split)).stat().st_size for split in by_split),
        dataset_size=sum(size.bytes for size in by_split.values()),
    )
