"""Speed of scoring 10,000 exchanges with 1,000 bootstrap samples, beside sacrebleu's own bootstrap of BLEU alone.

    python benchmarks/score.py                                  # under a minute

Exchanges are generated: labels, KB, goal and texts as long as the published ones are; a third of the answers differ.
Each step is run in turn `--repeats` times in fresh tokenizer caches and the median is quoted; CPU time is beside it,
because a shared machine makes the wall clock say little.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import orjson
import sacrebleu
from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

import cmcc
from cmcc_bench.scoring import Bootstrap, compare, response_measure, score
from cmcc_bench.tasks import RESPONSE, Prediction
from cmcc_bench.types import Row

GOAL_SECONDS = 5.0
EXCHANGES_A_DIALOGUE = 10
USER_CHARACTERS, SERVICE_CHARACTERS = 15, 25  # the paper's table 1


def generated_rows(exchanges: int, seed: int) -> list[Row]:
    """Rows of the `response` view, every dialogue with one entity that has three slots, one of them asked for."""
    generator = random.Random(seed)
    return [row for number in range(exchanges // EXCHANGES_A_DIALOGUE) for row in _dialogue(number, generator)]


def _dialogue(number: int, generator: random.Random) -> list[Row]:
    name, values = _text(5, generator), {slot: [_text(4, generator)] for slot in cmcc.SLOTS[1:4]}
    asked, (value,) = next(iter(values.items()))
    exchange = generator.randrange(EXCHANGES_A_DIALOGUE)
    entry = {"names": [name], "given": {}, "asked": {asked: exchange}}
    kb = orjson.dumps({"ent-1": {"names": [name], "type": "流量包", "slots": values}}).decode()
    goal = orjson.dumps({"entities": {"ent-1": entry}, "types": {}}).decode()
    rows = []
    for index in range(EXCHANGES_A_DIALOGUE):
        intent = f"询问({name}-{asked})" if index == exchange else generator.choice(list(cmcc.INTENTS.values()))
        rows.append(
            {
                "dialogue_id": f"d{number}",
                "exchange": index,
                "history_entities": name,
                "user": _text(USER_CHARACTERS, generator),
                "entities": name,
                "user_intent": intent,
                "kb_result": value if index == exchange else "",
                "emotions": "中性",
                "acts": ",".join(generator.sample(list(cmcc.ACTS.values()), 2)),
                "response": _text(SERVICE_CHARACTERS, generator) + (value if index == exchange else ""),
                "kb": kb,
                "goal": goal,
            }
        )
    return rows


def _text(length: int, generator: random.Random) -> str:
    """Characters of which some are frequent, so that n-grams match by chance as they do in speech."""
    return "".join(chr(0x4E00 + int(generator.expovariate(0.02))) for _ in range(length))


def wrong_predictions(rows: list[Row], seed: int) -> list[Prediction]:
    """The gold predictions; in a third of them the labels are others' and half of the answer is another one."""
    generator = random.Random(seed)
    gold = RESPONSE.gold(rows)
    return [
        prediction
        if generator.random() > 1 / 3
        else replace(
            prediction,
            user_intent=(other := generator.choice(gold)).user_intent,
            acts=other.acts,
            response=prediction.response[:12] + other.response[12:],
        )
        for prediction in gold
    ]


def seconds(step: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of a step, with sacrebleu's tokenizers as they are at the start of a process."""
    TokenizerZh.__call__.cache_clear()
    TokenizerRegexp.__call__.cache_clear()
    start, cpu = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - start, time.process_time() - cpu


def measure(exchanges: int, resamples: int, repeats: int) -> None:
    """Runs and prints everything."""
    rows = generated_rows(exchanges, seed=0)
    a, b = wrong_predictions(rows, 1), wrong_predictions(rows, 2)
    texts = [prediction.response for prediction in a], [[row["response"] for row in rows]]
    reference = sacrebleu.BLEU(tokenize="zh", lowercase=True)
    steps: dict[str, Callable[[], object]] = {
        "sacrebleu, BLEU once": lambda: reference.corpus_score(*texts),
        "sacrebleu, BLEU with its own bootstrap": lambda: reference.corpus_score(*texts, n_bootstrap=resamples),
        "strict, all scores": lambda: score("response", a, rows, Bootstrap(resamples)),
        "seretod, all scores": lambda: score(
            "response", a, rows, Bootstrap(resamples), measure=response_measure("seretod")
        ),
        "strict, paired test of two systems": lambda: compare("response", a, b, rows, Bootstrap(resamples)),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            times[name].append(seconds(step))
    print(f"{len(rows)} exchanges in {len(rows) // EXCHANGES_A_DIALOGUE} dialogues, {resamples} resamples")
    medians = {name: np.median(values, axis=0).tolist() for name, values in times.items()}
    for name, (wall, cpu) in medians.items():
        print(f"{name:40} {wall:6.2f} s, CPU {cpu:5.2f} s")
    (_, own_cpu), (wall, cpu) = medians["sacrebleu, BLEU with its own bootstrap"], medians["strict, all scores"]
    print(f"strict, all scores / sacrebleu, BLEU with its own bootstrap: {cpu / own_cpu:.2f} of the CPU time")
    print(f"strict, all scores: {wall:.2f} s; goal: at most {GOAL_SECONDS:.0f} s")


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=10_000, help="number of exchanges (default: %(default)s)")
    parser.add_argument(
        "--resamples", type=int, default=1_000, help="number of bootstrap resamples (default: %(default)s)"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="number of repeats; the median is printed (default: %(default)s)"
    )
    options = parser.parse_args()
    measure(options.exchanges, options.resamples, options.repeats)


if __name__ == "__main__":
    main()
