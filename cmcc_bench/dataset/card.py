"""The dataset card, README.md, of a built folder. Its YAML header lists the configs, files and features for loaders."""

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

# Real calls are gated: the Hub gives access only after approval. The license is not in the Hub's list, hence `other`.
LICENSED: dict[str, Any] = {
    "license": "other",
    "license_name": "mobilecs",
    "license_link": "http://seretod.org/Challenge.html",
    "extra_gated_prompt": (
        "These are transcripts of real customer-service calls, licensed by China Mobile. Request access only if you"
        " hold a license for MobileCS or CMCC. Do not share the texts, and do not try to identify the speakers."
    ),
    "extra_gated_fields": {
        "Name": "text",
        "Affiliation": "text",
        "I hold a license for MobileCS or CMCC and comply with it": "checkbox",
    },
}
SYNTHETIC_TAG = "synthetic"  # the tag of data sets with simulated dialogues, and of what is made from them

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


class MarkdownTable(Protocol):
    """A table that can be written as Markdown, for example a ReportTable of cmcc_bench.reports."""

    def markdown(self) -> str:
        """The table as Markdown, under a heading of level 3."""


@dataclass(frozen=True)
class CardFigure:
    """A figure of the card: its path relative to the card, and its caption."""

    path: str
    caption: str


def card_template() -> str:
    """The Jinja template of the card. Raises FileNotFoundError if it is not part of the installation."""
    return (resource_folder("dataset_card") / "README.md.jinja").read_text("utf-8")


def card(
    folder: Path,
    template: str,
    result: BuildResult,
    version: str,
    statistics: MarkdownTable | None = None,
    figures: Sequence[CardFigure] = (),
) -> str:
    """The text of the card of the built `folder`, with counts of its labels.

    version: written into every config, so that a loader's cache never returns rows of an earlier build.
    statistics, figures: shown in addition to the counts.
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
    """The YAML header of the card."""
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
