"""Trains a response model: the baseline, the variant with emotions and caring acts, or one of its two ablations.

    cmcc train dialogue --recipe tiny/variant --out runs/variant
    cmcc train dialogue --recipe paper/variant --dataset cmcc --out runs/paper-variant
    cmcc train dialogue --recipe llm/variant_lora --dataset cmcc --out runs/lora
    ACCELERATE_USE_CPU=1 torchrun --nproc_per_node 2 -m cmcc_bench.cli train dialogue --recipe FILE --processes 2

The best checkpoint is saved in OUT/best: a transformers folder (safetensors, tokenizer, configuration) with the text
form of the training. With `adapter: lora` it is an adapter for peft, of a few MB, which needs its backbone.
`--resume` continues an interrupted run.
Source: the paper, section 4.1; the settings are those of the baseline of SereTOD 2022's track 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from cmcc_bench.backbones import backbone_folder
from cmcc_bench.corpus import fingerprint_of
from cmcc_bench.errors import DataError
from cmcc_bench.models.base import BaseModel, folder_revision, is_adapter
from cmcc_bench.models.causal_lm import (
    commit_of,
    fit_to_tokenizer,
    generation_settings,
    load_model,
    longest_input,
    scratch_model,
)
from cmcc_bench.models.encoding import IGNORED, Encoded, closing_ids, encode_rows
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.models.tokenizer import Tokenizer, backbone_tokenizer, character_tokenizer
from cmcc_bench.textform import FORMS, SPECIAL_TOKENS, TextForm
from cmcc_bench.training.labels import check_examples, describe, labeled_rows, pseudo_labeled_rows, say
from cmcc_bench.training.loop import EncodedExamples, TrainingTask, fit, start
from cmcc_bench.training.loss import Batch, token_loss
from cmcc_bench.training.packing import packed, use_causal_attention, use_packing
from cmcc_bench.training.precision import gpu_has_bfloat16
from cmcc_bench.training.recipe import SemiSupervisedRecipe, check, setting
from cmcc_bench.training.run_folder import save_model

if TYPE_CHECKING:
    from peft import PeftModel


@dataclass(frozen=True, kw_only=True)
class DialogueRecipe(SemiSupervisedRecipe):
    """The settings of a response model."""

    task: ClassVar[str] = "dialogue"

    form: str = setting(f"text form: {', '.join(FORMS)}")
    max_length: int = setting(
        "maximum length of an exchange, in tokens; the oldest history entities are dropped first", 1024
    )
    loss_on: Literal["all", "generated"] = setting(
        "tokens in the loss; all: every token, as published; generated: only tokens that the model generates", "all"
    )
    packing: bool = setting("join the exchanges of a forward pass into one sequence, without padding", False)

    backbone_revision: str = setting("branch, tag or commit of a backbone on the Hub; empty for the newest", "")
    adapter: Literal["none", "lora"] = setting(
        "none: train all weights; lora: freeze the backbone and train a low-rank adapter (needs the extra adapters)",
        "none",
    )
    lora_rank: int = setting("rank of the adapter's changes", 16)
    lora_alpha: int = setting("factor of the adapter's changes, which are multiplied by lora_alpha / lora_rank", 32)
    lora_dropout: float = setting("dropout before the adapter's layers", 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        frozen_scratch = self.adapter != "none" and self.backbone == "scratch"
        check(not frozen_scratch, "backbone", self.backbone, "a pretrained model, because an adapter does not train it")
        check(self.lora_rank > 0, "lora_rank", self.lora_rank, "1 or more")
        check(self.lora_alpha > 0, "lora_alpha", self.lora_alpha, "1 or more")
        check(0 <= self.lora_dropout < 1, "lora_dropout", self.lora_dropout, "a number from 0 to below 1")
        check(self.form in FORMS, "form", self.form, f"one of {', '.join(FORMS)}")


RECIPE = DialogueRecipe  # of `cmcc train dialogue`


def train(recipe: DialogueRecipe) -> None:
    """Trains one model. Raises cmcc.DataError if the data, the backbone or the run's folder cannot be used."""
    accelerator = start(recipe)
    form = FORMS[recipe.form]
    rows = labeled_rows(recipe, "response")
    pseudo_rows = pseudo_labeled_rows(accelerator, recipe, "response")
    rows["train"] += pseudo_rows
    check_examples(recipe, rows)
    tokenizer, model, base = make_model(recipe, form, rows["train"])
    encoded = {name: encode_rows(form, tokenizer, rows[name], recipe.max_length) for name in rows}
    training = describe("response", recipe, rows, len(pseudo_rows), {"LoRA": recipe.adapter == "lora"}, base)
    facts: dict[str, Any] = {"cut": cuts(encoded)}
    if recipe.packing:
        is_bfloat16 = recipe.precision != "float32" and gpu_has_bfloat16(accelerator.device)
        facts["attention"] = use_packing(model, recipe.max_length, accelerator.device, flash=is_bfloat16)
    else:
        use_causal_attention(model, recipe.max_length)
    say(accelerator, rows, training, facts)
    filler = (closing_ids(tokenizer) or [tokenizer.pad_token_id])[0]
    task = TrainingTask(
        train=examples(encoded["train"]),
        validation=examples(encoded["validation"]),
        collate=partial(packed, loss_on=recipe.loss_on) if recipe.packing else collator(filler, recipe.loss_on),
        loss=token_loss,
        save=lambda folder: save(folder, model, tokenizer, form, training),
        fingerprint=fingerprint_of([*rows["train"], *rows["validation"]]),
        facts={**training.as_dict(), **facts},
        is_packed=recipe.packing,
    )
    # With the revision that was found: a run is not resumed from another state of the backbone.
    revision = (base.revision if base else None) or recipe.backbone_revision
    fit(accelerator, replace(recipe, backbone_revision=revision), model, task)


def make_model(
    recipe: DialogueRecipe, form: TextForm, rows: Iterable[Mapping[str, Any]]
) -> tuple[Tokenizer, PreTrainedModel | PeftModel, BaseModel | None]:
    """Creates a tokenizer and a model: from scratch, with the characters of the rows, or from a backbone.

    Also returns the backbone, if its revision is known: it comes from the Hub, or an adapter is trained.
    """
    base = None
    if recipe.backbone == "scratch":
        tokenizer: Tokenizer = character_tokenizer(text for row in rows for text in form.write(row))
        sizes = {"layers": recipe.layers, "width": recipe.width, "heads": recipe.heads}
        model: PreTrainedModel | PeftModel = scratch_model(
            tokenizer, **sizes, positions=recipe.max_length, dropout=recipe.dropout
        )
    else:
        tokenizer, model, base = _fine_tuned(recipe)
    limit = longest_input(model)
    check(
        limit is None or recipe.max_length <= limit,
        "max_length",
        recipe.max_length,
        f"at most {limit}, the limit of the model",
    )
    return tokenizer, model, base


def _fine_tuned(recipe: DialogueRecipe) -> tuple[Tokenizer, PreTrainedModel | PeftModel, BaseModel | None]:
    """The tokenizer and the model of a backbone, with an adapter if the recipe has one; and the backbone, if known."""
    name, has_adapter = backbone_folder(recipe.backbone), recipe.adapter == "lora"
    if has_adapter and is_adapter(name):
        hint = f"Merge it first: cmcc export {name} --merged FOLDER"
        raise DataError("the backbone is itself an adapter", "a whole model", hint, model=recipe.backbone)
    commit = commit_of(name, recipe.backbone_revision)
    tokenizer = backbone_tokenizer(name, revision=commit)
    model = load_model(name, fused=True, revision=commit, only_safetensors=has_adapter)
    added = fit_to_tokenizer(model, tokenizer)
    if not has_adapter:
        return tokenizer, model, BaseModel(recipe.backbone, commit) if commit else None
    from cmcc_bench.models.adapter import AdapterSettings, add_adapter  # peft, which other runs do not need

    base = BaseModel(recipe.backbone, commit or folder_revision(name))
    special: list[int] = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))  # type: ignore[assignment]
    settings = AdapterSettings(recipe.lora_rank, recipe.lora_alpha, recipe.lora_dropout)
    return tokenizer, add_adapter(model, sorted({*special, *added}), settings, base), base


def examples(encoded: Sequence[Encoded]) -> EncodedExamples:
    """The examples for the training loop."""
    return EncodedExamples(encoded, [len(exchange.ids) for exchange in encoded])


def collator(filler: int, loss_on: str) -> Callable[[list[Encoded]], Batch]:
    """The collate function: input_ids and labels, both [exchanges, longest], padded on the right.

    filler: the token for padding. It is not the pad token, because transformers would warn of a missing attention mask.
    """

    def collate(exchanges: list[Encoded]) -> Batch:
        """A padded batch of exchanges; tokens without a loss have the label IGNORED."""
        ids = [torch.as_tensor(exchange.ids, dtype=torch.long) for exchange in exchanges]
        labels = [
            tokens if loss_on == "all" else tokens.masked_fill(~torch.as_tensor(exchange.generated), IGNORED)
            for tokens, exchange in zip(ids, exchanges, strict=True)
        ]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=filler),
            "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
        }

    return collate


def save(
    folder: Path,
    model: PreTrainedModel | PeftModel,
    tokenizer: Tokenizer,
    form: TextForm,
    training: TrainingRecord,
) -> None:
    """Writes the model and the tokenizer for transformers' Auto classes, the text form and the training record.

    Of a model with an adapter, it writes the adapter alone, for peft's Auto classes.
    """
    if isinstance(model, PreTrainedModel):
        model.generation_config = generation_settings(form, tokenizer)
        save_model(folder, model, tokenizer, training)
    else:
        from cmcc_bench.models.adapter import save_adapter

        save_adapter(folder, model)
        tokenizer.save_pretrained(folder)
        training.save(folder)
    form.save(folder)


def cuts(encoded: Mapping[str, Sequence[Encoded]]) -> dict[str, int]:
    """Counts of what was dropped from exchanges longer than max_length, summed over the splits."""
    all_exchanges = [exchange for split in encoded.values() for exchange in split]
    return {
        "exchanges": sum(bool(exchange.cut_names or exchange.cut_tokens) for exchange in all_exchanges),
        "history_entities": sum(exchange.cut_names for exchange in all_exchanges),
        "first_tokens": sum(exchange.cut_tokens for exchange in all_exchanges),
    }
