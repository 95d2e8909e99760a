"""`cmcc predict`: decodes a split or a SereTOD Track 2 test file with a trained model and writes the predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from cmcc_bench.decoding.decoder import BATCH_SIZE, DecodingCounts, check_mode, decode
from cmcc_bench.decoding.packing import pack_linear_layers
from cmcc_bench.decoding.processes import ALONE, Processes
from cmcc_bench.decoding.run_files import PredictionRun, RunFiles, share_run
from cmcc_bench.decoding.source import FORMATS, DialogueSource, open_split, open_track2
from cmcc_bench.distribution import DATA_VERSION
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_bytes
from cmcc_bench.models.causal_lm import embedding_rows, load_model
from cmcc_bench.models.device import own_device
from cmcc_bench.models.digest import digest_of_model, parameters_of_model
from cmcc_bench.models.record import TrainingRecord, read_training
from cmcc_bench.models.tokenizer import Tokenizer, load_tokenizer
from cmcc_bench.tasks import RESPONSE, prediction_of
from cmcc_bench.textform import TextForm, load_form


@dataclass(frozen=True)
class TrainedModel:
    """A model of cmcc train dialogue, ready to decode."""

    folder: str
    model: PreTrainedModel
    tokenizer: Tokenizer
    form: TextForm


PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def open_model(folder: str | Path, is_packed: bool = True, precision: str = "float32") -> TrainedModel:
    """Opens the trained model in a folder, on the GPU of this process where there is one.

    is_packed: pack its weights for the CPU, for decoding only. precision: a key of PRECISIONS.
    Raises cmcc.DataError if the folder has no model, or if the tokenizer lacks special tokens or has more tokens than
    the model.
    """
    if not Path(folder).is_dir():
        hint = "Give the folder of a run's best checkpoint, for instance RUN/best."
        raise DataError("no such folder", "", hint, model=str(folder))
    form, tokenizer, model = load_form(Path(folder)), load_tokenizer(folder), load_model(folder, PRECISIONS[precision])
    embeddings = embedding_rows(model)
    if embeddings < len(tokenizer):
        hint = "Copy the tokenizer's files from the run that trained the model."
        problem = f"the tokenizer has {len(tokenizer)} tokens, the model only {embeddings}"
        raise DataError(problem, "", hint, model=str(folder))
    model.to(own_device())  # type: ignore[arg-type]  # transformers' types hide torch's
    if is_packed:
        pack_linear_layers(model)
    return TrainedModel(str(folder), model, tokenizer, form)


def predict(
    model_dir: str | Path,
    dataset: str,
    out: str | Path,
    *,
    split: str = "test",
    mode: str = "end2end",
    output_format: str = "jsonl",
    batch_size: int = BATCH_SIZE,
    precision: str = "float32",
    progress: Callable[[int, int], None] | None = None,
    training: TrainingRecord | None = None,
    processes: Processes = ALONE,
) -> PredictionRun:
    """Writes the predictions for every exchange of a split to `out`, sorted by dialogue id and exchange.

    dataset: a built folder, a Hub id or `sample`; with the format seretod, a Track 2 test file, and `out` is then a
    Track 2 result file. precision: a key of PRECISIONS. progress: called with the number of finished exchanges and the
    total. training: the model's record, if it was read already. processes: share the dialogues; the file is the same
    for any number of them. The record of the run is written to out.run.json. During the run out.part grows by one line
    for each dialogue; a second start continues from it. A finished run is not repeated. Returns the record of the run.
    Raises cmcc.DataError if the model, data set, split, mode or format cannot be used, or another process fails.
    """
    _check_request(mode, output_format, precision)
    source = open_track2(dataset) if output_format == "seretod" else open_split(dataset, split)
    if mode == "oracle":
        RESPONSE.check_labels(source.rows, dataset=dataset, split=split)
    trained = open_model(model_dir, precision=precision)
    training = training or read_training(trained.folder)
    run = replace(_new_run(trained, training, source, mode, output_format, batch_size), precision=precision)
    counts = DecodingCounts()

    def work(units: Sequence[int], add: Callable[[int], None]) -> Iterator[tuple[int, list[Any]]]:
        """Decodes dialogues, several at a time."""
        return _decoded(trained, source, run, units, counts, add)

    def write(files: RunFiles, lines: Iterator[Any], run: PredictionRun) -> PredictionRun:
        """Writes the predictions, by dialogue and exchange."""
        return _write(files, source, run, lines)

    sizes = list(source.sizes.values())
    return share_run(run, Path(out), sizes, work, write, processes, progress, lambda: counts.fed_tokens)


def _check_request(mode: str, output_format: str, precision: str) -> None:
    check_mode(mode)
    if precision not in PRECISIONS:
        raise DataError(f"unknown precision {precision!r}", "", f"Choose --precision {' or '.join(PRECISIONS)}.")
    if output_format not in FORMATS:
        raise DataError(f"unknown format {output_format!r}", "", f"Choose --format {' or '.join(FORMATS)}.")
    if output_format == "seretod" and mode != "end2end":
        hint = "A Track 2 test file has no gold labels for the oracle."
        raise DataError(repr(mode), "end2end with the format seretod", hint, mode=mode)


def _new_run(
    trained: TrainedModel,
    training: TrainingRecord,
    source: DialogueSource,
    mode: str,
    output_format: str,
    batch_size: int,
) -> PredictionRun:
    return PredictionRun(
        model=trained.folder,
        model_digest=digest_of_model(trained.folder),
        form=trained.form.name,
        mode=mode,
        dataset=source.dataset,
        dataset_version=source.version,
        fingerprint=source.fingerprint,
        split=source.split,
        format=output_format,
        synthetic=source.is_synthetic,
        batch_size=batch_size,
        versions=library_versions(),
        training=training.as_dict(),
        parameters=parameters_of_model(trained.folder),
    )


def library_versions() -> dict[str, str]:
    """The versions of the libraries that predictions depend on."""
    return {"cmcc": DATA_VERSION} | {name: version(name) for name in ("torch", "transformers")}


def _decoded(
    trained: TrainedModel,
    source: DialogueSource,
    run: PredictionRun,
    units: Sequence[int],
    counts: DecodingCounts,
    add: Callable[[int], None],
) -> Iterator[tuple[int, list[Any]]]:
    """Yields the number of each finished dialogue with its predictions; `add` counts exchanges.

    cut_entities: number of dropped history entities; None if the context was not cut.
    """
    ids = list(source.sizes)
    numbers = {ids[unit]: unit for unit in units}
    dialogues = (dialogue for dialogue in source.dialogues() if dialogue.dialogue_id in numbers)
    unfinished: dict[str, list[Any]] = {}
    cut_contexts = cut_entities = 0
    for prediction in decode(
        trained.model, trained.tokenizer, trained.form, dialogues, run.mode, run.batch_size, counts
    ):
        name = prediction.dialogue_id
        cut = counts.cut_entities - cut_entities if counts.cut_contexts > cut_contexts else None
        cut_contexts, cut_entities = counts.cut_contexts, counts.cut_entities
        unfinished.setdefault(name, []).append(asdict(prediction) | {"cut_entities": cut})
        if len(unfinished[name]) == source.sizes[name]:
            yield numbers[name], unfinished.pop(name)
        add(1)


def _write(files: RunFiles, source: DialogueSource, run: PredictionRun, lines: Iterator[Any]) -> PredictionRun:
    """Writes OUT and returns the record with the numbers of cut contexts and entities, over all starts."""
    values = sorted(lines, key=lambda value: (value["dialogue_id"], value["exchange"]))
    cut = [value["cut_entities"] for value in values if value["cut_entities"] is not None]
    write_bytes(files.out, source.result([prediction_of(value) for value in values]))
    return replace(run, cut_contexts=len(cut), cut_entities=sum(cut))
