"""Tests of the training loop on a toy task."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

import cmcc
from cmcc_bench import files
from cmcc_bench.corpus import fingerprint_of
from cmcc_bench.training import display, loop
from cmcc_bench.training.batching import global_batches
from cmcc_bench.training.dialogue import collator
from cmcc_bench.training.loop import check_processes, learning_rate
from cmcc_bench.training.loss import token_loss
from tests.training import toy

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "training" / "toy.py"


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(True)


def command(*arguments: object, launcher: tuple[str, ...] = (), **environment: str) -> subprocess.Popen:
    line = [sys.executable, *launcher, str(TOY), *map(str, arguments)]
    variables = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
    return subprocess.Popen(line, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")


def state_of(out: Path) -> Path:
    (state,) = out.glob("state-*")
    return state


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(state_of(out) / "model.safetensors")


def close(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.allclose(*(defined(name, tensor) for tensor in (first[name], second[name])), atol=1e-6) for name in first
    )


def defined(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Without the keys' biases: no attention depends on them, so AdamW makes steps of the rounding errors."""
    return torch.cat((tensor[:32], tensor[64:])) if name.endswith("c_attn.bias") else tensor


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_one_by_eight_and_eight_by_one_give_the_same_weights(tmp_path):
    runs = {}
    for size, accumulation in ((1, 8), (8, 1), (8, 2)):
        out = tmp_path / f"{size}x{accumulation}"
        runs[size * accumulation, size], _ = toy.train(toy.recipe(out, batch_size=size, accumulation=accumulation))
    assert close(weights(tmp_path / "1x8"), weights(tmp_path / "8x1"))
    assert runs[8, 1].dev_losses == pytest.approx(runs[8, 8].dev_losses, abs=1e-5)
    assert not close(weights(tmp_path / "1x8"), weights(tmp_path / "8x2"))  # 16 a step: the comparison can fail


def test_a_step_is_that_of_a_plain_loop_over_the_mean_of_all_tokens(tmp_path):
    settings = toy.recipe(tmp_path / "ours", batch_size=2, accumulation=4, weight_decay=0.1)
    _, ours = toy.train(settings)
    torch.manual_seed(settings.seed)
    plain, data, collate = toy.model(), toy.examples(45, seed=0), collator(0, "all")
    optimizer = torch.optim.AdamW(plain.parameters(), weight_decay=0.1)
    batches = [batch for epoch in range(2) for batch in global_batches(data.lengths, 8, 8, settings.seed, epoch)]
    for step, batch in enumerate(batches):
        loss, tokens = token_loss(plain, collate([data.items[index] for index in batch]))
        optimizer.zero_grad()
        (loss / tokens).backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), settings.clip)
        optimizer.param_groups[0]["lr"] = learning_rate(step, len(batches), 0.2, 1e-2)
        optimizer.step()
    assert close(dict(plain.named_parameters()), dict(ours.named_parameters()))


def test_the_toy_is_learned(tmp_path):
    progress, _ = toy.train(toy.recipe(tmp_path, epochs=12))
    assert progress.dev_losses[-1] < 0.5 * progress.dev_losses[0]


def test_the_same_seed_gives_the_same_weights_and_another_seed_gives_others(tmp_path):
    for name, seed in (("first", 3), ("second", 3), ("other", 4)):
        toy.train(toy.recipe(tmp_path / name, seed=seed), dropout=0.1)
    assert equal(weights(tmp_path / "first"), weights(tmp_path / "second"))
    assert not equal(weights(tmp_path / "first"), weights(tmp_path / "other"))


def test_a_killed_run_goes_on_to_the_very_same_weights(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = command(killed, "--save_every", 2, "--dropout", 0.1, "--kill-at", 13)
    toy.train(toy.recipe(whole, save_every=2), dropout=0.1)
    process.communicate()
    assert process.returncode == -9
    assert state_of(killed).name == "state-10"  # of 12 steps; a forward pass a step, 2 for the dev loss
    progress, _ = toy.train(toy.recipe(killed, save_every=2, resume=True), dropout=0.1)
    assert equal(weights(whole), weights(killed))
    assert progress.step == 12
    assert json.loads((killed / "run.json").read_text())["dev_losses"] == progress.dev_losses
    whole_progress = json.loads((state_of(whole) / "progress.json").read_text())["progress"]
    assert whole_progress["dev_losses"] == progress.dev_losses
    assert whole_progress["tokens"] == progress.tokens


def test_a_kill_while_the_state_is_written_leaves_the_one_before(tmp_path, monkeypatch):
    whole, cut_off = tmp_path / "whole", tmp_path / "cut-off"
    toy.train(toy.recipe(whole, save_every=4))

    def disk_full(new, place):
        if place.name == "state-8":
            raise OSError("no space left on device")
        replace_folder(new, place)

    replace_folder = files.replace_folder
    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_folder", disk_full)
        with pytest.raises(OSError, match="no space left"):
            toy.train(toy.recipe(cut_off, save_every=4))
    assert state_of(cut_off).name == "state-6"
    toy.train(toy.recipe(cut_off, save_every=4, resume=True))
    assert equal(weights(whole), weights(cut_off))


@pytest.mark.slow
def test_two_processes_give_what_one_gives_and_two_that_do_not_know_of_each_other_are_refused(tmp_path):
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    # 45 examples in batches of 4: the last one is a single example, and one of the processes has none.
    alone = command(tmp_path / "alone", "--processes", 2, launcher=torchrun)
    together = command(tmp_path / "two", "--batch_size", 4, "--processes", 2, launcher=torchrun, ACCELERATE_USE_CPU="1")
    _, errors = together.communicate()
    toy.train(toy.recipe(tmp_path / "one", batch_size=4))
    assert together.returncode == 0, errors
    assert close(weights(tmp_path / "one"), weights(tmp_path / "two"))
    one, two = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("one", "two"))
    assert (one["processes"], two["processes"], one["tokens"]) == (1, 2, two["tokens"])
    assert one["dev_losses"] == pytest.approx(two["dev_losses"], abs=1e-5)
    _, errors = alone.communicate()
    assert alone.returncode != 0
    assert "found 2 that each train alone; expected 2 that train together" in errors
    assert not (tmp_path / "alone").exists()


@pytest.mark.parametrize(
    ("asked", "found", "launched", "message"),
    [
        (2, 1, 1, "found 1; expected 2 that train together.*ACCELERATE_USE_CPU=1 torchrun --nproc_per_node 2"),
        (2, 1, 2, "found 2 that each train alone"),
        (1, 1, 2, "found 2 that each train alone; expected 1"),
        (1, 2, 2, "found 2; expected 1.*--processes 2"),
    ],
)
def test_another_number_of_processes_is_refused(asked, found, launched, message):
    with pytest.raises(cmcc.DataError, match=message):
        check_processes(asked, found, launched)


def test_the_asked_number_of_processes_is_accepted():
    check_processes(1, 1, 1)
    check_processes(2, 2, 2)
    check_processes(2, 2, 1)  # a launcher that does not set WORLD_SIZE


def test_the_best_checkpoint_is_that_of_the_lowest_dev_loss(tmp_path):
    # The learning rate grows until it is far too high, and the dev loss with it.
    progress, last = toy.train(toy.recipe(tmp_path, epochs=6, learning_rate=3.0, warmup=1.0))
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["best_epoch"] < 6
    assert record["best_dev_loss"] == min(progress.dev_losses) == progress.dev_losses[record["best_epoch"] - 1]
    best = toy.GPT2LMHeadModel.from_pretrained(tmp_path / "best")
    validation = toy.examples(10, seed=1)
    with torch.no_grad():
        loss, tokens = token_loss(best.eval(), collator(0, "all")(validation.items))
    assert (loss / tokens).item() == pytest.approx(record["best_dev_loss"], abs=1e-5)
    assert not equal(dict(best.named_parameters()), dict(last.named_parameters()))


@pytest.mark.parametrize(("keep", "best_epoch"), [("score", 2), ("last", 4)])
def test_the_best_checkpoint_is_that_of_the_highest_score_or_the_last_if_the_recipe_says_so(
    keep, best_epoch, tmp_path, capsys
):
    scores = iter((0.1, 0.5, 0.5, 0.2))
    toy.train(toy.recipe(tmp_path, epochs=4, learning_rate=3.0, warmup=1.0, keep=keep), score=lambda: next(scores))
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["best_epoch"] == best_epoch
    assert record.get("scores") == ([0.1, 0.5, 0.5, 0.2] if keep == "score" else None)
    assert ("dev loss" in capsys.readouterr().err) and (tmp_path / "best").exists()


def test_a_task_without_a_score_cannot_keep_the_best_of_it(tmp_path):
    with pytest.raises(cmcc.DataError, match="key keep: found 'score'; expected loss or last for this task"):
        toy.train(toy.recipe(tmp_path, keep="score"))
    with pytest.raises(cmcc.DataError, match="key patience: found 2; expected 0 with keep last"):
        toy.recipe(tmp_path, keep="last", patience=2)


def test_a_log_file_shows_the_step_before_the_first_epoch_ends(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(display, "_EVERY", 0.0)
    toy.train(toy.recipe(tmp_path, epochs=1))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("step 1/6: loss ") and lines[0].endswith("tokens/s")
    assert any(line.startswith("epoch 1/1") for line in lines)


def test_a_run_stops_when_the_dev_loss_no_longer_falls(tmp_path):
    settings = {"epochs": 9, "patience": 2, "learning_rate": 3.0, "warmup": 1.0}
    progress, _ = toy.train(toy.recipe(tmp_path, **settings))
    record = json.loads((tmp_path / "run.json").read_text())
    assert progress.epoch == progress.best_epoch + 3 < 9 and record["finished"]
    state = (tmp_path / f"state-{progress.step}").stat().st_mtime_ns
    assert toy.train(toy.recipe(tmp_path, resume=True, **settings))[0].epoch == progress.epoch
    assert (tmp_path / f"state-{progress.step}").stat().st_mtime_ns == state


def test_the_run_says_what_was_run_on_what_and_how_it_went(tmp_path):
    toy.train(toy.recipe(tmp_path))
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["finished"] is True
    assert record["seed"] == record["recipe"]["seed"] == 3
    assert record["recipe"]["learning_rate"] == 1e-2
    assert record["versions"]["torch"] == torch.__version__
    assert record["steps"] == 12
    assert record["examples"] == {"train": 45, "validation": 10}
    assert record["tokens"] == 2 * sum(toy.examples(45, seed=0).lengths)
    assert record["tokens_per_second"] > record["tokens"] / record["seconds"]  # the steps alone
    assert 0 < record["padding_share"] < 0.2
    assert record["commit"] is None or len(record["commit"].removesuffix("-dirty")) == 40
    assert record["fingerprint"] == fingerprint_of([45])
    assert record["hardware"]["cores"] >= 1 and record["hardware"]["processor"]
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    toy.train(toy.recipe(tmp_path, epochs=1))
    with pytest.raises(cmcc.DataError, match=r"already holds a run.*--resume"):
        toy.train(toy.recipe(tmp_path, epochs=1))


def test_a_finished_run_that_is_resumed_stays_as_it_is(tmp_path, capsys):
    toy.train(toy.recipe(tmp_path))
    before = weights(tmp_path), (tmp_path / "run.json").read_bytes()
    assert "resumed from" not in capsys.readouterr().err
    toy.train(toy.recipe(tmp_path, resume=True))
    assert "resumed from step 12 of 12" in capsys.readouterr().err
    assert equal(before[0], weights(tmp_path))
    assert before[1] == (tmp_path / "run.json").read_bytes()


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a byte": lambda path: path.write_bytes(path.read_bytes()[:-1].rstrip(b"}\n")),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 9),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a list": lambda path: path.write_text("[]"),
    "an object": lambda path: path.write_text('{"progress": {"epoch": "1"}, "recipe": {}, "fingerprint": ""}'),
    "another": lambda path: save_file({"x": torch.zeros(2)}, path),
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that another one may go on from."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    toy.train(toy.recipe(folder))
    AcceleratorState._reset_state(True)
    return folder


@pytest.mark.parametrize("name", ["progress.json", "model.safetensors", "optimizer.safetensors"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_an_error_that_names_the_file_and_how_to_go_on(stopped, tmp_path, name, damage):
    run = shutil.copytree(stopped, tmp_path / "run")
    DAMAGES[damage](state_of(run) / name)
    before = sorted(path.relative_to(run) for path in run.rglob("*"))
    with pytest.raises(cmcc.DataError) as caught:
        toy.train(toy.recipe(run, resume=True))
    assert str(state_of(run) / name) in str(caught.value) and "--out" in str(caught.value)
    assert f"Restore {name} from a backup" in str(caught.value)
    assert sorted(path.relative_to(run) for path in run.rglob("*")) == before


def test_moments_of_a_model_of_another_size_are_refused(stopped, tmp_path):
    run = shutil.copytree(stopped, tmp_path / "run")
    path = state_of(run) / "optimizer.safetensors"
    save_file({key: torch.zeros(3) for key in load_file(path)}, path)
    with pytest.raises(cmcc.DataError, match=r"optimizer\.safetensors: found optimizer moments of another model"):
        toy.train(toy.recipe(run, resume=True))


def test_a_damaged_state_beside_an_older_one_says_how_to_go_on_from_that(stopped, tmp_path):
    run = shutil.copytree(stopped, tmp_path / "run")
    shutil.copytree(state_of(run), run / "state-99")
    (run / "state-99" / "progress.json").write_bytes(b"")
    with pytest.raises(cmcc.DataError, match=r"Remove .*state-99 to resume from state-12"):
        toy.train(toy.recipe(run, resume=True))


def test_a_run_whose_state_is_missing_is_not_restarted(stopped, tmp_path):
    run = shutil.copytree(stopped, tmp_path / "run")
    shutil.rmtree(state_of(run))
    with pytest.raises(cmcc.DataError, match=r"the run has no state-STEP folder"):
        toy.train(toy.recipe(run, resume=True))


def test_a_copy_of_a_state_is_no_state(stopped, tmp_path):
    run = shutil.copytree(stopped, tmp_path / "run")
    for name in ("state-12 (copy)", "state-old", "state-"):
        (run / name).mkdir()
    toy.train(toy.recipe(run, resume=True))
    assert (run / "state-12 (copy)").is_dir()


def test_a_run_of_another_recipe_or_other_data_is_not_gone_on_with(tmp_path):
    toy.train(toy.recipe(tmp_path))
    with pytest.raises(cmcc.DataError, match=r"changed since the first start: epochs \(was 2, is 3\)"):
        toy.train(toy.recipe(tmp_path, resume=True, epochs=3))
    with pytest.raises(cmcc.DataError, match="changed since the first start: the data"):
        toy.train(toy.recipe(tmp_path, resume=True), number=46)


def test_a_run_without_examples_is_refused(tmp_path):
    with pytest.raises(cmcc.DataError, match="split train: no examples"):
        toy.train(toy.recipe(tmp_path), number=0)


@pytest.mark.parametrize("bad", [0, 3, 5])
def test_a_loss_that_is_no_number_ends_the_run_and_leaves_no_weights_after_it(bad, tmp_path, monkeypatch):
    passes = count()

    def loss(network, batch):
        total, tokens = token_loss(network, batch)
        return (total * float("nan") if next(passes) == bad else total), tokens

    monkeypatch.setattr(toy, "token_loss", loss)
    with pytest.raises(cmcc.DataError, match=rf"step {bad}: the loss is nan"):
        toy.train(toy.recipe(tmp_path, save_every=2))
    assert not (tmp_path / "best").exists()
    if bad:
        assert state_of(tmp_path).name == f"state-{bad // 2 * 2}"
        assert all(bool(tensor.isfinite().all()) for tensor in weights(tmp_path).values())


class NothingIsRead(TorchDispatchMode):
    """Reading a number from a tensor, which waits for a GPU, is an error."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        assert function is not torch.ops.aten._local_scalar_dense.default
        return function(*arguments, **(options or {}))


@pytest.mark.parametrize("packing", [True, False])
def test_no_step_waits_for_the_device(packing, tmp_path, monkeypatch):
    learn, read, steps = loop._Run.learn, loop._Run.losses, []

    def guarded(run, tensors):
        with NothingIsRead():
            learn(run, tensors)

    def counted(run, running):
        losses = read(run, running)
        steps.append([step for step, _, _ in losses])
        return losses

    monkeypatch.setattr(loop._Run, "learn", guarded)
    monkeypatch.setattr(loop._Run, "losses", counted)
    toy.train(toy.recipe(tmp_path, epochs=1, accumulation=2, clip=0.5, save_every=2), packing=packing)
    assert steps == [[], [1, 2], [], [3]]  # one step late, but not before a state is saved and at the end


def test_a_loss_is_read_when_its_copy_from_the_gpu_has_arrived():
    sums = torch.zeros(2, dtype=torch.float64)
    run, copy = object.__new__(loop._Run), SimpleNamespace(wait=lambda: sums.copy_(torch.tensor([6.0, 3.0])))
    run.unread = [loop._UnreadLoss(4, 0.1, copy)]
    assert run.losses(running=1) == [] and run.losses(running=0) == [(5, 2.0, 0.1)] and run.unread == []


def test_bfloat16_learns_about_as_well_and_keeps_the_weights_in_float32(tmp_path):
    exact, _ = toy.train(toy.recipe(tmp_path / "float32"))
    half, _ = toy.train(toy.recipe(tmp_path / "bfloat16", precision="bfloat16"))
    assert half.dev_losses == pytest.approx(exact.dev_losses, rel=0.02)
    assert half.dev_losses != exact.dev_losses
    assert {tensor.dtype for tensor in weights(tmp_path / "bfloat16").values()} == {torch.float32}
    assert json.loads((tmp_path / "bfloat16" / "run.json").read_text())["bfloat16"] is True


def test_a_training_ends_with_its_best_checkpoint_and_the_command_that_predicts_with_it(tmp_path, capsys):
    toy.train(toy.recipe(tmp_path / "my run", epochs=1))
    lines = capsys.readouterr().out.splitlines()
    record = json.loads((tmp_path / "my run" / "run.json").read_text("utf-8"))
    best = tmp_path / "my run" / "best"
    assert lines[-2] == f"best checkpoint: {best} (epoch 1 of 1, dev loss {record['best_dev_loss']:.4f})"
    predict = ["cmcc", "predict", str(best), "DATASET", "--out", str(tmp_path / "my run" / "test.jsonl")]
    assert lines[-1].startswith("to predict the test split: cmcc predict '")
    assert shlex.split(lines[-1].partition(": ")[2]) == predict


def test_the_learning_rate_grows_and_then_falls_to_zero():
    rates = [learning_rate(step, 10, 0.2, 1.0) for step in range(11)]
    assert rates == pytest.approx([0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0])


def test_a_learning_rate_without_warm_up_starts_at_its_highest():
    assert learning_rate(0, 4, 0.0, 1.0) == 1.0
