"""`cmcc predict openai:MODEL`: asks a model behind an endpoint about every row of a split, writes the predictions."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from cmcc_bench import corpus
from cmcc_bench.decoding.run_files import PredictionRun, RunFiles, now
from cmcc_bench.distribution import DATA_VERSION
from cmcc_bench.endpoint.answers import LONGEST_ANSWER
from cmcc_bench.endpoint.client import ChatMessage, Client, Endpoint, check_url
from cmcc_bench.endpoint.flow import answer_dialogue, ask_shortened, steps_of, together
from cmcc_bench.endpoint.journal import Journal, JournalEntry
from cmcc_bench.endpoint.prompt import load_prompt
from cmcc_bench.endpoint.questions import Asking, ModelQuestion
from cmcc_bench.endpoint.rows import AskedRows, SplitRows, Track2Rows
from cmcc_bench.endpoint.shots import open_shots
from cmcc_bench.errors import DataError
from cmcc_bench.files import open_replacement
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.tasks import RESPONSE, task_of
from cmcc_bench.terminal import ShowProgress

PREFIX = "openai:"  # before the name of a model behind an endpoint
CONTEXTS = ("markov", "full")


@dataclass(frozen=True, kw_only=True)
class AskSettings:
    """What is asked, and how.

    mode, context: of the task response: end2end or oracle; markov (names of earlier entities) or full (the whole call
    so far). prompt: a file in place of the one that ships. shots: number of examples; nearest: those that are most
    similar to each row, not the same ones by `seed` for all. price: of a million tokens in and out, in any currency.
    data_cutoff: last month of the data that the model learned from, YYYY-MM; parameters: how many it has; "" and None:
    not known. send_licensed_data: real calls may leave this machine.
    """

    task: str = "response"
    split: str = "test"
    mode: str = "end2end"
    context: str = "markov"
    prompt: Path | None = None
    shots: int = 0
    nearest: bool = False
    seed: int = 0
    price: tuple[float, float] | None = None
    data_cutoff: str = ""
    parameters: int | None = None
    format: str = "jsonl"
    send_licensed_data: bool = False


@dataclass(frozen=True, kw_only=True)
class EndpointRecord:
    """The part `endpoint` of OUT.run.json.

    kind: zero-shot or few-shot. host: the server's name. prompt: its file; prompt_digest: of all its texts.
    shot_choice: seed or nearest. sampling: as sent, temperature 0 is greedy. json_schema: whether the server took
    response_format. served: names that the server gave the model. tokens_in, tokens_out: over all starts;
    uncounted: answers from a server that does not count. cost: tokens by price, None without a price. data_cutoff,
    parameters: as the user gave them (AskSettings). unparsed,
    unknown_labels, not_in_text: answers with such problems. cut_requests: whose messages were too long; cut_turns,
    cut_shots: what was left out of them. retries: requests of this start that were sent again.
    """

    kind: str
    model: str
    host: str
    prompt: str
    prompt_digest: str
    context: str
    shots: int
    shot_choice: str
    seed: int
    sampling: Mapping[str, Any]
    json_schema: bool = True
    served: Sequence[str] = ()
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    uncounted: int = 0
    price: tuple[float, float] | None = None
    cost: float | None = None
    data_cutoff: str = ""
    parameters: int | None = None
    unparsed: int = 0
    unknown_labels: int = 0
    not_in_text: int = 0
    cut_requests: int = 0
    cut_turns: int = 0
    cut_shots: int = 0
    retries: int = 0


def predict(
    endpoint: Endpoint,
    dataset: str,
    out: str | Path,
    settings: AskSettings = AskSettings(),
    progress: ShowProgress | None = None,
) -> PredictionRun:
    """Writes the predictions for every row of a split to `out`, sorted by dialogue id and row.

    dataset: a built folder, a Hub id or `sample`. The record of the run is written to out.run.json. During the run
    out.part grows by one line for each answer; a second start continues from it and asks nothing twice. progress:
    called with the number of finished rows, the total, and the cost so far. A finished run is not repeated; its
    price, cut-off and parameters become those that are given.
    Raises cmcc.DataError if the data set, the prompt or the endpoint cannot be used, if licensed data would leave the
    machine without `send_licensed_data`, or if a request fails in every try; what was answered is kept.
    """
    asking, rows = _prepare(endpoint, dataset, settings)
    run = _new_run(endpoint, dataset, settings, asking, rows)
    files, total, show = RunFiles(Path(out)), sum(rows.sizes.values()), progress or _no_progress
    if finished := files.finished_run(run):
        show(total, total)
        return _updated(files, finished, settings)
    files.check_free(run)
    if not files.is_begun(run):
        files.part.unlink(missing_ok=True)
    files.write_record(run)
    with Journal(files.part, rows.sizes, steps_of(asking)) as journal:
        work = _Work(endpoint, asking, rows, journal, settings.price, show)
        run = asyncio.run(work.run(files.out, run))
    files.write_record(run)
    files.part.unlink()
    return run


def _updated(files: RunFiles, run: PredictionRun, settings: AskSettings) -> PredictionRun:
    """A finished run with the price, cut-off and parameters that are given now: they do not change the answers."""
    record = EndpointRecord(**run.endpoint)
    price = settings.price or record.price
    record = replace(
        record,
        price=price,
        cost=_cost(record.tokens_in, record.tokens_out, price),
        data_cutoff=settings.data_cutoff or record.data_cutoff,
        parameters=settings.parameters or record.parameters,
    )
    if orjson.dumps(asdict(record)) != orjson.dumps(run.endpoint):
        run = replace(run, endpoint=asdict(record))
        files.write_record(run)
    return run


def first_messages(endpoint: Endpoint, dataset: str, settings: AskSettings) -> list[ChatMessage]:
    """The messages of the first question, as they would be sent. Nothing is sent."""
    asking, rows = _prepare(endpoint, dataset, replace(settings, send_licensed_data=True))
    dialogue = rows.of(next(name for name, size in rows.sizes.items() if size))
    if asking.item:
        question = asking.about_row(dialogue[0], 0, asking.item)
    else:
        question = (asking.about_user if asking.mode == "end2end" else asking.about_oracle)(dialogue[0], 0, ())
    return question.messages(question.turns, question.shots)


def _prepare(endpoint: Endpoint, dataset: str, settings: AskSettings) -> tuple[Asking, AskedRows]:
    """The way to ask and the rows. Raises the errors of `predict` that need no server."""
    check_url(endpoint.url)
    asking, rows = (_prepare_track2 if settings.format == "seretod" else prepare)(dataset, settings)
    if not endpoint.is_loopback and not settings.send_licensed_data and has_licensed(asking, rows):
        problem = f"licensed calls would be sent to {endpoint.host}"
        hint = "If your license allows it, add --send-licensed-data."
        raise DataError(problem, "", hint, dataset=dataset, split=settings.split)
    return asking, rows


def prepare(dataset: str, settings: AskSettings) -> tuple[Asking, SplitRows]:
    """The way to ask about a split, whatever the model, and its rows.

    Raises cmcc.DataError if the data set or the prompt cannot be used.
    """
    rows = SplitRows(task_of(settings.task), dataset, settings.split)
    return _asking_of(rows, dataset, settings), rows


def _prepare_track2(dataset: str, settings: AskSettings) -> tuple[Asking, Track2Rows]:
    """The way to ask about a Track 2 file, and its rows. Raises cmcc.DataError as `prepare` does."""
    wrong = {
        f"--task {settings.task}": settings.task != RESPONSE.name,
        f"--mode {settings.mode}": settings.mode != "end2end",
        f"--shots {settings.shots}": settings.shots > 0,
    }
    if given := [option for option, is_wrong in wrong.items() if is_wrong]:
        problem = f"{given[0]} with the format seretod: a Track 2 test file has replies to predict and no gold labels"
        raise DataError(problem, "", f"Leave {given[0]} out.", dataset=dataset)
    rows = Track2Rows(dataset)
    return _asking_of(rows, dataset, settings), rows


def _asking_of(rows: AskedRows, dataset: str, settings: AskSettings) -> Asking:
    task = task_of(settings.task)
    prompt = load_prompt(task.name, settings.prompt)
    shots = None
    if settings.shots:
        shots = open_shots(task, dataset, settings.shots, settings.seed, settings.nearest)
    asking = Asking(task, prompt, shots=shots)
    if asking.item:
        return asking
    if settings.mode == "oracle" and rows.hidden:
        task.check_labels([rows.hidden], dataset=dataset, split=settings.split)
    return Asking(task, prompt, settings.mode, settings.context, shots)


def has_licensed(asking: Asking, rows: AskedRows) -> bool:
    """Whether any of the calls that are sent, those of the examples too, is a real one."""
    return rows.is_licensed or bool(asking.shots and corpus.is_licensed(asking.shots.rows))


def _new_run(endpoint: Endpoint, dataset: str, settings: AskSettings, asking: Asking, rows: AskedRows) -> PredictionRun:
    record = EndpointRecord(
        kind="few-shot" if settings.shots else "zero-shot",
        model=endpoint.model,
        host=endpoint.host,
        prompt=settings.prompt.name if settings.prompt else asking.task.name,
        prompt_digest=asking.prompt.digest,
        context=asking.context,
        shots=settings.shots,
        shot_choice=("nearest" if settings.nearest else "seed") if settings.shots else "",
        seed=settings.seed,
        sampling={"temperature": endpoint.temperature, "max_tokens": endpoint.max_tokens},
        price=settings.price,
        data_cutoff=settings.data_cutoff,
        parameters=settings.parameters,
    )
    shots = corpus.fingerprint_of(asking.shots.rows) if asking.shots else ""
    shown = f"{settings.shots} {'nearest ' if settings.nearest else ''}shots" if settings.shots else record.kind
    options = [corpus.name_without_path(endpoint.model), shown]
    options += [f"prompt {record.prompt}"] if settings.prompt else []
    options += [f"{record.context} context"] if record.context == "full" else []
    return PredictionRun(
        model=f"{PREFIX}{endpoint.model}",
        model_digest=_digest(record, shots),
        form="" if asking.item else "variant",  # a language model writes emotions and all acts
        mode=asking.mode,
        dataset=dataset,
        dataset_version=rows.version,
        fingerprint=rows.fingerprint,
        split=None if settings.format == "seretod" else settings.split,
        format=settings.format,
        synthetic=rows.is_synthetic,
        batch_size=endpoint.concurrency,
        versions={"cmcc": DATA_VERSION, "httpx2": version("httpx2")},
        task=asking.task.name,
        training=TrainingRecord(task=asking.task.name, options=tuple(options)).as_dict(),
        endpoint=asdict(record),
    )


def _digest(record: EndpointRecord, shots: str) -> str:
    """What stands for the digest of a model: of all that decides its answers. shots: fingerprint of the examples."""
    names = ("model", "host", "prompt_digest", "context", "shots", "shot_choice", "seed", "sampling")
    decisive = {name: getattr(record, name) for name in names} | {"examples": shots}
    return hashlib.sha256(orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass
class _Totals:
    """What the answers of all starts add up to."""

    counts: Counter[str] = field(default_factory=Counter)
    served: set[str] = field(default_factory=set)

    def add(self, entry: JournalEntry) -> None:
        """Adds an answer."""
        self.counts["requests"] += 1
        self.counts["tokens_in"] += entry.tokens_in or 0
        self.counts["tokens_out"] += entry.tokens_out or 0
        self.counts["uncounted"] += entry.tokens_in is None or entry.tokens_out is None
        self.counts["cut_requests"] += bool(entry.cut_turns or entry.cut_shots)
        self.counts["cut_turns"] += entry.cut_turns
        self.counts["cut_shots"] += entry.cut_shots
        if entry.served:
            self.served.add(corpus.name_without_path(entry.served))


class _Work:
    """A run: the questions that are open are asked, at most `concurrency` at a time; the file is written at the end.

    As many dialogues are open as requests may be in flight, so memory does not grow with the split.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        asking: Asking,
        rows: AskedRows,
        journal: Journal,
        price: tuple[float, float] | None,
        show: ShowProgress,
    ) -> None:
        self._endpoint, self._asking, self._rows, self._journal = endpoint, asking, rows, journal
        self._price, self._show = price, show
        self._total = sum(rows.sizes.values())
        self._failure: Exception | None = None

    async def run(self, out: Path, run: PredictionRun) -> PredictionRun:
        """Asks, writes the predictions to `out` and returns the finished record."""
        resumed, begin = self._journal.rows_done, time.perf_counter()
        self._report()
        self._slots = asyncio.Semaphore(self._endpoint.concurrency)
        async with Client(self._endpoint, self._journal.settings) as self._client:
            self._written = self._client.settings
            dialogues = iter(self._rows.sizes)
            await together(self._ask_all(dialogues) for _ in range(self._endpoint.concurrency))
        seconds = time.perf_counter() - begin
        totals = _Totals()
        problems = await self._write(out, totals)
        record = EndpointRecord(**run.endpoint)
        record = replace(
            record,
            sampling=self._client.settings.sampling,
            json_schema=self._client.settings.json_schema,
            served=tuple(sorted(totals.served)),
            cost=_cost(totals.counts["tokens_in"], totals.counts["tokens_out"], self._price),
            retries=self._client.retries,
            unparsed=problems["unparsed"],
            unknown_labels=problems["unknown_label"],
            not_in_text=problems["not_in_text"],
            **dict[str, Any](totals.counts),
        )
        return replace(
            run,
            finished=True,
            date=now(),
            exchanges=self._total,
            resumed=resumed,
            seconds=round(seconds, 3),
            exchanges_per_second=round((self._total - resumed) / max(seconds, 1e-9), 3),
            cut_contexts=totals.counts["cut_requests"],
            endpoint=asdict(record),
        )

    async def _ask_all(self, dialogues: Iterator[str]) -> None:
        """Asks about dialogues until there are none left or a request has failed."""
        for dialogue_id in dialogues:
            if not self._journal.is_done(dialogue_id):
                await answer_dialogue(self._asking, self._rows.of(dialogue_id), self._answer)

    async def _answer(self, question: ModelQuestion) -> str:
        """The answer in the journal, or the model's, which is added to it."""
        if entry := self._journal.get(*question.place):
            return entry.text
        async with self._slots:
            if self._failure:
                raise self._failure
            try:
                entry = await self._asked(question)
            except Exception as error:
                self._failure = self._failure or error
                raise
        if self._written != self._client.settings:
            self._written = self._client.settings
            self._journal.add_settings(self._written)
        self._journal.add(entry)
        self._report()
        return entry.text

    async def _asked(self, question: ModelQuestion) -> JournalEntry:
        """Asks; where the messages are too long, with fewer turns and shots."""
        answer, turns, shots = await ask_shortened(
            question, lambda messages: self._client.complete(messages, question.schema)
        )
        return JournalEntry(
            *question.place,
            answer.text[:LONGEST_ANSWER],
            answer.tokens_in,
            answer.tokens_out,
            cut_turns=turns,
            cut_shots=shots,
            served=answer.served,
        )

    async def _write(self, out: Path, totals: _Totals) -> Counter[str]:
        """Writes the predictions, dialogue by dialogue, from the journal; returns the number of problems by kind."""
        problems: Counter[str] = Counter()

        async def read(question: ModelQuestion) -> str:
            """The answer in the journal, which has all of them now."""
            entry = self._journal.get(*question.place)
            assert entry is not None
            totals.add(entry)
            return entry.text

        with open_replacement(out) as stream:
            for dialogue_id in self._rows.sizes:
                answers = await answer_dialogue(self._asking, self._rows.of(dialogue_id), read)
                stream.write(self._rows.lines(answers))
                for one in answers:
                    problems.update(kind for _, kind in {(p.step, p.kind) for p in one.problems})
            stream.write(self._rows.end())
        return problems

    def _report(self) -> None:
        cost = _cost(self._journal.tokens_in, self._journal.tokens_out, self._price)
        self._show(self._journal.rows_done, self._total, "" if cost is None else f"(cost so far {cost:.4f})")


def _cost(tokens_in: int, tokens_out: int, price: tuple[float, float] | None) -> float | None:
    return None if price is None else round((tokens_in * price[0] + tokens_out * price[1]) / 1_000_000, 6)


def _no_progress(done: int, total: int, note: str = "") -> None:
    """Shows nothing."""
