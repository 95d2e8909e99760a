"""What goes to the Hub beside a model's weights: its card, and its results for the data set's leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants

from cmcc_bench.cards.model_card import write_model_card
from cmcc_bench.cards.scores import Scored, score_run
from cmcc_bench.corpus import HUB_ID
from cmcc_bench.errors import DataError, printable
from cmcc_bench.hub.errors import hub_errors
from cmcc_bench.hub.push import full_name, user_name
from cmcc_bench.hub.results import TASKS, eval_entries, eval_file
from cmcc_bench.types import Progress


class ModelPages:
    """The pages of one model that is pushed, made of the same scores.

    best: the folder of the checkpoint (hub.artifact.best_folder). repository: as the user names it. dataset: to score
    on; by default the data set on the Hub where one is named, or else what each file of predictions says. dataset_id:
    of that data set on the Hub; without one there are no results for its leaderboard.
    Raises cmcc.DataError for a dataset_id that is none.
    """

    def __init__(
        self,
        api: HfApi,
        best: Path,
        repository: str,
        dataset: str | None = None,
        dataset_id: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        if dataset_id is not None:
            check_hub_id(dataset_id)
        self.api, self.best, self.dataset_id = api, best, dataset_id
        self._dataset, self._repository, self._progress = dataset or dataset_id, repository, progress

    @cached_property
    def repository(self) -> str:
        """The whole id; the user's name is asked for only where it is a part of it."""
        return full_name(self.api, self._repository)

    @cached_property
    def scored(self) -> Sequence[Scored]:
        """The run's scores; computed only where a page needs them, and once."""
        return score_run(self.best, self._dataset, progress=self._progress)

    def card(self, facts: Mapping[str, Any]) -> str:
        """README.md. facts: what is known of the training (hub.artifact.run_facts)."""
        return write_model_card(self.best, facts, self.repository, self.scored, self.dataset_id)

    def results(self) -> tuple[bytes | None, str]:
        """`.eval_results/cmcc.yaml`, None where there is nothing to say; and what the plan says of it."""
        if self.dataset_id is None:
            hint = "name its data set with --dataset-id ORGANIZATION/NAME"
            return None, f"no results for a leaderboard on the Hub: {hint}"
        with hub_errors(dataset=self.dataset_id):
            revision = self.api.dataset_info(self.dataset_id).sha
        url = f"{constants.ENDPOINT}/{self.repository}"
        entries = eval_entries(self.scored, self.dataset_id, revision, url, user_name(self.api))
        if not entries:
            tasks = ", ".join(TASKS)
            return None, f"no results for {self.dataset_id}: no predictions beside the checkpoint give any of {tasks}"
        values = ", ".join(f"{entry.task_id} {entry.value}" for entry in entries)
        return eval_file(entries), f"results for {self.dataset_id}: {values}"


def check_hub_id(name: str) -> None:
    """Raises cmcc.DataError unless the name may be that of a repository on the Hub."""
    if not HUB_ID.fullmatch(name):
        raise DataError(printable(name), "an id such as ORGANIZATION/NAME", dataset_id=name)
