"""The README.md of a trained model: one of the templates in model_cards/, filled from its run and its scores.

    text = write_model_card(Path("runs/variant/best"), facts, "ORGANIZATION/variant", score_run(best))

Every number is taken from the run or computed anew. A value that a template inserts is escaped unless it is Markup, so
that neither a name of a data set nor a setting can become a part of the card.
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

from cmcc_bench import paper, vocabulary
from cmcc_bench.backbones import backbone_folder
from cmcc_bench.cards.escape import shown
from cmcc_bench.cards.results import result_tables
from cmcc_bench.cards.scores import Scored
from cmcc_bench.corpus import place_name
from cmcc_bench.dataset.card import LICENSED, SYNTHETIC_TAG
from cmcc_bench.distribution import requirement
from cmcc_bench.errors import DataError
from cmcc_bench.files import resource_folder
from cmcc_bench.models.training import Training, is_licensed_run, is_synthetic_run, read_training
from cmcc_bench.tasks import task_of
from cmcc_bench.textform import FORM_FILE, FORMS, TextForm, load_form
from cmcc_bench.vocabulary import EMOTIONS

_MODEL_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
NOT_RECORDED = "not recorded"

_ELSEWHERE = {"out", "resume", "dataset", "seed", "processes", "save_every"}  # settings told elsewhere, or of no weight
_OF_SCRATCH = {"layers", "width", "heads", "dropout"}


@dataclass(frozen=True)
class CardSubject:
    """The model that a card is of.

    name: by which it is loaded, a Hub id or a folder. facts: what run.json says. form: of a dialogue model.
    settings: of its configuration, config.json. dataset_id: of the data set on the Hub, where it is known.
    """

    name: str
    facts: Mapping[str, Any]
    training: Training
    form: TextForm | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    dataset_id: str | None = None

    @property
    def synthetic(self) -> bool:
        """Whether any of its data are simulated."""
        return is_synthetic_run(self.facts)

    @property
    def licensed(self) -> bool:
        """Whether its data held, or may have held, real calls."""
        return is_licensed_run(self.facts)

    @property
    def template(self) -> str:
        """The template's name, without ending."""
        if self.form is None:
            return task_of(self.training.task).card.template or "variant"
        return self.form.name if self.form.name in ("baseline", "variant") else "ablation"

    def setting(self, key: str) -> Any:  # noqa: ANN401  # as JSON has it
        """A setting of the recipe; None where none is recorded."""
        return _get(self.facts, "recipe", key)


def write_model_card(
    best: Path,
    facts: Mapping[str, Any],
    name: str | None = None,
    scored: Sequence[Scored] = (),
    dataset_id: str | None = None,
) -> str:
    """README.md of the checkpoint in `best`.

    facts: what run.json says, empty without one. name: the model's id on the Hub; without one its folder is named.
    scored: what score_run gives. Raises FileNotFoundError when the installation lacks the templates, DataError for
    a folder that cmcc train did not write.
    """
    training = read_training(best)
    form = load_form(best) if (best / FORM_FILE).exists() else None
    subject = CardSubject(name or best.as_posix(), facts, training, form, _read_settings(best), dataset_id)
    return render(subject, scored)


def render(subject: CardSubject, scored: Sequence[Scored]) -> str:
    """The card of a model, from all that is known of it."""
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
        dataset=place_name(str(_dataset(subject))),
        data=data_facts(subject),
        recipe=recipe_facts(subject),
        machine=machine_facts(subject),
        thresholds=thresholds(subject),
        base_model=base_model(subject),
        citation=_trusted(paper.CITATION),
        toolkit=_trusted(requirement("train")),
        cmcc=vocabulary,
        forms=FORMS,
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def python_text(text: str) -> str:
    """A string of Python that is plain ASCII, with nothing that could end a block of code or begin HTML."""
    return re.sub(r"[<>&`{}\[\]]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text))


def head(subject: CardSubject) -> ModelCardData:
    """The YAML head of the card."""
    card = task_of(subject.training.task).card
    more: dict[str, Any] = dict(LICENSED) if subject.licensed else {"license": "apache-2.0"}
    if subject.dataset_id:
        more["datasets"] = [subject.dataset_id]
    if backbone := base_model(subject):
        more |= {"base_model": backbone, "base_model_relation": "finetune"}
    return ModelCardData(
        language="zh",
        library_name=card.library,
        pipeline_tag=card.pipeline,
        tags=["cmcc", "customer-service", card.tag, *([SYNTHETIC_TAG] if subject.synthetic else [])],
        **more,
    )


def base_model(subject: CardSubject) -> str | None:
    """The id on the Hub of the model that training began with; None from scratch, of a folder here or of ours."""
    name = subject.setting("backbone")
    if not isinstance(name, str) or name == "scratch" or not _MODEL_ID.fullmatch(name) or Path(name).exists():
        return None
    return name if backbone_folder(name) == name else None


def data_facts(subject: CardSubject) -> list[tuple[str, str]]:
    """What it learned from, by name."""
    facts, share = subject.facts, subject.facts.get("labelled_share")
    return [
        ("data set", place_name(str(_dataset(subject)))),
        (
            "share of the labelled training dialogues",
            f"{share:.0%}" if isinstance(share, int | float) else NOT_RECORDED,
        ),
        ("examples to train on", _number(_get(facts, "examples", "train"))),
        ("of them labelled by another model", _number(_get(facts, "pseudo_labelled"))),
        ("examples to choose the checkpoint by", _number(_get(facts, "examples", "validation"))),
        ("fingerprint of the data", _said(_get(facts, "fingerprint"))),
    ]


def recipe_facts(subject: CardSubject) -> list[tuple[str, str]]:
    """The settings of the training and how it went, by name."""
    facts, recipe = subject.facts, subject.facts.get("recipe")
    settings = recipe if isinstance(recipe, Mapping) else {}
    left_out = _ELSEWHERE | (_OF_SCRATCH if settings.get("backbone") != "scratch" else set())
    rows = [(str(key), place_name(str(value)) or "none") for key, value in settings.items() if key not in left_out]
    best, epochs, cut = _get(facts, "best_epoch"), settings.get("epochs"), _get(facts, "cut", "exchanges")
    versions = facts.get("versions")
    libraries = versions.items() if isinstance(versions, Mapping) else ()
    return [
        *rows,
        *([("examples that were cut to max_length", _number(cut))] if cut is not None else []),
        ("seed", _said(_get(facts, "seed"))),
        ("parameters", _number(_get(facts, "parameters"))),
        ("steps", _number(_get(facts, "steps"))),
        ("best epoch, by the loss on validation", NOT_RECORDED if best is None else f"{best} of {_said(epochs)}"),
        ("its loss on validation, in nats", _number(_get(facts, "best_dev_loss"))),
        ("finished", _yes_or_no(_get(facts, "finished"))),
        ("commit of the toolkit", _said(_get(facts, "commit"))),
        ("versions", ", ".join(f"{name} {number}" for name, number in libraries) or NOT_RECORDED),
    ]


def machine_facts(subject: CardSubject) -> list[tuple[str, str]]:
    """What it was trained on and how long, by name."""
    facts = subject.facts
    gpus = _get(facts, "hardware", "gpus")
    named = ", ".join(map(str, gpus)) or "none" if isinstance(gpus, list) else NOT_RECORDED
    return [
        ("processor", _said(_get(facts, "hardware", "processor"))),
        ("cores", _number(_get(facts, "hardware", "cores"))),
        ("GPUs", named),
        ("device", _said(_get(facts, "device"))),
        ("processes", _number(_get(facts, "processes"))),
        ("bfloat16", _yes_or_no(_get(facts, "bfloat16"))),
        ("seconds", _number(_get(facts, "seconds"))),
        ("tokens learned from", _number(_get(facts, "tokens"))),
        ("tokens a second", _number(_get(facts, "tokens_per_second"))),
    ]


def thresholds(subject: CardSubject) -> list[tuple[str, str]]:
    """The probability from which each emotion is said; none for other models."""
    found = subject.settings.get("thresholds")
    if not isinstance(found, list) or len(found) != len(EMOTIONS):
        return []
    return [(name, _number(value)) for name, value in zip(EMOTIONS, found, strict=True)]


def _dataset(subject: CardSubject) -> object:
    return subject.dataset_id or subject.facts.get("dataset") or subject.training.dataset or NOT_RECORDED


def _read_settings(best: Path) -> Mapping[str, Any]:
    """config.json of a checkpoint."""
    try:
        settings = json.loads((best / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(str(error), "what save_pretrained writes", file=str(best / "config.json")) from error
    return settings if isinstance(settings, dict) else {}


def _get(facts: Mapping[str, Any], *keys: str) -> Any:  # noqa: ANN401  # as JSON has it
    """What stands under the keys; None where there is nothing, or anything but objects on the way."""
    found: Any = facts
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _said(value: object) -> str:
    return NOT_RECORDED if value is None or value == "" else str(value)


def _yes_or_no(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else _said(value)


def _number(value: object) -> str:
    """A number with its thousands apart; four decimals at most."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _said(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}".rstrip("0").rstrip(".")


def _trusted(text: str) -> Markup:
    """Text that was made here, or whose parts were escaped when it was made."""
    return Markup(text)
