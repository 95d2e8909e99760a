"""A run's folder: the state that --resume goes on from, the best checkpoint, run.json. Only one process writes it.

    RUN/best/        the best checkpoint by dev loss, a plain folder of transformers
    RUN/state-12/    weights, optimizer and progress after 12 steps: safetensors and JSON
    RUN/run.json     what was run on what, and how it went
    RUN/tensorboard/

Everything is written under another name first and then renamed, so that a kill leaves the old one or the new one.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

import cmcc
from cmcc_bench.build.atomic import put_in_place, recover

_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "safetensors")
_NOT_COMPARED = ("out", "resume", "processes")  # settings that may change when a run is gone on with


@dataclass
class Progress:
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

    Raises cmcc.DataError when the folder holds a run and `resume` is false, or holds one of another recipe or data.
    """
    states = sorted(folder.glob("state-*"), key=lambda path: int(path.name.removeprefix("state-")))
    if not states:
        return None
    if not resume:
        hint = "Name another folder with --out, go on with it with --resume, or remove it."
        raise cmcc.DataError("a run", "a folder without one", hint, folder=str(folder))
    before = json.loads((states[-1] / "progress.json").read_text("utf-8"))
    changed = [
        f"{key} (was {before['recipe'].get(key)!r}, is {value!r})"
        for key, value in recipe.items()
        if key not in _NOT_COMPARED and before["recipe"].get(key) != value
    ]
    if before["fingerprint"] != fingerprint:
        changed.append("the data")
    if changed:
        hint = "Start anew in another folder, or use what it was started with."
        raise cmcc.DataError(f"changed {', '.join(changed)}", "the same as before", hint, folder=str(folder))
    return states[-1]


def save_state(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    recipe: Mapping[str, Any],
    fingerprint: str,
) -> None:
    """Writes RUN/state-STEP and removes the older ones.

    It holds no state of random numbers: the loop seeds every forward pass from its place in the run.
    """
    state, part = folder / f"state-{progress.step}", folder / ".state"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_file(_weights(model), part / "model.safetensors")
    save_file(_moments(model, optimizer), part / "optimizer.safetensors")
    facts = {"progress": asdict(progress), "recipe": dict(recipe), "fingerprint": fingerprint}
    (part / "progress.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    put_in_place(part, state)
    for old in folder.glob("state-*"):
        if old != state:
            shutil.rmtree(old)


def load_state(state: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Puts a state's weights and moments in place, bit by bit, and returns how far it was."""
    saved = load_file(state / "model.safetensors")
    with torch.no_grad():
        for name, tensor in _weights(model).items():
            tensor.copy_(saved[name])
    moments = load_file(state / "optimizer.safetensors")
    for name, parameter in model.named_parameters():
        found = {key.removeprefix(f"{name}/"): value for key, value in moments.items() if key.startswith(f"{name}/")}
        if found:
            optimizer.state[parameter] = {key: value.to(parameter.device) for key, value in found.items()}
    return Progress(**json.loads((state / "progress.json").read_text("utf-8"))["progress"])


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
    recover(folder / "best")
    part = folder / ".best"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save(part)
    put_in_place(part, folder / "best")


def write_run(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes run.json."""
    part = folder / ".run.json"
    part.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(folder / "run.json")


def versions() -> dict[str, str]:
    """Of Python, the libraries and the data's format."""
    return {"python": platform.python_version(), "cmcc": cmcc.VERSION} | {name: version(name) for name in _LIBRARIES}


def commit() -> str | None:
    """The commit of this checkout, `-dirty` after it where files were changed; None where there is none."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None  # no git, no repository, or no commit yet
    return found.stdout.strip()
