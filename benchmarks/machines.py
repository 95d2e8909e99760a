"""Two machines train and predict what one does: two network namespaces, each with its own address, and torchrun.

    sudo python benchmarks/machines.py                # three to six minutes on two cores; needs Linux, root and `ip`
    sudo python benchmarks/machines.py --lost         # and a machine whose network is cut; two minutes more

A namespace has network devices of its own, so the processes of the two reach each other over a virtual cable only, as
over a switch. They share the disk, as the machines of a cluster do. Compared are the weights of a training with
pseudo-labels, the pseudo-labels, and the predictions of a dialogue model and of a recognizer: with those of one machine
that runs as many processes, byte for byte, and with those of one process, whose weights may differ by rounding.
Where the rights are missing it says so and does nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from safetensors.torch import load_file

from cmcc_bench.decoding.processes import HEARTBEAT_TIMEOUT

CLI = ("-m", "cmcc_bench.cli")
SECONDS = 600  # for any command
DEVICE, PORT = "cmcc0", 29500
ADDRESSES = ("10.231.77.1", "10.231.77.2")
SIZES = ("--backbone", "scratch", "--layers", "1", "--width", "64", "--heads", "2", "--epochs", "1", "--seed", "7")


def run(arguments: Sequence[str], folder: Path, **variables: str) -> subprocess.Popen[str]:
    """Starts a command in a folder."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "1"} | variables
    return subprocess.Popen(
        arguments, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(*processes: subprocess.Popen[str]) -> None:
    """Waits for commands; exits with the output of one that fails."""
    for process in processes:
        output, _ = process.communicate(timeout=SECONDS)
        if process.returncode:
            raise SystemExit(f"{' '.join(map(str, process.args))} failed:\n{output}")  # type: ignore[arg-type]


def ip(*arguments: str) -> None:
    """Runs `ip`; exits with its message if it fails."""
    done = subprocess.run(("ip", *arguments), capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise SystemExit(f"Two machines were not tried: `ip {' '.join(arguments)}` failed: {done.stderr.strip()}")


@contextmanager
def two_machines() -> Iterator[tuple[str, str]]:
    """Two network namespaces that a virtual cable connects; they are removed at the end."""
    if os.geteuid() or not shutil.which("ip"):
        raise SystemExit("Two machines were not tried: this needs Linux, root and the command `ip` (iproute2).")
    names = (f"cmcc-{os.getpid()}-a", f"cmcc-{os.getpid()}-b")
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", DEVICE, "netns", names[0], "type", "veth", "peer", "name", DEVICE, "netns", names[1])
        for name, address in zip(names, ADDRESSES, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", DEVICE)
            for device in ("lo", DEVICE):
                ip("-n", name, "link", "set", device, "up")
        yield names
    finally:
        for name in names:
            subprocess.run(("ip", "netns", "delete", name), capture_output=True, timeout=30, check=False)


def on_one(command: Sequence[str], folder: Path) -> None:
    """Runs a command with two processes on one machine."""
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    finish(run((*launcher, *CLI, *command), folder))


def start_on_two(machines: Sequence[str], command: Sequence[str], folder: Path) -> list[subprocess.Popen[str]]:
    """Starts a command with one process on each of two machines, as a user types it on each."""
    started = []
    for rank, machine in enumerate(machines):
        where = ("--nnodes", "2", "--node_rank", str(rank), "--nproc_per_node", "1")
        meeting = ("--master_addr", ADDRESSES[0], "--master_port", str(PORT))
        launcher = ("ip", "netns", "exec", machine, sys.executable, "-m", "torch.distributed.run", *where, *meeting)
        started.append(run((*launcher, *CLI, *command), folder, GLOO_SOCKET_IFNAME=DEVICE))
    return started


def commands(kind: str, processes: int) -> list[tuple[str, ...]]:
    """The commands of one side, in order. kind: the name of its files."""
    together = ("--processes", str(processes), "--pseudo_confidence", "0")
    return [
        ("train", "emotion", "--recipe", "tiny/emotion", "--dataset", "cmcc", "--out", f"{kind}-emotion", *SIZES,
         "--pseudo_label", "teacher/best", *together),
        ("predict", "teacher/best", "cmcc", "--out", f"{kind}-emotion.jsonl"),
        ("predict", "dialogue/best", "cmcc", "--out", f"{kind}-dialogue.jsonl"),
    ]  # fmt: skip


FILES = ("emotion/best/model.safetensors", "emotion/pseudo-labels.jsonl", "emotion.jsonl", "dialogue.jsonl")


def prepare(folder: Path) -> None:
    """Simulates and builds a small data set, and trains the two models that predict."""
    train = (*CLI, "train")
    for command in (
        (*CLI, "simulate", "--dialogues", "60", "--unlabeled", "80", "--seed", "0", "--out", "raw"),
        (*CLI, "build", "--data-dir", "raw", "--out", "cmcc"),
        (*train, "emotion", "--recipe", "tiny/emotion", "--dataset", "cmcc", "--out", "teacher", *SIZES),
        (*train, "dialogue", "--recipe", "tiny/variant", "--dataset", "cmcc", "--out", "dialogue", *SIZES),
    ):
        print(f"prepares: cmcc {' '.join(command[2:])}", flush=True)
        finish(run((sys.executable, *command), folder))


def compare(folder: Path, first: str, second: str, what: str) -> bool:
    """Prints whether the files of two sides are the same; weights of another number of processes differ by rounding."""
    is_same = True
    for name in FILES:
        a, b = (folder / f"{kind}-{name}" for kind in (first, second))
        equal = a.read_bytes() == b.read_bytes()
        shown = "the same bytes" if equal else "DIFFERENT"
        if not equal and name.endswith(".safetensors"):
            tensors = load_file(a), load_file(b)
            difference = max(float((tensors[0][key] - tensors[1][key]).abs().max()) for key in tensors[0])
            equal, shown = difference < 1e-4, f"differ by at most {difference:.1e}"
        is_same &= equal
        print(f"{what}: {name}: {shown}")
    return is_same


def lose_a_machine(folder: Path, machines: tuple[str, str]) -> bool:
    """Cuts the cable during a prediction and prints how long the first machine takes to end with an error."""
    command = ("predict", "dialogue/best", "cmcc", "--split", "train", "--out", "lost.jsonl")
    started = start_on_two(machines, command, folder)
    part, end = folder / "lost.jsonl.part", time.monotonic() + SECONDS
    while not (part.exists() and part.stat().st_size) and time.monotonic() < end:
        time.sleep(0.5)
    ip("-n", machines[1], "link", "set", DEVICE, "down")
    cut = time.monotonic()
    try:
        output, _ = started[0].communicate(timeout=HEARTBEAT_TIMEOUT.seconds * 3)
    finally:
        for process in started:
            process.kill()
    says = "another process was killed or cannot be reached" in output
    seconds = time.monotonic() - cut
    print(f"a machine is lost: status {started[0].returncode} after {seconds:.0f} s; the message is shown: {says}")
    return bool(started[0].returncode) and says


def main() -> None:
    """Parses the arguments and compares."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lost", action="store_true", help="also cut the network of a machine during a prediction")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cmcc-machines-") as name, two_machines() as machines:
        folder = Path(name)
        prepare(folder)
        for command in commands("alone", 1):
            print(f"one process: cmcc {' '.join(command)}", flush=True)
            finish(run((sys.executable, *CLI, *command), folder))
        for command in commands("one", 2):
            print(f"one machine, two processes: cmcc {' '.join(command)}", flush=True)
            on_one(command, folder)
        for command in commands("two", 2):
            print(f"two machines: cmcc {' '.join(command)}", flush=True)
            finish(*start_on_two(machines, command, folder))
        is_same = compare(folder, "one", "two", "two machines and one machine")
        is_same &= compare(folder, "alone", "two", "two machines and one process")
        if options.lost:
            is_same &= lose_a_machine(folder, machines)
        if not is_same:
            raise SystemExit("two machines gave something else than one")


if __name__ == "__main__":
    main()
