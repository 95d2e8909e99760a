"""The README.md of a trained model: a template of model_cards/, filled from its run and its scores.

    text = write_model_card(Path("runs/variant/best"), facts, "ORGANIZATION/variant", score_run(best))

Every number is taken from the run's record or computed again. Values in templates are escaped unless they are Markup,
so that the name of a data set or a setting cannot become markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from huggingface_hub import ModelCardData
from markupsafe import Markup

from cmcc_bench import ngrams, paper, vocabulary
from cmcc_bench.backbones import backbone_folder
from cmcc_bench.cards.escape import shown
from cmcc_bench.cards.results import result_tables
from cmcc_bench.cards.scores import Scored
from cmcc_bench.corpus import name_without_path
from cmcc_bench.dataset.card import LICENSED, SYNTHETIC_TAG
from cmcc_bench.distribution import requirement
from cmcc_bench.errors import DataError
from cmcc_bench.files import resource_folder
from cmcc_bench.models.base import config_file
from cmcc_bench.models.record import TrainingRecord, is_licensed_run, is_synthetic_run, read_training, with_current_keys
from cmcc_bench.tasks import task_of
from cmcc_bench.textform import FORM_FILE, FORMS, TextForm, load_form
from cmcc_bench.vocabulary import EMOTIONS

_MODEL_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
NOT_RECORDED = "not recorded"

_ELSEWHERE = {"out", "resume", "dataset", "seed", "processes", "save_every"}  # shown elsewhere or irrelevant
_SCRATCH_ONLY = {"layers", "width", "heads", "dropout"}
_ADAPTER_ONLY = {"adapter", "lora_rank", "lora_alpha", "lora_dropout"}
# The setting `keep` -> what the card calls the epoch of the checkpoint, and its validation loss.
_KEPT_EPOCH = {
    "loss": ("best epoch, by validation loss", "validation loss of the best epoch, in nats"),
    "score": ("best epoch, by validation score", "validation loss of the best epoch, in nats"),
    "last": ("epoch of the checkpoint, the last one", "validation loss of the last epoch, in nats"),
}
_LOOP_ONLY = {  # facts of a training loop, which n-grams do not have
    "seed",
    "steps",
    *_KEPT_EPOCH["loss"],
    "bfloat16",
    "training tokens",
    "tokens per second",
}


@dataclass(frozen=True)
class CardSubject:
    """The model that a card describes.

    name: its Hub id or folder. facts: the content of run.json. form: the text form of a dialogue model. settings: the
    content of config.json, or of an adapter's adapter_config.json. dataset_id: the Hub id of its data set, if known.
    """

    name: str
    facts: Mapping[str, Any]
    training: TrainingRecord
    form: TextForm | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    dataset_id: str | None = None

    @property
    def synthetic(self) -> bool:
        """Whether any of its training data are simulated."""
        return is_synthetic_run(self.facts)

    @property
    def licensed(self) -> bool:
        """Whether its training data contain, or may contain, real calls."""
        return is_licensed_run(self.facts)

    @property
    def is_ngrams(self) -> bool:
        """Whether it is a regression on character n-grams, which transformers cannot load."""
        return self.settings.get("model_type") == ngrams.MODEL_TYPE

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter, which needs its base model."""
        return "peft_type" in self.settings

    @property
    def template(self) -> str:
        """The template's file name without extension."""
        if self.form is None:
            return task_of(self.training.task).card.template or "variant"
        return self.form.name if self.form.name in ("baseline", "variant") else "ablation"

    def setting(self, key: str) -> Any:  # noqa: ANN401  # as JSON has it
        """A setting of the recipe; None if it is not recorded."""
        return _get(self.facts, "recipe", key)


def write_model_card(
    best: Path,
    facts: Mapping[str, Any],
    name: str | None = None,
    scored: Sequence[Scored] = (),
    dataset_id: str | None = None,
) -> str:
    """The text of README.md for the checkpoint in `best`.

    facts: the content of run.json, empty without one. name: the model's Hub id; by default its folder.
    scored: the result of score_run. Raises FileNotFoundError if the installation lacks the templates, cmcc.DataError
    for a folder that cmcc train did not write.
    """
    training = read_training(best)
    form = load_form(best) if (best / FORM_FILE).exists() else None
    subject = CardSubject(name or best.as_posix(), facts, training, form, _read_settings(best), dataset_id)
    return render(subject, scored)


def render(subject: CardSubject, scored: Sequence[Scored]) -> str:
    """The text of the card of a model."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource_folder("model_cards")),
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else Markup(shown(value)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    text = environment.get_template(f"{subject.template}.md.jinja").render(
        subject=subject,
        head=_trusted(head(subject).to_yaml()),
        model=_trusted(python_text(subject.name)),
        tables=[_trusted(table.markdown().rstrip()) for table in result_tables(scored)],
        dataset=name_without_path(str(_dataset(subject))),
        data=data_facts(subject),
        recipe=_applicable(subject, recipe_facts(subject)),
        machine=_applicable(subject, machine_facts(subject)),
        thresholds=thresholds(subject),
        base=base_facts(subject),
        base_id=base_model(subject),
        citation=_trusted(paper.CITATION),
        toolkit=_trusted(requirement("train", *(["adapters"] if subject.is_adapter else []))),
        cmcc=vocabulary,
        forms=FORMS,
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def python_text(text: str) -> str:
    """A Python string literal in plain ASCII, without characters that could end a code block or begin HTML."""
    return re.sub(r"[<>&`{}\[\]]", lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text))


def head(subject: CardSubject) -> ModelCardData:
    """The YAML metadata of the card."""
    card = task_of(subject.training.task).card
    more: dict[str, Any] = dict(LICENSED) if subject.licensed else {"license": "apache-2.0"}
    if subject.dataset_id:
        more["datasets"] = [subject.dataset_id]
    if backbone := base_model(subject):
        more |= {"base_model": backbone, "base_model_relation": "adapter" if subject.is_adapter else "finetune"}
    return ModelCardData(
        language="zh",
        library_name="cmcc" if subject.is_ngrams else "peft" if subject.is_adapter else card.library,
        pipeline_tag=card.pipeline,
        tags=["cmcc", "customer-service", card.tag, *([SYNTHETIC_TAG] if subject.synthetic else [])],
        **more,
    )


def base_model(subject: CardSubject) -> str | None:
    """The Hub id of the model that was fine-tuned; None for training from scratch, a local or a shipped model."""
    name = subject.setting("backbone") or subject.training.base
    if not isinstance(name, str) or name == "scratch" or not _MODEL_ID.fullmatch(name) or Path(name).exists():
        return None
    return name if backbone_folder(name) == name else None


def base_facts(subject: CardSubject) -> str | None:
    """The base model with its revision, where both are known; also a local or a shipped one if it is an adapter's."""
    name = base_model(subject) or (name_without_path(subject.training.base or "") if subject.is_adapter else None)
    revision = subject.training.base_revision
    return f"{name}, revision {revision}" if name and revision else name


def data_facts(subject: CardSubject) -> list[tuple[str, str]]:
    """(name, value) of each fact about the training data."""
    facts = with_current_keys(subject.facts)
    share = facts.get("labeled_share")
    return [
        ("data set", name_without_path(str(_dataset(subject)))),
        (
            "share of the labeled training dialogues",
            f"{share:.0%}" if isinstance(share, int | float) else NOT_RECORDED,
        ),
        ("training examples", _number(_get(facts, "examples", "train"))),
        ("of these, pseudo-labeled by another model", _number(_get(facts, "pseudo_labeled"))),
        ("validation examples", _number(_get(facts, "examples", "validation"))),
        ("fingerprint of the data", _recorded(_get(facts, "fingerprint"))),
    ]


def recipe_facts(subject: CardSubject) -> list[tuple[str, str]]:
    """(name, value) of each setting of the recipe and of each result of the training."""
    facts, recipe = subject.facts, subject.facts.get("recipe")
    settings = recipe if isinstance(recipe, Mapping) else {}
    left_out = _ELSEWHERE | (_SCRATCH_ONLY if settings.get("backbone") != "scratch" else set())
    left_out |= _ADAPTER_ONLY if settings.get("adapter", "none") == "none" else set()
    rows = [
        (str(key), name_without_path(str(value)) or "none") for key, value in settings.items() if key not in left_out
    ]
    best, epochs, cut = _get(facts, "best_epoch"), settings.get("epochs"), _get(facts, "cut", "exchanges")
    trained = _get(facts, "trained_parameters")
    epoch_name, loss_name = _KEPT_EPOCH.get(str(settings.get("keep")), _KEPT_EPOCH["loss"])
    versions = facts.get("versions")
    libraries = versions.items() if isinstance(versions, Mapping) else ()
    return [
        *rows,
        *([("examples truncated to max_length", _number(cut))] if cut is not None else []),
        ("seed", _recorded(_get(facts, "seed"))),
        ("parameters", _number(_get(facts, "parameters"))),
        *([("parameters that were trained", _number(trained))] if subject.is_adapter else []),
        ("steps", _number(_get(facts, "steps"))),
        (epoch_name, NOT_RECORDED if best is None else f"{best} of {_recorded(epochs)}"),
        (loss_name, _number(_get(facts, "best_dev_loss"))),
        ("finished", _yes_or_no(_get(facts, "finished"))),
        ("commit of the toolkit", _recorded(_get(facts, "commit"))),
        ("versions", ", ".join(f"{name} {number}" for name, number in libraries) or NOT_RECORDED),
    ]


def machine_facts(subject: CardSubject) -> list[tuple[str, str]]:
    """(name, value) of each fact about the hardware and the time of the training."""
    facts = subject.facts
    gpus = _get(facts, "hardware", "gpus")
    gpu_names = ", ".join(map(str, gpus)) or "none" if isinstance(gpus, list) else NOT_RECORDED
    return [
        ("processor", _recorded(_get(facts, "hardware", "processor"))),
        ("cores", _number(_get(facts, "hardware", "cores"))),
        ("GPUs", gpu_names),
        ("device", _recorded(_get(facts, "device"))),
        ("processes", _number(_get(facts, "processes"))),
        ("bfloat16", _yes_or_no(_get(facts, "bfloat16"))),
        ("seconds", _number(_get(facts, "seconds"))),
        ("training tokens", _number(_get(facts, "tokens"))),
        ("tokens per second", _number(_get(facts, "tokens_per_second"))),
    ]


def _applicable(subject: CardSubject, facts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in facts if not (subject.is_ngrams and name in _LOOP_ONLY)]


def thresholds(subject: CardSubject) -> list[tuple[str, str]]:
    """(emotion, threshold) of an emotion classifier; empty for other models."""
    values = subject.settings.get("thresholds")
    if not isinstance(values, list) or len(values) != len(EMOTIONS):
        return []
    return [(name, _number(value)) for name, value in zip(EMOTIONS, values, strict=True)]


def _dataset(subject: CardSubject) -> object:
    return subject.dataset_id or subject.facts.get("dataset") or subject.training.dataset or NOT_RECORDED


def _read_settings(best: Path) -> Mapping[str, Any]:
    """config.json of a checkpoint, or adapter_config.json."""
    path = config_file(best) or best / "config.json"
    try:
        settings = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        hint = "Name the best checkpoint of a run of cmcc train, RUN/best."
        raise DataError(f"cannot read the file ({error})", "", hint, file=str(path)) from error
    return settings if isinstance(settings, dict) else {}


def _get(facts: Mapping[str, Any], *keys: str) -> Any:  # noqa: ANN401  # as JSON has it
    """The value under nested keys; None if any key is missing or a value on the way is not an object."""
    value: Any = facts
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _recorded(value: object) -> str:
    return NOT_RECORDED if value is None or value == "" else str(value)


def _yes_or_no(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else _recorded(value)


def _number(value: object) -> str:
    """A number with thousands separators and at most four decimals."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _recorded(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}".rstrip("0").rstrip(".")


def _trusted(text: str) -> Markup:
    """Marks text as safe: written here, or with its untrusted parts already escaped."""
    return Markup(text)
