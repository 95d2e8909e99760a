"""Writes the golden files, after an intended change of outputs: python -m tests.write_golden"""

import re
import tempfile
from pathlib import Path

import cmcc
from cmcc_bench.cards.model_card import write_model_card
from cmcc_bench.cards.scores import score_run
from cmcc_bench.dataset import build
from cmcc_bench.hub.artifact import run_facts
from cmcc_bench.scoring import Bootstrap
from tests import raw
from tests.cards.runs import write_data, write_facts, write_predictions
from tests.golden_results import golden_results
from tests.messages import messages

GOLDEN = Path(__file__).parent / "golden"


def write_sources(folder: Path) -> dict[str, Path]:
    """Writes the raw files of small builds; returns the folders by the name of the golden card."""
    calls = [raw.dialogue(f"call-{number}") for number in range(3)]
    raw.write(folder / "licensed", "train.json", calls)
    raw.write(folder / "licensed", "test.json", [raw.dialogue("call-9", 满意度=3)])
    raw.write(folder / "licensed", "unlabeled.json", [raw.plain()])
    raw.write(folder / "synthetic", "train.json", [raw.dialogue(f"{cmcc.SYNTHETIC_ID}1")])
    raw.write(folder / "unlabeled", "unlabeled.json", [raw.plain()])
    raw.write(folder / "pictures", "train.json", calls)
    names = ("licensed", "pictures", "synthetic", "unlabeled")
    return {f"dataset_card_{name}.md": folder / name for name in names}


def card_of(source: Path, out: Path) -> str:
    """The card of a build, without numbers that depend on the version of pyarrow."""
    build(source, out, with_figures=source.name == "pictures")
    text = (out / "README.md").read_text("utf-8")
    text = re.sub(r"(download_size|dataset_size|num_bytes): \d+", r"\1: N", text)
    return re.sub(r"\b1\.0\.\d+\b", "1.0.N", text)


def golden_cards(folder: Path) -> dict[str, str]:
    """The current data set cards, by name."""
    sources = write_sources(folder / "raw")
    return {name: card_of(source, folder / name / "cmcc") for name, source in sources.items()}


# For each golden model card: the kind of model, whether its data are synthetic, the options of its training, and fields
# of run.json that differ from the others.
_PUBLISHED = {"backbone": "bert-base-chinese", "epochs": 3, "dataset": "cmcc-org/cmcc"}
_MODELS: dict[str, tuple[str, bool, tuple[str, ...], dict[str, object]]] = {
    "baseline": ("baseline", True, (), {}),
    "variant": ("variant", False, (), {"recipe": _PUBLISHED}),
    "no_emotion": ("no_emotion", True, (), {}),
    "no_caring": ("no_caring", True, (), {}),
    "emotion": ("emotion", False, (), {"recipe": _PUBLISHED}),
    "emotion_context": ("emotion", True, ("with context", "tuned thresholds"), {}),
    "joint": ("joint", True, (), {"overlapping": 12}),
    "joint_no_emotion": ("joint", True, ("w/o user emotion",), {"overlapping": 12}),
    "satisfaction": ("satisfaction", True, (), {}),
}


def model_card_of(name: str, folder: Path) -> str:
    """The card of a small run with scored predictions, without the version of sacrebleu."""
    kind, synthetic, options, changes = _MODELS[name]
    prefix = cmcc.SYNTHETIC_ID if synthetic else "call-"
    data = write_data(folder / "cmcc", [f"{prefix}{number}" for number in range(6)])
    best, training = write_facts(folder / "run", kind, synthetic, options, **changes)
    for mode in ("end2end", "oracle") if kind in ("baseline", "variant") else ("end2end",):
        write_predictions(best, kind, data, training, mode)
    dataset_id = None if synthetic else "cmcc-org/cmcc"
    scored = score_run(best, bootstrap=Bootstrap(200))
    text = write_model_card(best, run_facts(best), f"cmcc-org/{name}", scored, dataset_id)
    return re.sub(r"version:[\d.]+", "version:N", text)


def golden_model_cards(folder: Path) -> dict[str, str]:
    """The current model cards, by name; one is for a model with a text form but no other facts."""
    cards = {f"model_card_{name}.md": model_card_of(name, folder / name) for name in _MODELS}
    best, _ = write_facts(folder / "unknown" / "run", "variant", True)
    (best / "training.json").unlink()
    cards["model_card_unknown.md"] = write_model_card(best, {}, "cmcc-org/unknown")
    return cards


if __name__ == "__main__":
    (GOLDEN / "messages.txt").write_text(messages(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        cards = golden_cards(Path(folder) / "data") | golden_model_cards(Path(folder) / "models")
        for name, text in cards.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
        for name, text in golden_results(Path(folder) / "results").items():
            (GOLDEN / "results" / name).write_text(text, encoding="utf-8")
