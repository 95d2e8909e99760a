"""A run's folder: the state that --resume goes on from, the best checkpoint, run.json. Only one process writes it.

    RUN/best/        the best checkpoint by dev loss, a plain folder of transformers
    RUN/state-12/    weights, optimizer and progress after 12 steps: safetensors and JSON
    RUN/run.json     what was run on what, and how it went
    RUN/tensorboard/

Everything is written under another name first and then renamed, so that a kill leaves the old one or the new one.

When: the loop ends an epoch with best/ (if it is the best so far), run.json and state-STEP, in this order; with
save_every, a state is written after every so many steps, too. A kill costs what was done since the last state, which is
done again and gives the same; as the state comes last, it never counts an epoch whose best/ and run.json are missing.

Why a resumed run comes to the same weights, bit by bit: weights and moments are saved as they are, in float32; the
batches of an epoch follow from seed and epoch, and `batch` says how many of them are done; the learning rate follows
from the step; and each forward pass seeds its dropout from its place in the run (loop._seed_forward_pass), so that no
state of a random number generator has to be kept. A changed setting or other data would break this silently: they are
compared.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import new_folder, write_json
from cmcc_bench.models.record import TrainingRecord, with_current_keys
from cmcc_bench.models.tokenizer import Tokenizer

_WEIGHTS, _MOMENTS, _PROGRESS = "model.safetensors", "optimizer.safetensors", "progress.json"  # of a state
_FROM_START = "To start again, choose another folder with --out or remove this one."
# Settings that may change when a run is resumed: a folder may be moved, and a step's gradient is the same sum over any
# number of processes, up to rounding.
_NOT_COMPARED = ("out", "resume", "processes")


@dataclass
class TrainingProgress:
    """How far a run is.

    batch: steps done in this epoch. seconds: of everything since the first step; learning: of the steps alone.
    tokens: those learned from, without padding; padded: with it. bfloat16: whether it computes in that, None before
    that is decided; probe: what was measured to decide it, in seconds a pass.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    learning: float = 0.0
    tokens: int = 0
    padded: int = 0
    dev_losses: list[float] = field(default_factory=list)
    bfloat16: bool | None = None
    probe: dict[str, float] = field(default_factory=dict)

    @property
    def best_epoch(self) -> int | None:
        """The number, from 0, of the epoch with the lowest dev loss; the first of equals."""
        return min(range(len(self.dev_losses)), key=self.dev_losses.__getitem__, default=None)

    @property
    def speed(self) -> float:
        """Tokens learned from in a second of learning."""
        return self.tokens / max(self.learning, 1e-9)

    def add(self, seconds: float, tokens: int, padded: int) -> None:
        """Counts a step."""
        self.batch += 1
        self.step += 1
        self.learning += seconds
        self.tokens += tokens
        self.padded += padded

    def end_epoch(self, dev_loss: float) -> None:
        """Counts an epoch."""
        self.epoch += 1
        self.batch = 0
        self.dev_losses.append(dev_loss)


def open_run(folder: Path, recipe: Mapping[str, Any], fingerprint: str, resume: bool) -> Path | None:
    """Prepares a run's folder; the newest state in it, or None where the run starts.

    Raises cmcc.DataError when the folder holds a run and `resume` is false, or holds one of another recipe or data, or
    one whose state is gone or damaged: a run that should be resumed is never started again.
    """
    states = _states(folder)
    if not states:
        # A run whose state is gone must not start again: it would overwrite the best checkpoint that it still has.
        if resume and ((folder / "run.json").exists() or (folder / "best").exists()):
            hint = f"Restore the folder state-STEP from a copy. {_FROM_START}"
            raise DataError("the run has no state-STEP folder to resume from", "", hint, folder=str(folder))
        return None
    if not resume:
        hint = "Choose another folder with --out, resume it with --resume, or remove it."
        raise DataError("the folder already holds a run", "", hint, folder=str(folder))
    before = _read_facts(states[-1])
    old_recipe = with_current_keys(before["recipe"])
    changed = [
        f"{key} (was {old_recipe.get(key)!r}, is {value!r})"
        for key, value in recipe.items()
        if key not in _NOT_COMPARED and old_recipe.get(key) != value
    ]
    if before["fingerprint"] != fingerprint:
        changed.append("the data")
    if changed:
        hint = "Choose another folder with --out, or use the settings and data of the first start."
        raise DataError(f"changed since the first start: {', '.join(changed)}", "", hint, folder=str(folder))
    return states[-1]


def save_state(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: TrainingProgress,
    recipe: Mapping[str, Any],
    fingerprint: str,
) -> None:
    """Writes RUN/state-STEP and removes the older ones.

    It holds no state of random numbers: the loop seeds every forward pass from its place in the run.
    """
    state = folder / f"state-{progress.step}"
    with new_folder(state) as part:
        save_file(_weights(model), part / _WEIGHTS)
        save_file(_moments(model, optimizer), part / _MOMENTS)
        facts = {"progress": asdict(progress), "recipe": dict(recipe), "fingerprint": fingerprint}
        write_json(part / _PROGRESS, facts)
    # Only now that the new one is there whole. After a kill within this loop open_run takes the newest.
    for old in _states(folder):
        if old != state:
            shutil.rmtree(old)


def load_state(state: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> TrainingProgress:
    """Puts a state's weights and moments in place, bit by bit, and returns how far it was.

    Raises cmcc.DataError, which names the file, where one is missing, cut short, or of another model.
    """
    progress = TrainingProgress(**_read_facts(state)["progress"])
    weights = _weights(model)
    saved = _read_tensors(state / _WEIGHTS, {name: tensor.shape for name, tensor in weights.items()})
    parameters = dict(model.named_parameters())
    moments = _read_tensors(state / _MOMENTS, None)
    # AdamW keeps three tensors a parameter: PARAMETER/exp_avg and /exp_avg_sq in its shape, PARAMETER/step, a scalar.
    # None of a parameter that has had no gradient yet, and none at all in a state of step 0.
    keys = {name: [key for key in moments if key.rpartition("/")[0] == name] for name in parameters}
    shapes = {key: (parameters[name].shape, torch.Size()) for name, found in keys.items() for key in found}
    differ = any(tensor.shape not in shapes.get(key, ()) for key, tensor in moments.items())
    if differ or (progress.step and not moments):
        raise _damaged(state / _MOMENTS, "optimizer moments of another model, or none", "those of this model")
    # All is checked before anything is changed. In place: the optimizer and accelerate hold these very tensors.
    with torch.no_grad():
        for name, tensor in weights.items():
            tensor.copy_(saved[name])
    for name, parameter in parameters.items():
        if keys[name]:
            found = {key.rpartition("/")[2]: moments[key].to(parameter.device) for key in keys[name]}
            optimizer.state[parameter] = found
    return progress


def _states(folder: Path) -> list[Path]:
    """The folders state-STEP of a run, the oldest first; others, such as a copy `state-12 (1)`, are none."""
    found = [path for path in folder.glob("state-*") if re.fullmatch(r"state-\d+", path.name, re.ASCII)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("state-")))


def _read_facts(state: Path) -> dict[str, Any]:
    """What a state's progress.json says. Raises cmcc.DataError where it is missing, cut short, or something else."""
    path = state / _PROGRESS
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        progress = TrainingProgress(**facts["progress"])
        if not isinstance(facts["recipe"], dict) or not isinstance(facts["fingerprint"], str):
            raise TypeError("recipe or fingerprint has the wrong type")
        numbers = [getattr(progress, name) for name in ("epoch", "batch", "step", "tokens", "padded")]
        losses = progress.dev_losses
        are_numbers = isinstance(losses, list) and all(type(loss) in (int, float) for loss in losses)
        if not all(type(number) is int and number >= 0 for number in numbers) or not are_numbers:
            raise TypeError("progress must be numbers")
    except OSError as error:
        raise _damaged(path, error.strerror or type(error).__name__, "a JSON file") from error
    except (ValueError, KeyError, TypeError) as error:
        reason = printable(f"{type(error).__name__}: {error}".split("\n")[0])
        raise _damaged(path, reason, "a file that cmcc train wrote") from error
    return facts


def _read_tensors(path: Path, shapes: Mapping[str, torch.Size] | None) -> dict[str, torch.Tensor]:
    """A file of tensors. shapes: that they must have, by name. Raises cmcc.DataError for anything else."""
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except OSError as error:
        raise _damaged(path, error.strerror or str(error), "a safetensors file") from error
    except SafetensorError as error:
        raise _damaged(path, f"a truncated file, or not safetensors ({error})", "a safetensors file") from error
    if shapes is not None and {name: tensor.shape for name, tensor in tensors.items()} != dict(shapes):
        raise _damaged(path, "weights of another model", "those of the model of this recipe")
    return tensors


def _damaged(path: Path, found: str, expected: str) -> DataError:
    """The error for a state that cannot be resumed, with what to do."""
    state = path.parent
    older = [other for other in _states(state.parent) if other.name != state.name]
    fix = f"Remove {state} to resume from {older[-1].name}." if older else f"Restore {path.name} from a backup."
    return DataError(found, expected, f"{fix} {_FROM_START}", file=str(path))


def _weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers by name; tied ones once."""
    return {name: tensor.detach() for name, tensor in (*model.named_parameters(), *model.named_buffers())}


def _moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """What the optimizer keeps of each parameter, as PARAMETER/NAME; all of it are tensors for AdamW."""
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def save_best(folder: Path, save: Callable[[Path], None]) -> None:
    """Makes RUN/best anew; `save` writes the model, and what belongs to it, into the folder that it is given."""
    with new_folder(folder / "best") as part:
        save(part)


def save_model(folder: Path, model: PreTrainedModel, tokenizer: Tokenizer, training: TrainingRecord) -> None:
    """Writes a model's folder: weights and configuration, the tokenizer, and what is known of the training."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    training.save(folder)


def write_run(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes run.json."""
    write_json(folder / "run.json", facts)
