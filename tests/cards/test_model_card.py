"""The model cards: whole, as the golden files have them; their heads; how to load, which is run; hostile runs."""

import ast
import re
import subprocess
import sys

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench import paper
from cmcc_bench.cards.model_card import write_model_card
from cmcc_bench.cards.scores import score_run
from cmcc_bench.hub.artifact import run_facts
from cmcc_bench.scoring import Bootstrap
from tests.cards.runs import write_data, write_facts, write_predictions, write_weights
from tests.write_golden import GOLDEN, golden_model_cards

NAMES = sorted(path.name for path in GOLDEN.glob("model_card_*.md"))
SECTIONS = [
    "Intended use", "Training data and license", "Recipe", "Results", "Limits", "Hardware and time", "How to load",
    "How to cite",
]  # fmt: skip


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    return golden_model_cards(tmp_path_factory.mktemp("golden"))


def test_every_golden_card_has_its_run(cards):
    assert sorted(cards) == NAMES


@pytest.mark.parametrize("name", NAMES)
class TestEveryCard:
    def test_it_equals_its_golden_file(self, cards, name):
        assert cards[name] == (GOLDEN / name).read_text("utf-8"), "if it is meant: python -m tests.write_golden"

    def test_it_has_all_sections_in_order_and_no_template_syntax(self, cards, name):
        body = cards[name].split("\n---\n", 1)[1]
        assert re.findall(r"^## (.+)$", body, re.MULTILINE) == SECTIONS
        assert not re.search(r"\{%|%\}|\{\{(?!CMCC)|None(?![,)])|Undefined|Markup", body)

    def test_the_client_of_the_hub_reads_its_metadata(self, cards, name):
        head = ModelCard(cards[name]).data
        assert head.language == "zh" and head.library_name in ("transformers", "cmcc") and "cmcc" in head.tags
        assert (head.license == "other") == ("**LICENSED**" in cards[name]) == ("extra_gated_prompt" in head.to_dict())
        assert ("synthetic" in head.tags) == ("**SYNTHETIC**" in cards[name])

    def test_it_cites_the_paper(self, cards, name):
        assert paper.CITATION in cards[name]


def test_scores_are_beside_those_of_the_paper(cards):
    published = paper.RESPONSE_RESULTS["variant", "end2end"]
    line = next(line for line in cards["model_card_variant.md"].splitlines() if line.startswith("| BLEU-4"))
    assert line.endswith(f"| {published.bleu:.3f} |") and "[" in line
    assert f"| {paper.EMOTION_RESULTS['classification'].macro_f1:.3f} |" in cards["model_card_emotion.md"]
    assert f"| {paper.ENTITY_RESULTS['joint'].entity_f1:.3f} |" in cards["model_card_joint.md"]
    context = next(x for x in cards["model_card_emotion_context.md"].splitlines() if x.startswith("| macro F1 |"))
    assert context.endswith("| – |")  # the paper has no such system


def test_an_ablation_says_which_part_was_dropped(cards):
    assert "without\n**caring acts**" in cards["model_card_no_caring.md"]
    assert "without\n**user emotions**" in cards["model_card_no_emotion.md"]


def test_the_card_of_a_model_without_predictions_says_how_to_score_it(cards):
    card = cards["model_card_unknown.md"]
    assert "No scores" in card and "cmcc predict RUN/best" in card and "95 %" not in card
    assert "| paper |" not in card and "100%" not in card


@pytest.mark.parametrize(
    ("keep", "shown"),
    [("loss", "best epoch, by validation loss"), ("score", "by validation score"), ("last", "the last")],
)
def test_the_epoch_of_the_checkpoint_is_called_what_it_was_kept_for(tmp_path, keep, shown):
    best, _ = write_facts(tmp_path / "run", "emotion", True)
    facts = run_facts(best)
    card = write_model_card(best, facts | {"recipe": {**facts["recipe"], "keep": keep}})
    assert shown in card and ("by validation loss" in card) == (keep == "loss")


def test_a_model_of_real_calls_from_a_synthetic_backbone_is_not_said_to_be_of_simulated_calls_alone(tmp_path):
    best, _ = write_facts(tmp_path / "run", "variant", True, licensed=True)
    card = write_model_card(best, run_facts(best))
    assert "**Partly SYNTHETIC**" in card and "**LICENSED**" in card
    assert "All dialogues are synthetic" not in card and "of no use" not in card and "are synthetic:" not in card


KINDS = {"baseline": 2, "variant": 2, "no_emotion": 2, "no_caring": 2, "emotion": 1, "joint": 1, "satisfaction": 1}


@pytest.mark.parametrize("kind", [*KINDS, "emotion with context"])
def test_the_code_that_loads_the_model_runs(tmp_path, kind):
    options = ("with context",) if " with " in kind else ()
    kind = kind.split()[0]
    best, _ = write_facts(tmp_path / "run", kind, True, options)
    write_weights(best, kind)
    blocks = re.findall(r"```python\n(.*?)```", write_model_card(best, run_facts(best)), re.DOTALL)
    assert len(blocks) == KINDS[kind] and all(
        len([line for line in block.splitlines() if line]) == 5 for block in blocks
    )
    for block in blocks:
        exec(block, {})


@pytest.mark.slow
def test_the_code_for_a_classifier_needs_transformers_only(tmp_path):
    best, _ = write_facts(tmp_path / "run", "satisfaction", True)
    write_weights(best, "satisfaction")
    (block,) = re.findall(r"```python\n(.*?)```", write_model_card(best, {}), re.DOTALL)
    check = "import sys\nassert not [m for m in sys.modules if m.split('.')[0] in ('cmcc', 'cmcc_bench', 'train')]\n"
    done = subprocess.run([sys.executable, "-c", block + check], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"^(\w+) 0\.\d+$", done.stdout, re.MULTILINE)) == set(cmcc.SATISFACTION)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
_KEYS = (
    "recipe", "versions", "hardware", "examples", "dataset", "commit", "seed", "device", "seconds", "best_epoch", "cut",
    "labeled_share", "pseudo_labeled", "finished", "overlapping", "synthetic", "licensed", "parameters",
)  # fmt: skip


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return {kind: write_facts(tmp_path_factory.mktemp(kind) / "run", kind, True)[0] for kind in ("variant", "joint")}


@settings(max_examples=60, deadline=None)
@given(facts=st.dictionaries(st.sampled_from(_KEYS), _JSON), kind=st.sampled_from(["variant", "joint"]))
def test_whatever_a_run_says_the_card_keeps_its_form(bare, facts, kind):
    card = write_model_card(bare[kind], facts, "cmcc-org/x")
    assert re.findall(r"^## (.+)$", card, re.MULTILINE) == SECTIONS and card.count("\n---\n") == 1
    yaml.safe_load(card.split("---\n")[1])


HOSTILE = '"]\n---\n# Mine\n```python\nimport os\n```\n<script>alert(1)</script> | [x](javascript:y) {{ 7 * 7 }} `x`'


def test_hostile_names_are_shown_and_do_nothing(tmp_path):
    recipe = {"backbone": HOSTILE, "dataset": HOSTILE, HOSTILE: HOSTILE}
    changes = {"dataset": HOSTILE, "recipe": recipe, "versions": {HOSTILE: HOSTILE}, "commit": HOSTILE}
    hardware = {"processor": HOSTILE, "gpus": [HOSTILE]}
    best, _ = write_facts(tmp_path / "run", "satisfaction", True, (HOSTILE,), hardware=hardware, **changes)
    card = write_model_card(best, run_facts(best), HOSTILE)
    assert "<script" not in card and "](javascript" not in card and "\n# Mine" not in card and "49" not in card
    assert re.findall(r"^## (.+)$", card, re.MULTILINE) == SECTIONS
    (block,) = re.findall(r"```python\n(.*?)\n```\n", card, re.DOTALL)
    tree = ast.parse(block)
    assert HOSTILE in [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert yaml.safe_load(card.split("---\n")[1]).get("base_model") is None


def test_the_name_of_a_data_set_that_was_scored_on_tells_no_path(tmp_path):
    data = write_data(tmp_path / "cmcc", [f"{cmcc.SYNTHETIC_ID}{n}" for n in range(2)])
    best, training = write_facts(tmp_path / "run", "emotion", True, dataset=str(data))
    write_predictions(best, "emotion", data, training)
    card = write_model_card(best, run_facts(best), "cmcc-org/emotion", score_run(best, bootstrap=Bootstrap(5)))
    assert str(tmp_path) not in card and "/home/somebody" not in card and "| data set | cmcc |" in card


def test_the_command_prints_the_card_or_writes_it(tmp_path, capsys):
    from cmcc_bench import cli

    data = write_data(tmp_path / "cmcc", [f"{cmcc.SYNTHETIC_ID}{n}" for n in range(2)])
    best, training = write_facts(tmp_path / "run", "emotion", True)
    write_predictions(best, "emotion", data, training)
    assert cli.main(["card", str(best.parent), "--resamples", "5"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("---\n") and f'model="{best.as_posix()}"' in printed and "| macro F1 |" in printed
    before = sorted(best.iterdir())
    arguments = ["card", str(best), "--out", str(tmp_path / "new" / "card.md"), "--resamples", "5"]
    assert cli.main([*arguments, "--repository", "cmcc-org/emotion"]) == 0
    written = (tmp_path / "new" / "card.md").read_text("utf-8")
    assert written == printed.replace(best.as_posix(), "cmcc-org/emotion") and sorted(best.iterdir()) == before
    assert cli.main([*arguments, "--repository", "no id"]) == 1
    assert "ORGANIZATION/NAME" in capsys.readouterr().err
    assert cli.main(["card", str(tmp_path / "none")]) == 1
    assert "Name the folder of a run, RUN or RUN/best" in capsys.readouterr().err
