"""The pages that are published with a model's weights: its card, and its results for the Hub's leaderboard."""

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
    """Card and results of a model that is pushed; both show the same scores.

    best: the folder of the checkpoint (hub.artifact.best_folder). repository: the name that the user gave, with or
    without an organization. dataset: the data set to score on (default: dataset_id, or else the one that each file of
    predictions names). dataset_id: id of the data set on the Hub; without it there are no results for its leaderboard.
    Raises cmcc.DataError for an invalid dataset_id.
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
        """The full id. The Hub is asked for the user's name only if the given name has no organization."""
        return full_name(self.api, self._repository)

    @cached_property
    def scored(self) -> Sequence[Scored]:
        """The run's scores; computed once, and only if a page needs them."""
        return score_run(self.best, self._dataset, progress=self._progress)

    def card(self, facts: Mapping[str, Any]) -> str:
        """The text of README.md. facts: about the training (hub.artifact.run_facts)."""
        return write_model_card(self.best, facts, self.repository, self.scored, self.dataset_id)

    def results(self) -> tuple[bytes | None, str]:
        """`.eval_results/cmcc.yaml`, or None if there are no results; and a note for the plan."""
        if self.dataset_id is None:
            hint = "to add them, give the data set's id with --dataset-id ORGANIZATION/NAME"
            return None, f"no results for a leaderboard on the Hub; {hint}"
        with hub_errors(dataset=self.dataset_id):
            revision = self.api.dataset_info(self.dataset_id).sha
        url = f"{constants.ENDPOINT}/{self.repository}"
        entries = eval_entries(self.scored, self.dataset_id, revision, url, user_name(self.api))
        if not entries:
            tasks = ", ".join(TASKS)
            return None, f"no results for {self.dataset_id}: no predictions in the run's folder for any of {tasks}"
        values = ", ".join(f"{entry.task_id} {entry.value}" for entry in entries)
        return eval_file(entries), f"results for {self.dataset_id}: {values}"


def check_hub_id(name: str) -> None:
    """Raises cmcc.DataError unless the name is a valid id of a repository on the Hub."""
    if not HUB_ID.fullmatch(name):
        hint = "Give the data set's id on the Hub."
        raise DataError(printable(name), "an id such as ORGANIZATION/NAME", hint, dataset_id=name)
