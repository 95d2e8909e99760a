"""Trains the small backbone that ships: the tiny recipes fine-tune it, as the paper fine-tunes a Chinese GPT-2.

    make backbone                                                 # also fine-tunes the variant, and packages both
    python -m cmcc_bench.training.backbone --out runs/backbone

It is trained on SYNTHETIC calls only, with a seed used nowhere else. Its architecture is Llama's (rotary positions,
tied embeddings), its vocabulary the characters of the simulator. It is trained on exchanges in the text form:
those of one call in the baseline's form, those of the next call in the variant's, so that it learns both forms
equally well. The loss counts only the tokens that a model has to generate. A model learns late to copy a value from
the KB result, and needs many different values for it: all exchanges with a KB result are used, and a share of the
others.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from cmcc_bench.backbones import backbone_folder
from cmcc_bench.errors import DataError
from cmcc_bench.models.causal_lm import backbone_model
from cmcc_bench.models.encoding import IGNORED, encode_rows
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.models.tokenizer import Tokenizer, backbone_tokenizer, character_tokenizer
from cmcc_bench.reader.dialogue import Dialogue
from cmcc_bench.reader.folder import read_dialogues
from cmcc_bench.simulate import write_corpus
from cmcc_bench.simulate.dialogue import SIMULATOR
from cmcc_bench.terminal import make_streams_tolerant
from cmcc_bench.textform import FORMS, TextForm
from cmcc_bench.training.dialogue import collator
from cmcc_bench.training.loop import EncodedExamples, TrainingTask, fit, start
from cmcc_bench.training.loss import Batch
from cmcc_bench.training.recipe import Recipe, check, parse_recipe, setting
from cmcc_bench.views.response import response_rows

_FORMS = (FORMS["baseline"], FORMS["variant"])


class CompactExchange(NamedTuple):
    """An encoded exchange (models.encoding.Encoded) as arrays, which take less memory; both [length]."""

    ids: NDArray[np.int32]
    generated: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class BackboneRecipe(Recipe):
    """The settings of the backbone. The defaults are those of the backbone that ships."""

    task: ClassVar[str] = "backbone"

    out: str = setting("folder of the run", "runs/backbone")
    epochs: int = setting("number of epochs", 1)
    batch_size: int = setting("exchanges in one forward pass", 32)
    group: int = setting("exchanges of similar length that stay together in a step", 32)
    learning_rate: float = setting("peak learning rate, after the warm-up", 3e-3)
    warmup: float = setting("warm-up fraction", 0.03)
    weight_decay: float = setting("of AdamW", 0.01)
    precision: Literal["auto", "float32", "bfloat16"] = setting("number format of the computation", "float32")
    dialogues: int = setting("number of simulated training dialogues", 44_000)
    validation: int = setting("number of simulated validation dialogues, with the next seed", 100)
    data_seed: int = setting("seed of the simulator", 1_000_003)
    share: float = setting("share of the exchanges without a KB result that are used", 0.3)
    backbone: str = setting("backbone to continue from; scratch: none", "scratch")
    layers: int = setting("number of layers", 3)
    width: int = setting("hidden size", 128)
    heads: int = setting("number of attention heads", 4)
    hidden: int = setting("intermediate size", 352)
    max_length: int = setting("longest exchange in tokens; also the model's positions", 512)

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = {
            "dialogues": 1,
            "validation": 1,
            "data_seed": 0,
            "layers": 1,
            "hidden": 1,
            "heads": 1,
            "max_length": 2,
        }
        self.check_least(limits)
        check(0 <= self.share <= 1, "share", self.share, "a number from 0 to 1")
        whole = self.width > 0 and self.width % (2 * self.heads) == 0  # rotary positions turn pairs of dimensions
        check(whole, "width", self.width, f"a multiple of twice the number of heads, {2 * self.heads}")


def main() -> int:
    """Trains the backbone that the command line describes."""
    make_streams_tolerant()
    try:
        train(parse_recipe(BackboneRecipe, str(__doc__), sys.argv[1:], "python -m cmcc_bench.training.backbone"))
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def train(recipe: BackboneRecipe) -> None:
    """Simulates the calls, trains the model and writes OUT. Raises cmcc.DataError if OUT cannot be used."""
    accelerator = start(recipe)
    exchanges = list(_exchanges(recipe.dialogues, recipe.data_seed, recipe.share))
    dev = list(_exchanges(recipe.validation, recipe.data_seed + 1, 1.0))
    if recipe.backbone == "scratch":
        tokenizer: Tokenizer = character_tokenizer(text for form, row in exchanges for text in form.write(row))
        model: PreTrainedModel = _new_model(recipe, tokenizer)
    else:
        name = backbone_folder(recipe.backbone)
        tokenizer = backbone_tokenizer(name)
        model = backbone_model(name, tokenizer)
    facts = {"task": "backbone", "synthetic": True, "simulator": SIMULATOR, "forms": [form.name for form in _FORMS]}
    task = TrainingTask(
        train=_examples(exchanges, tokenizer, recipe.max_length),
        validation=_examples(dev, tokenizer, recipe.max_length),
        collate=collator(int(tokenizer.pad_token_id or 0), loss_on="generated"),
        loss=generated_loss,
        save=lambda folder: _save(folder, model, tokenizer, recipe.dialogues),
        fingerprint=_digest(exchanges + dev),
        facts=facts,
    )
    fit(accelerator, recipe, model, task)


def _exchanges(dialogues: int, seed: int, share: float) -> Iterator[tuple[TextForm, dict[str, Any]]]:
    """Yields exchanges with their form: the forms take turns, call by call."""
    chance = random.Random(seed)
    for number, dialogue in enumerate(simulated_dialogues(dialogues, seed)):
        for row in response_rows(dialogue.row):
            if row["kb_result"] or chance.random() < share:
                del row["kb"], row["goal"]
                yield _FORMS[number % len(_FORMS)], row


def simulated_dialogues(dialogues: int, seed: int) -> Iterator[Dialogue]:
    """Yields labeled dialogues that are simulated with this seed."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), dialogues, 0, seed)
        yield from read_dialogues(folder)


def _digest(exchanges: Sequence[tuple[TextForm, dict[str, Any]]]) -> str:
    digest = sha256()
    for form, row in exchanges:
        digest.update("\n".join(form.write(row)).encode())
    return digest.hexdigest()


def _examples(
    exchanges: Sequence[tuple[TextForm, dict[str, Any]]], tokenizer: Tokenizer, max_length: int
) -> EncodedExamples:
    items: list[CompactExchange] = []
    for form in _FORMS:
        rows = [row for row_form, row in exchanges if row_form is form]
        for first in range(0, len(rows), 10_000):
            items += [
                CompactExchange(np.array(encoded.ids, np.int32), np.array(encoded.generated, np.bool_))
                for encoded in encode_rows(form, tokenizer, rows[first : first + 10_000], max_length)
            ]
    return EncodedExamples(items, [len(ids) for ids, _ in items])


def _new_model(recipe: BackboneRecipe, tokenizer: Tokenizer) -> PreTrainedModel:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        max_position_embeddings=recipe.max_length,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def generated_loss(model: Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Returns the loss of loss.token_loss without computing logits of tokens that do not count: a fifth of the time."""
    plain: Any = getattr(model, "module", model)
    hidden = plain.base_model(input_ids=batch["input_ids"], use_cache=False).last_hidden_state
    # hidden: [exchanges, longest, width]
    next_tokens = batch["labels"][:, 1:]
    counted = next_tokens != IGNORED
    logits = plain.get_output_embeddings()(hidden[:, :-1][counted])  # [tokens that count, vocabulary]
    return cross_entropy(logits.float(), next_tokens[counted], reduction="sum"), counted.sum()


def _save(folder: Path, model: PreTrainedModel, tokenizer: Tokenizer, calls: int) -> None:
    """Saves model and tokenizer, and records that the data were synthetic: models fine-tuned from it say so, too."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    TrainingRecord("backbone", synthetic=True, licensed=False, simulated_calls=calls).save(folder)


if __name__ == "__main__":
    raise SystemExit(main())
