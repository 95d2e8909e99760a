"""Low-rank adapters (LoRA) of a frozen causal LM, with peft: add one for training, save it, merge it into its base.

Next to the low-rank changes of all linear layers, the rows of the text form's tokens are trained: in the embeddings
and, if they have weights of their own, in the output layer. (With peft's `trainable_token_indices` as a plain list, an
output layer of its own would keep random rows for these tokens, and the model could never write them.)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.utils.other import TrainableTokensWrapper
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn import Module
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import write_json
from cmcc_bench.models.base import ADAPTER_FILE, ADAPTER_WEIGHTS, BaseModel

# The settings of peft that differ from its defaults. Those that do more (load other weights, import modules) are never
# taken from a file.
_SETTINGS = (
    "r", "lora_alpha", "lora_dropout", "target_modules", "trainable_token_indices", "fan_in_fan_out",
)  # fmt: skip
_NEUTRAL = ("base_model_name_or_path", "revision", "inference_mode", "peft_version")  # change no result


@dataclass(frozen=True)
class AdapterSettings:
    """The rank of the changes, the factor alpha (they are multiplied by alpha / rank) and the dropout before them."""

    rank: int
    alpha: int
    dropout: float


def add_adapter(model: PreTrainedModel, tokens: list[int], settings: AdapterSettings, base: BaseModel) -> PeftModel:
    """Wraps a model for training: only the adapter's weights and the rows of `tokens` are trained.

    Weights are drawn with torch's seed; the first outputs are those of the model. Raises cmcc.DataError if the output
    layer has a bias, which peft would leave out.
    """
    names = {module: name for name, module in model.named_modules()}
    embeddings: Any = model.get_input_embeddings()
    output: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if getattr(output, "bias", None) is not None:
        hint = "Choose another backbone, or train all weights: --adapter none"
        raise DataError("its output layer has a bias, which an adapter would lose", "", hint, model=base.name)
    layers = [embeddings] if output is None or output.weight is embeddings.weight else [embeddings, output]
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        trainable_token_indices={names[layer]: tokens for layer in layers},
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    wrapped = _wrap(model, config)
    # Only now: get_peft_model would write the path of the folder in place of the name.
    wrapped.peft_config["default"].base_model_name_or_path = base.name
    wrapped.peft_config["default"].revision = base.revision
    return wrapped


def save_adapter(folder: Path, model: PeftModel) -> None:
    """Writes adapter_config.json and adapter_model.safetensors.

    peft's save_pretrained is not used: it writes the target modules in the order of a set, which changes from run to
    run, a card of its own, and all embeddings if tokens were added.
    """
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(weights.items())}
    save_file(tensors, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = model.peft_config["default"].to_dict() | {"inference_mode": True}
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in config.items()}
    write_json(folder / ADAPTER_FILE, plain, sort_keys=True)


def merge_adapter(model: PreTrainedModel, folder: Path, settings: Mapping[str, Any]) -> PreTrainedModel:
    """Adds the adapter in a folder to its base and returns the base, changed in place.

    settings: the contents of adapter_config.json. New rows of the embeddings may have any values.
    Raises cmcc.DataError for settings that `add_adapter` does not use, and for weights that are missing, of another
    model or no safetensors.
    """
    wrapped = _with_settings(model, folder, settings)
    try:
        weights = load_file(folder / ADAPTER_WEIGHTS)
        expected = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
        shapes = [{name: tensor.shape for name, tensor in tensors.items()} for tensors in (weights, expected)]
        if shapes[0] != shapes[1]:
            raise ValueError("weights of another model")
    except (OSError, ValueError, SafetensorError) as error:
        reason = printable(str(error).split("\n")[0])
        hint = "Copy the adapter again from the run that trained it, with its base model."
        raise DataError(reason, "the adapter's weights", hint, file=str(folder / ADAPTER_WEIGHTS)) from error
    set_peft_model_state_dict(wrapped, weights)
    merged: PreTrainedModel = wrapped.merge_and_unload()
    return merged


def _with_settings(model: PreTrainedModel, folder: Path, settings: Mapping[str, Any]) -> PeftModel:
    """The base with an adapter of these settings, which has no weights yet; an error for unknown settings."""
    try:
        config = LoraConfig(task_type="CAUSAL_LM", **{name: settings[name] for name in _SETTINGS})
        known = config.to_dict()  # type: ignore[no-untyped-call]
        other = [
            name for name in sorted(settings.keys() - {*_SETTINGS, *_NEUTRAL}) if known.get(name) != settings[name]
        ]
        if other:
            raise ValueError(", ".join(other))
        highest = max(index for indices in settings["trainable_token_indices"].values() for index in indices)
        if highest >= model.get_input_embeddings().get_parameter("weight").shape[0]:
            model.resize_token_embeddings(highest + 1, mean_resizing=False)
        return _wrap(model, config)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        hint = "Merge the adapter into its base with the program that trained it, and name the merged model."
        problem = f"not an adapter of cmcc train dialogue for this base ({printable(str(error))})"
        raise DataError(problem, "", hint, file=str(folder / ADAPTER_FILE)) from error


def _wrap(model: PreTrainedModel, config: LoraConfig) -> PeftModel:
    """The model with an adapter. Raises cmcc.DataError if peft does not train the tokens' rows in both layers."""
    with _quiet():
        wrapped: PeftModel = get_peft_model(model, config)
    output: Module | None = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    layers = (model.get_input_embeddings(), output)
    if not all(layer is None or isinstance(layer, TrainableTokensWrapper) for layer in layers):
        hint = "Choose another backbone, or train all weights: --adapter none"
        raise DataError("peft cannot train single tokens of this model", "", hint, model=model.config.name_or_path)
    return wrapped


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides warnings of one library about another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
