"""`cmcc export DATASET --format messages`: rows as chat messages, to fine-tune a chat model with other programs.

Each line is a conversation, {"messages": [{"role": ..., "content": ...}, ...]}: what `cmcc predict openai:MODEL` would
send about the row, with the gold answers. So a model that was fine-tuned on the file is asked as it was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson

from cmcc_bench.endpoint.prompt import load_prompt
from cmcc_bench.endpoint.questions import Asking
from cmcc_bench.endpoint.rows import SplitRows
from cmcc_bench.errors import DataError
from cmcc_bench.files import open_replacement
from cmcc_bench.tasks import task_of


def export_messages(
    dataset: str,
    out: Path,
    *,
    task: str = "response",
    split: str = "train",
    context: str = "markov",
    prompt: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, bool]:
    """Writes the rows of a split to `out`, sorted by dialogue id; returns their number and whether calls are real.

    task: a key of tasks.TASKS; response is end to end, two questions an exchange. context: of response, markov or full
    (see Asking). prompt: a file in place of the prompt that ships. progress: called with rows done and their number.
    Raises cmcc.DataError if the data set, split or prompt cannot be used, or the labels are hidden.
    """
    rows = SplitRows(task_of(task), dataset, split)
    if rows.hidden is not None:
        hint = "Choose another split with --split."
        raise DataError("the labels of this split are hidden", "", hint, dataset=dataset, split=split)
    asking = Asking(task_of(task), load_prompt(task, prompt), "end2end", context)
    system = {"role": "system", "content": asking.prompt.system}
    done, total = 0, sum(rows.sizes.values())
    with open_replacement(out, private=True) as stream:
        for dialogue_id in rows.sizes:
            dialogue = rows.of(dialogue_id)
            for place in range(len(dialogue)):
                line = {"messages": [system, *asking.example(dialogue, place)]}
                stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            done += len(dialogue)
            if progress:
                progress(done, total)
    return total, rows.is_licensed
