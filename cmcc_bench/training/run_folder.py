"""A run's folder: the state for --resume, the best checkpoint and run.json. Only the first process writes to it.

    RUN/best/        the best checkpoint by the setting `keep`, a transformers folder
    RUN/state-12/    weights, optimizer and progress after 12 steps: safetensors and JSON
    RUN/run.json     settings, data, environment and results of the run
    RUN/tensorboard/

All files are written under a temporary name and then renamed, so a kill leaves either the old or the new version.

When: at the end of an epoch the loop writes best/ (if it is the best so far), run.json and state-STEP, in this order.
With save_every, a state is also written every so many steps. A kill loses the work since the last state, which is
repeated with the same result. Since the state comes last, it never counts an epoch without its best/ and run.json.

Why a resumed run has bit-identical weights: weights and optimizer moments are saved in float32 without conversion. The
batches of an epoch depend on seed and epoch, and `batch` counts the finished ones. The learning rate depends on the
step. Each forward pass seeds its dropout from its position in the run (loop._seed_forward_pass), so no random state has
to be saved. Changed settings or data would break this silently, so they are compared with those of the first start.
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
    """The progress of a run.

    batch: finished steps of this epoch. seconds: total time since the first step. learning: time of the steps, with
    the wait for their input, in seconds. tokens: training tokens without padding; padded: with padding. scores:
    validation scores of the epochs; empty unless `keep` needs them. keep: which epoch is the best, a setting of the
    recipe. bfloat16: whether the run computes in bfloat16; None if undecided.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    learning: float = 0.0
    tokens: int = 0
    padded: int = 0
    dev_losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    keep: str = "loss"
    bfloat16: bool | None = None

    @property
    def best_epoch(self) -> int | None:
        """The index, from 0, of the epoch whose checkpoint is kept; the first one of a tie."""
        if self.keep == "last":
            return self.epoch - 1 if self.epoch else None
        losses = [-score for score in self.scores] if self.keep == "score" else self.dev_losses
        return min(range(len(losses)), key=losses.__getitem__, default=None)

    @property
    def speed(self) -> float:
        """Training tokens per second of the steps."""
        return self.tokens / max(self.learning, 1e-9)

    def add(self, seconds: float, tokens: int, padded: int) -> None:
        """Adds a finished step."""
        self.batch += 1
        self.step += 1
        self.learning += seconds
        self.tokens += tokens
        self.padded += padded

    def end_epoch(self, dev_loss: float, score: float | None = None) -> None:
        """Adds a finished epoch."""
        self.epoch += 1
        self.batch = 0
        self.dev_losses.append(dev_loss)
        self.scores += [] if score is None else [score]


def open_run(folder: Path, recipe: Mapping[str, Any], fingerprint: str, resume: bool) -> Path | None:
    """Checks a run's folder and returns its newest state, or None for a new run.

    Raises cmcc.DataError if the folder has a run and `resume` is False, or the run has another recipe or other data, or
    its state is missing or damaged. A run that should be resumed is never restarted.
    """
    states = _states(folder)
    if not states:
        # A run without a state must not be restarted: that would overwrite its best checkpoint.
        if resume and ((folder / "run.json").exists() or (folder / "best").exists()):
            hint = f"Restore the folder state-STEP from a copy. {_FROM_START}"
            raise DataError("the run has no state-STEP folder to resume from", "", hint, folder=str(folder))
        return None
    if not resume:
        raise _holds_a_run(folder)
    _check_unchanged(folder, _read_facts(states[-1]), recipe, fingerprint)
    return states[-1]


def is_finished(folder: Path, recipe: Mapping[str, Any], fingerprint: str, resume: bool) -> bool:
    """Whether a run without states, of a training in one step, is finished. Raises cmcc.DataError as open_run does."""
    path = folder / "run.json"
    if not path.exists():
        return False
    if not resume:
        raise _holds_a_run(folder)
    try:
        before = json.loads(path.read_text("utf-8"))
        _check_unchanged(
            folder, {"recipe": dict(before["recipe"]), "fingerprint": before["fingerprint"]}, recipe, fingerprint
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(str(error), "a file that cmcc train wrote", _FROM_START, file=str(path)) from error
    return True


def _holds_a_run(folder: Path) -> DataError:
    hint = "Choose another folder with --out, resume it with --resume, or remove it."
    return DataError("the folder already holds a run", "", hint, folder=str(folder))


def _check_unchanged(folder: Path, before: Mapping[str, Any], recipe: Mapping[str, Any], fingerprint: str) -> None:
    """Raises cmcc.DataError if the recipe or the data differ from those of the first start, `before`."""
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


def save_state(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: TrainingProgress,
    recipe: Mapping[str, Any],
    fingerprint: str,
) -> None:
    """Writes RUN/state-STEP and removes older states.

    A state has no random state: the loop seeds every forward pass from its position in the run.
    """
    state = folder / f"state-{progress.step}"
    with new_folder(state) as part:
        save_file(_weights(model), part / _WEIGHTS)
        save_file(_moments(model, optimizer), part / _MOMENTS)
        facts = {"progress": asdict(progress), "recipe": dict(recipe), "fingerprint": fingerprint}
        write_json(part / _PROGRESS, facts)
    # Only after the new state is complete. After a kill in this loop, open_run uses the newest state.
    for old in _states(folder):
        if old != state:
            shutil.rmtree(old)


def load_state(state: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> TrainingProgress:
    """Loads a state's weights and optimizer moments in place and returns its progress.

    Raises cmcc.DataError with the file's path if a file is missing, truncated or of another model.
    """
    progress = TrainingProgress(**_read_facts(state)["progress"])
    weights = _weights(model)
    saved = _read_tensors(state / _WEIGHTS, {name: tensor.shape for name, tensor in weights.items()})
    parameters = dict(model.named_parameters())
    moments = _read_tensors(state / _MOMENTS, None)
    # AdamW has three tensors for each parameter: PARAMETER/exp_avg and /exp_avg_sq in its shape, PARAMETER/step, a
    # scalar. There are none for a parameter without a gradient so far, and none at all in a state of step 0.
    keys = {name: [key for key in moments if key.rpartition("/")[0] == name] for name in parameters}
    shapes = {key: (parameters[name].shape, torch.Size()) for name, group in keys.items() for key in group}
    differ = any(tensor.shape not in shapes.get(key, ()) for key, tensor in moments.items())
    if differ or (progress.step and not moments):
        raise _damaged(state / _MOMENTS, "optimizer moments of another model, or none", "those of this model")
    # Everything is checked before anything changes. In place, because optimizer and accelerate refer to these tensors.
    with torch.no_grad():
        for name, tensor in weights.items():
            tensor.copy_(saved[name])
    for name, parameter in parameters.items():
        if keys[name]:
            moments_of_one = {key.rpartition("/")[2]: moments[key].to(parameter.device) for key in keys[name]}
            optimizer.state[parameter] = moments_of_one
    return progress


def _states(folder: Path) -> list[Path]:
    """The folders state-STEP of a run, the oldest first. Others, such as a copy `state-12 (1)`, are skipped."""
    states = [path for path in folder.glob("state-*") if re.fullmatch(r"state-\d+", path.name, re.ASCII)]
    return sorted(states, key=lambda path: int(path.name.removeprefix("state-")))


def _read_facts(state: Path) -> dict[str, Any]:
    """Reads a state's progress.json. Raises cmcc.DataError if it is missing, truncated or not such a file."""
    path = state / _PROGRESS
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        progress = TrainingProgress(**facts["progress"])
        if not isinstance(facts["recipe"], dict) or not isinstance(facts["fingerprint"], str):
            raise TypeError("recipe or fingerprint has the wrong type")
        numbers = [getattr(progress, name) for name in ("epoch", "batch", "step", "tokens", "padded")]
        lists = (progress.dev_losses, progress.scores)
        are_numbers = all(isinstance(one, list) and all(type(x) in (int, float) for x in one) for one in lists)
        if not all(type(number) is int and number >= 0 for number in numbers) or not are_numbers:
            raise TypeError("progress must be numbers")
    except OSError as error:
        raise _damaged(path, error.strerror or type(error).__name__, "a JSON file") from error
    except (ValueError, KeyError, TypeError) as error:
        reason = printable(f"{type(error).__name__}: {error}".split("\n")[0])
        raise _damaged(path, reason, "a file that cmcc train wrote") from error
    return facts


def _read_tensors(path: Path, shapes: Mapping[str, torch.Size] | None) -> dict[str, torch.Tensor]:
    """Reads a safetensors file. shapes: expected shapes by name. Raises cmcc.DataError if the file differs."""
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
    """The error for a state that cannot be loaded, with the fix."""
    state = path.parent
    older = [other for other in _states(state.parent) if other.name != state.name]
    fix = f"Remove {state} to resume from {older[-1].name}." if older else f"Restore {path.name} from a backup."
    return DataError(found, expected, f"{fix} {_FROM_START}", file=str(path))


def _weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Trained parameters and buffers by name; tied parameters occur once. Frozen ones are those of the backbone."""
    trained = ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)
    return {name: tensor.detach() for name, tensor in (*trained, *model.named_buffers())}


def _moments(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's state as PARAMETER/NAME -> tensor; AdamW has tensors only."""
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def save_best(folder: Path, save: Callable[[Path], None]) -> None:
    """Replaces RUN/best. save: writes the model and its files into the given folder."""
    with new_folder(folder / "best") as part:
        save(part)


def save_model(folder: Path, model: PreTrainedModel, tokenizer: Tokenizer, training: TrainingRecord) -> None:
    """Writes a model's folder: weights, configuration, tokenizer and training record."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    training.save(folder)


def write_run(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes run.json."""
    write_json(folder / "run.json", facts)
