"""The training loop of all tasks, on accelerate.

    recipe = read_recipe(MyRecipe, "tiny/variant", {"out": "runs/variant"})
    accelerator = start(recipe)
    fit(accelerator, recipe, model, TrainingTask(train, validation, collate, loss, save, fingerprint))

Each step uses one global batch. Its gradient is the mean over all units (tokens or labels) of the global batch, for any
split into forward passes and processes. So 1 x 8, 8 x 1 and two processes give the same weights up to rounding and
dropout. Every random choice depends only on the seed and the position in the run, so a resumed run has exactly the
weights of an uninterrupted one.

Two processes on a CPU:

    ACCELERATE_USE_CPU=1 torchrun --nproc_per_node 2 -m cmcc_bench.cli train dialogue --processes 2 ...
"""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast_object_list, send_to_device, set_seed
from torch import Tensor
from torch.nn import Module
from transformers.utils.logging import disable_progress_bar

from cmcc_bench.decoding.processes import GROUP_TIMEOUT, started_processes
from cmcc_bench.errors import DataError
from cmcc_bench.models.device import HostCopy
from cmcc_bench.training.ahead import ahead
from cmcc_bench.training.batching import cut, evaluation_batches, global_batches, padded_tokens, process_slice
from cmcc_bench.training.display import display
from cmcc_bench.training.environment import commit, hardware, versions
from cmcc_bench.training.loss import Batch
from cmcc_bench.training.precision import gpu_has_bfloat16, has_fused_adamw
from cmcc_bench.training.recipe import ModelRecipe, Recipe, check
from cmcc_bench.training.run_folder import TrainingProgress, load_state, open_run, save_best, save_state, write_run


@dataclass(frozen=True)
class EncodedExamples:
    """Encoded examples and the number of tokens of each."""

    items: Sequence[Any]
    lengths: Sequence[int]


@dataclass(frozen=True)
class TrainingTask:
    """The parts of a training that differ between tasks.

    collate: examples -> batch of tensors. loss: (model, batch) -> the sum of the losses over the batch's units, and the
    number of units. save: writes the model and its files into a folder. fingerprint: digest of the data; a run cannot
    be resumed with other data. facts: additional values for run.json. score: the validation score of the model as it
    is, the higher the better, for `keep: score`; None for a task without one. is_packed: whether `collate` packs, so
    that there is no padding.
    """

    train: EncodedExamples
    validation: EncodedExamples
    collate: Callable[[list[Any]], Batch]
    loss: Callable[[Module, Batch], tuple[Tensor, Tensor | int]]
    save: Callable[[Path], None]
    fingerprint: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    score: Callable[[], float] | None = None
    is_packed: bool = False


def start(recipe: Recipe) -> Accelerator:
    """Checks the processes, prints the resolved recipe and sets the seed. Raises what check_processes raises."""
    # The others wait while the first process validates or saves. A process that is lost ends the run after this time.
    accelerator = Accelerator(kwargs_handlers=[InitProcessGroupKwargs(timeout=GROUP_TIMEOUT)])
    disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers would show one for each file read or written
    check_processes(recipe.processes, accelerator.num_processes, started_processes())
    if accelerator.is_main_process:
        print(yaml.safe_dump(asdict(recipe), sort_keys=False, allow_unicode=True).strip(), flush=True)
    set_seed(recipe.seed)
    return accelerator


def check_processes(asked: int, found: int, launched: int) -> None:
    """Raises cmcc.DataError unless the number of processes that train together is the recipe's.

    asked: number in the recipe. found: number in accelerate. launched: number from torchrun. If accelerate is not told
    to use the CPU, torchrun's processes train separately and overwrite each other's files; `accelerate launch --cpu`
    starts only one process.
    """
    if found == asked and launched <= found:
        return
    if asked == 1:
        hint = f"Start the command without torchrun, or add --processes {launched}."
    else:
        launcher = f"ACCELERATE_USE_CPU=1 torchrun --nproc_per_node {asked} -m cmcc_bench.cli"
        hint = f"On a CPU: {launcher} train TASK --processes {asked} ..."
    processes = f"{launched} that each train alone" if launched > found else f"{found}"
    raise DataError(processes, f"{asked} that train together", hint, key="processes")


def fit(accelerator: Accelerator, recipe: Recipe, model: Module, task: TrainingTask) -> TrainingProgress:
    """Trains the model, saves the best checkpoint (by recipe.keep) in OUT/best, and writes OUT/run.json.

    Raises cmcc.DataError if there are no examples, OUT cannot be used (see open_run), the task has no score for
    `keep: score`, or the loss becomes NaN or infinite.
    """
    run = _Run(accelerator, recipe, model, task)
    # A resumed run enters both loops where it stopped: progress.epoch and progress.batch count what is done.
    with display(run.folder, run.steps, run.progress.step, accelerator.is_main_process) as shown:
        if run.is_resumed:
            shown.resumed(run.progress.step, run.steps)
        while not run.is_done():
            began = time.perf_counter()
            for batch, tensors in ahead(run.batches_left(), run.tensors):
                run.learn(tensors)
                is_saved = recipe.save_every > 0 and (run.progress.step + 1) % recipe.save_every == 0
                losses = run.losses(running=0 if is_saved else 1)
                run.progress.add(time.perf_counter() - began, *run.size(batch))
                shown.steps(run.progress, losses)
                if is_saved:
                    run.save_state()
                began = time.perf_counter()
            losses = run.losses(running=0)
            run.progress.learning += time.perf_counter() - began
            shown.steps(run.progress, losses)
            run.progress.end_epoch(run.dev_loss(), run.dev_score())
            run.save_epoch()
            shown.epoch(run.progress, recipe.epochs, run.steps)
    # All processes end the group together: a process that exits while the group's threads still run may abort.
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        print(_result(recipe, run.progress), flush=True)
    accelerator.end_training()
    return run.progress


def _result(recipe: Recipe, progress: TrainingProgress) -> str:
    """The path of the best checkpoint and the command that predicts with it, as a text of two lines."""
    epoch, best = progress.best_epoch or 0, Path(recipe.out) / "best"
    dataset = recipe.dataset if isinstance(recipe, ModelRecipe) else "DATASET"
    command = ["cmcc", "predict", str(best), dataset, "--out", str(Path(recipe.out) / "test.jsonl")]
    return (
        f"best checkpoint: {best} (epoch {epoch + 1} of {recipe.epochs}, dev loss {progress.dev_losses[epoch]:.4f})\n"
        f"to predict the test split: {shlex.join(command)}"
    )


def learning_rate(step: int, steps: int, warmup: float, highest: float) -> float:
    """Linear warm-up from 0 to `highest` over the fraction `warmup` of the steps, then linear decay to 0."""
    warm = int(steps * warmup)
    if step < warm:
        return highest * step / warm
    return highest * (steps - step) / max(1, steps - warm)


@dataclass(frozen=True)
class _UnreadLoss:
    """A step that the device may still work on.

    number: finished steps before it. sums: the sums of the losses and of the units, [2].
    """

    number: int
    rate: float
    sums: HostCopy


class _Run:
    """The state and the operations of a run; `fit` calls them in order."""

    def __init__(self, accelerator: Accelerator, recipe: Recipe, model: Module, task: TrainingTask) -> None:
        self.accelerator, self.recipe, self.task = accelerator, recipe, task
        self.folder = Path(recipe.out)
        for split, examples in (("train", task.train), ("validation", task.validation)):
            if not examples.items:
                raise DataError("no examples", "", "Build the data set with files for train and dev.", split=split)
        check(recipe.keep != "score" or task.score is not None, "keep", recipe.keep, "loss or last for this task")
        state = open_run(self.folder, asdict(recipe), task.fingerprint, recipe.resume)
        self.is_resumed = state is not None
        self.global_size = recipe.batch_size * recipe.accumulation
        self.steps = recipe.epochs * -(-len(task.train.items) // self.global_size)  # the last batch may be smaller
        self.model = accelerator.prepare(model)
        self.plain_model = accelerator.unwrap_model(self.model)  # the same tensors; names without "module."
        if recipe.torch_compile:  # dynamic: the lengths of batches differ, and each would be compiled again
            self.model = torch.compile(self.model, dynamic=True)
        self.parameters = [parameter for parameter in self.plain_model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=has_fused_adamw(accelerator.device),
        )
        fresh = TrainingProgress(keep=recipe.keep)
        self.progress = load_state(state, self.plain_model, self.optimizer) if state else fresh
        if self.progress.bfloat16 is None:  # decided once for each run: it changes the weights
            self._decide_precision()
        self.began = time.perf_counter() - self.progress.seconds  # as if the run had not been interrupted
        self.unread: list[_UnreadLoss] = []  # steps whose losses are not read yet, see losses()
        accelerator.wait_for_everyone()

    def _decide_precision(self) -> None:
        """Chooses float32 or bfloat16. All processes use the choice of the first one, whose device may be another."""
        is_auto = self.recipe.precision == "auto"
        choice = gpu_has_bfloat16(self.accelerator.device) if is_auto else self.recipe.precision == "bfloat16"
        if self.accelerator.num_processes > 1:
            choice = broadcast_object_list([choice])[0]
        self.progress.bfloat16 = choice

    def is_done(self) -> bool:
        """Whether all epochs are trained, or the last `patience` of them were not better."""
        done, patience = self.progress, self.recipe.patience
        stale = 0 if done.best_epoch is None else done.epoch - 1 - done.best_epoch
        return done.epoch >= self.recipe.epochs or (patience > 0 and stale >= patience)

    def batches_left(self) -> list[list[int]]:
        """The remaining global batches of this epoch."""
        recipe, lengths = self.recipe, self.task.train.lengths
        batches = global_batches(lengths, self.global_size, recipe.group, recipe.seed, self.progress.epoch)
        return batches[self.progress.batch :]

    def size(self, batch: list[int]) -> tuple[int, int]:
        """The number of tokens of a global batch in all processes, without padding and with it."""
        lengths = self.task.train.lengths
        tokens = sum(lengths[index] for index in batch)
        if self.task.is_packed:
            return tokens, tokens
        return tokens, sum(
            padded_tokens(lengths, part)
            for micro_batch in cut(batch, self.recipe.batch_size)
            for part in self._slices(micro_batch)
        )

    def _slices(self, micro_batch: list[int]) -> list[list[int]]:
        processes = self.accelerator.num_processes
        return [process_slice(micro_batch, process, processes) for process in range(processes)]

    def tensors(self, batch: list[int]) -> list[tuple[Batch, bool]]:
        """For each micro-batch of a global batch, the tensors of this process's slice, and whether it has any.

        A process with an empty slice gets an example, too: it has to take part, with weight 0; otherwise the others
        would wait for it.
        """
        process, made = self.accelerator.process_index, list[tuple[Batch, bool]]()
        for micro_batch in cut(batch, self.recipe.batch_size):
            own_slice = self._slices(micro_batch)[process]
            made.append((self._collated(self.task.train, own_slice or micro_batch[:1]), bool(own_slice)))
        return made

    def learn(self, micro_batches: list[tuple[Batch, bool]]) -> None:
        """Starts one step. micro_batches: the result of `tensors`.

        It reads no number, because that waits for the device, which would idle until it gets the next step.
        """
        # Each micro-batch is differentiated by the sum of its losses, not their mean. The gradient is divided by the
        # units of all micro-batches at the end: a mean of means would give more weight to units in short texts.
        self.model.train()
        passes = list[Tensor]()
        for number, (batch, is_own) in enumerate(micro_batches):
            last = number == len(micro_batches) - 1  # the processes sum their gradients once in each step
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                passes.append(self._accumulate(batch, int(is_own), number))
        sums = self._over_processes(torch.stack(passes).sum(0))
        rate = learning_rate(self.progress.step, self.steps, self.recipe.warmup, self.recipe.learning_rate)
        self.unread.append(_UnreadLoss(self.progress.step, rate, HostCopy(sums)))
        self._update(sums[1], rate)

    def losses(self, running: int) -> list[tuple[int, float, float]]:
        """Step, mean loss of its units before the update, and learning rate: of all steps not read yet.

        running: how many of the last steps are left to be read later, while the device works on them. Before anything
        is saved it has to be 0: weights after a loss that is NaN or infinite are worthless. Raises cmcc.DataError for
        the first such loss.
        """
        read, self.unread = self.unread[: len(self.unread) - running], self.unread[len(self.unread) - running :]
        losses = list[tuple[int, float, float]]()
        for step in read:
            loss, units = step.sums.wait().tolist()
            if not math.isfinite(loss):
                hint = "Set a lower learning_rate or a smaller clip (maximum gradient norm)."
                raise DataError(f"the loss is {loss}", "", hint, run=self.recipe.out, step=step.number)
            losses.append((step.number + 1, loss / max(1.0, units), step.rate))
        return losses

    def _accumulate(self, batch: Batch, share: int, number: int) -> Tensor:
        """Adds the gradient of a micro-batch; returns the sum of its losses and its number of units, times `share`."""
        device, process = self.accelerator.device, self.accelerator.process_index
        _seed_forward_pass(device, self.recipe.seed, self.progress.step, number, process)
        loss, units = self._loss(self.model, batch)
        self.accelerator.backward(loss * share)
        return _sums(loss.detach(), units) * share

    def _update(self, units: Tensor, rate: float) -> None:
        """Divides the gradient by the units of all processes, clips it and updates the weights."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        # DistributedDataParallel gives the mean of the processes' sums; times their number it is the total sum.
        torch._foreach_mul_(gradients, (self.accelerator.num_processes / units.clamp(min=1.0)).float())
        if self.recipe.clip:
            self.accelerator.clip_grad_norm_(self.parameters, self.recipe.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.no_grad()
    def dev_loss(self) -> float:
        """The mean loss of the units of the validation examples."""
        self.plain_model.eval()
        sums = [torch.zeros(2, dtype=_exact(self.accelerator.device), device=self.accelerator.device)]
        for batch in evaluation_batches(self.task.validation.lengths, self.recipe.group):
            # The plain model does not wait for other processes in a forward pass; a slice may be empty.
            own_slice = self._slices(batch)[self.accelerator.process_index]
            if own_slice:
                sums.append(_sums(*self._loss(self.plain_model, self._collated(self.task.validation, own_slice))))
        loss_sum, units_sum = self._over_processes(torch.stack(sums).sum(0)).tolist()
        return float(loss_sum / max(1.0, units_sum))

    def dev_score(self) -> float | None:
        """The task's validation score, computed by the first process; None if the recipe does not need it."""
        if self.recipe.keep != "score" or self.task.score is None:
            return None
        score = [self.task.score() if self.accelerator.is_main_process else 0.0]
        return float((broadcast_object_list(score) if self.accelerator.num_processes > 1 else score)[0])

    def _collated(self, examples: EncodedExamples, batch: list[int]) -> Batch:
        """The tensors of examples, for a GPU in memory that it can copy from while it computes."""
        tensors = self.task.collate([examples.items[index] for index in batch])
        if self.accelerator.device.type == "cuda":
            return {name: tensor.pin_memory() for name, tensor in tensors.items()}
        return tensors

    def _loss(self, model: Module, batch: Batch) -> tuple[Tensor, Tensor | int]:
        tensors = send_to_device(batch, self.accelerator.device, non_blocking=True)
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=bool(self.progress.bfloat16)):
            return self.task.loss(model, tensors)

    def _over_processes(self, sums: Tensor) -> Tensor:
        return self.accelerator.reduce(sums, "sum") if self.accelerator.num_processes > 1 else sums

    def save_epoch(self) -> None:
        """Saves the checkpoint if it is the best so far, then run.json, then the state (the order: see run_folder)."""
        self.progress.seconds = time.perf_counter() - self.began
        if self.accelerator.is_main_process:
            if self.progress.best_epoch == self.progress.epoch - 1:
                save_best(self.folder, self.task.save)
            write_run(self.folder, self.record())
        self.save_state()

    def save_state(self) -> None:
        """Saves the state from which --resume continues."""
        self.progress.seconds = time.perf_counter() - self.began
        if self.accelerator.is_main_process:
            facts = asdict(self.recipe), self.task.fingerprint
            save_state(self.folder, self.plain_model, self.optimizer, self.progress, *facts)

    def record(self) -> dict[str, Any]:
        """The contents of run.json."""
        done = self.progress
        best = done.best_epoch
        return {
            "finished": self.is_done(),
            "commit": commit(),
            "versions": versions(),
            "seed": self.recipe.seed,
            "recipe": asdict(self.recipe),
            "fingerprint": self.task.fingerprint,
            "examples": {"train": len(self.task.train.items), "validation": len(self.task.validation.items)},
            **self.task.facts,
            "hardware": hardware(),
            "processes": self.accelerator.num_processes,
            "device": str(self.accelerator.device),
            "bfloat16": done.bfloat16,
            "parameters": sum(parameter.numel() for parameter in self.plain_model.parameters()),
            "trained_parameters": sum(parameter.numel() for parameter in self.parameters),
            "steps": done.step,
            "seconds": round(done.seconds, 2),
            "tokens": done.tokens,
            "tokens_per_second": round(done.speed, 1),
            "padding_share": round(1 - done.tokens / max(done.padded, 1), 4),
            "dev_losses": done.dev_losses,
            **({"scores": done.scores} if done.scores else {}),
            "best_epoch": None if best is None else best + 1,
            "best_dev_loss": None if best is None else done.dev_losses[best],
        }


def _exact(device: torch.device) -> torch.dtype:
    """The type of sums of losses: as exact as the device allows."""
    return torch.float32 if device.type == "mps" else torch.float64


def _sums(loss: Tensor, units: Tensor | int) -> Tensor:
    """Loss and units in one tensor, [2], on the device of the loss."""
    counted = units if isinstance(units, Tensor) else torch.full_like(loss, units)
    return torch.stack([number.to(_exact(loss.device)) for number in (loss, counted)])


def _seed_forward_pass(device: torch.device, *position: int) -> None:
    """Seeds the random generators from the position in the run alone.

    torch.manual_seed is not used: without a GPU it stores every call for a later CUDA start, which grows without limit.
    """
    seed = int.from_bytes(sha256(repr(position).encode()).digest()[:4], "big")
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)
