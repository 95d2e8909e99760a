"""Settings of recognizers that train in a second, and opening one with transformers alone."""

import json
import os
import subprocess
import sys

from cmcc_bench.training import loop

SMALL = {"backbone": "scratch", "layers": 1, "width": 32, "heads": 2, "max_length": 64, "precision": "float32"}
SHORT = {"epochs": 1, "batch_size": 16, "group": 16, "learning_rate": 3e-3}

_ALONE = """
import json, sys
sys.path = [place for place in sys.path if place not in ("", sys.argv[2])]
from transformers import pipeline
text, options = json.loads(sys.argv[3])
found = pipeline("text-classification", model=sys.argv[1], top_k=None)(text, **options)
assert not [name for name in sys.modules if name.split(".")[0] in ("cmcc", "cmcc_bench")]
print(json.dumps([[one["label"], one["score"]] for one in (found[0] if isinstance(found[0], list) else found)]))
"""


def stop_at(monkeypatch, step) -> None:
    """Makes the next training stop, as by Ctrl-C, when it is to take the step; later ones go on."""
    learn = loop._Run.learn

    def stopping(run, batch):
        if run.progress.step == step:
            monkeypatch.setattr(loop._Run, "learn", learn)
            raise KeyboardInterrupt
        return learn(run, batch)

    monkeypatch.setattr(loop._Run, "learn", stopping)


def labels_by_transformers_alone(folder, root, text="我网络老是断怎么回事", **options) -> dict[str, float]:
    """What a pipeline in a new process says of a text, or of a pair of them."""
    command = [sys.executable, "-c", _ALONE, str(folder), str(root), json.dumps([text, options])]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=os.environ)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))
