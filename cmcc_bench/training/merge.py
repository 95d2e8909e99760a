"""Merges an adapter into its base model: the result is a whole model, which needs neither peft nor the base.

cmcc export RUN/best --merged FOLDER
"""

from __future__ import annotations

from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.files import new_folder
from cmcc_bench.models.base import is_adapter
from cmcc_bench.models.causal_lm import fit_to_tokenizer, load_model
from cmcc_bench.models.record import read_training
from cmcc_bench.models.tokenizer import load_tokenizer
from cmcc_bench.textform import load_form
from cmcc_bench.training.dialogue import save


def merge(folder: Path, out: Path) -> None:
    """Writes the merged model, with the precision of the base's weights, to a new folder.

    Raises cmcc.DataError if `folder` has no adapter, its base cannot be opened, or `out` exists.
    """
    if not is_adapter(folder):
        hint = "Name the folder of a run with adapter: lora, RUN/best."
        raise DataError("not an adapter", "", hint, model=str(folder))
    if out.exists():
        raise DataError("the folder exists already", "", "Choose another --merged.", folder=str(out))
    tokenizer, form, training = load_tokenizer(folder), load_form(folder), read_training(folder)
    model = load_model(folder, "auto")
    fit_to_tokenizer(model, tokenizer)  # sets the pad token
    with new_folder(out) as part:
        save(part, model, tokenizer, form, training)
