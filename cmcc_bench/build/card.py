"""The README.md of a built folder: the dataset card, whose YAML tells loaders the configs, files and features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jinja2
from datasets import DatasetInfo
from datasets.info import DatasetInfosDict
from datasets.splits import SplitDict, SplitInfo
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

import cmcc
from cmcc_bench.build.parquet import parquet_name
from cmcc_bench.rooms import room


@dataclass(frozen=True)
class SplitSize:
    """A split's number of rows, and its bytes as Arrow tables (what loading it takes)."""

    rows: int
    bytes: int


Sizes = dict[str, dict[str, SplitSize]]  # by config and split

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(folder: Path, sizes: Sizes, synthetic: int, dialogues: int, version: str) -> None:
    """Writes the card of the built `folder`.

    synthetic: how many of the `dialogues` the simulator made, which the card then says at its head.
    version: stands in every config, so that a loader's cache never hands back rows of an earlier build.
    """
    template = (room("dataset_card") / "README.md.jinja").read_text("utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    text = environment.from_string(template).render(
        card_data=card_data(folder, sizes, synthetic, dialogues, version).to_yaml(),
        sizes=sizes,
        splits=cmcc.SPLITS,
        synthetic=synthetic,
        dialogues=dialogues,
        version=version,
        cmcc=cmcc,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def card_data(folder: Path, sizes: Sizes, synthetic: int, dialogues: int, version: str) -> DatasetCardData:
    """The YAML head of the card."""
    data = DatasetCardData(
        pretty_name="CMCC" if synthetic < dialogues else "CMCC (synthetic sample)",
        language="zh",
        license="apache-2.0" if synthetic == dialogues else "other",
        license_name=None if synthetic == dialogues else "mobilecs-research",
        license_link=None if synthetic == dialogues else "http://seretod.org/Challenge.html",
        task_categories=["text-generation", "text-classification", "token-classification"],
        size_categories=next((name for limit, name in _SIZES if dialogues < limit), "n>1M"),
        tags=["dialogue", "customer-service", "emotion", *(["synthetic"] if synthetic else [])],
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
        features=cmcc.FEATURES[config](),
        splits=splits,
        config_name=config,
        download_size=sum((folder / parquet_name(config, split)).stat().st_size for split in by_split),
        dataset_size=sum(size.bytes for size in by_split.values()),
    )
