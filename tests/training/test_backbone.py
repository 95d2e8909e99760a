"""The backbone: how it is trained and shipped, and what ships."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

import cmcc
from cmcc_bench.backbones import backbone_folder, shipped_model
from cmcc_bench.chat.session import Session
from cmcc_bench.corpus import open_split
from cmcc_bench.decoding import open_model
from cmcc_bench.hub.pull import model_folder
from cmcc_bench.models.encoding import encode_rows
from cmcc_bench.models.record import read_training
from cmcc_bench.models.tokenizer import load_tokenizer
from cmcc_bench.recognition.emotion import open_emotions
from cmcc_bench.simulate.dialogue import SIMULATOR
from cmcc_bench.tasks.emotion import gold_matrix
from cmcc_bench.tasks.strict import says
from cmcc_bench.textform import FORMS
from cmcc_bench.training import backbone, emotion_backbone
from cmcc_bench.training.backbone import BackboneRecipe
from cmcc_bench.training.dialogue import RECIPE
from cmcc_bench.training.emotion import EmotionRecipe
from cmcc_bench.training.emotion_backbone import EmotionBackboneRecipe
from cmcc_bench.training.recipe import read_recipe
from cmcc_bench.training.ship import _card as card_of
from cmcc_bench.training.ship import main as ship_command
from cmcc_bench.training.ship import ship
from cmcc_bench.views import KBEntry
from cmcc_bench.vocabulary import EMOTIONS

SMALL = {
    "dialogues": 6,
    "validation": 2,
    "layers": 1,
    "width": 32,
    "heads": 2,
    "hidden": 32,
    "batch_size": 8,
    "group": 8,
}
FOLDERS = [Path(backbone_folder("tiny")), shipped_model("tiny"), shipped_model("tiny-emotion")]


def recipe_of(folder):
    return json.loads((folder / "run.json").read_text("utf-8"))["recipe"]


def train(folder, hash_seed):
    options = [part for key, value in SMALL.items() for part in (f"--{key}", str(value))]
    command = [sys.executable, "-m", "cmcc_bench.training.backbone", "--out", str(folder), *options]
    subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": hash_seed}, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backbone")
    return [train(folder / seed, seed) for seed in ("1", "2")]


@pytest.mark.slow
def test_the_same_command_gives_the_same_bytes_under_any_hash_seed(runs):
    names = [sorted(path.name for path in (run / "best").iterdir()) for run in runs]
    assert names[0] == names[1]
    for name in names[0]:
        assert (runs[0] / "best" / name).read_bytes() == (runs[1] / "best" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dialogues", "0"], "key dialogues: found 0; expected 1 or more"),
        (["--width", "30"], "key width: found 30; expected a multiple of twice the number of heads, 8"),
        (["--heads", "0"], "key heads: found 0; expected 1 or more"),
        (["--share", "2"], "key share: found 2.0; expected a number from 0 to 1"),
    ],
)
def test_settings_that_give_no_model_are_refused(options, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["backbone", *options])
    with pytest.raises(SystemExit) as end:
        backbone.main()
    assert end.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.slow
def test_it_ships_in_float16_with_what_made_it_and_others_may_read_it(runs, tmp_path):
    ship(runs[0], tmp_path / "small")
    facts = json.loads((tmp_path / "small" / "run.json").read_text("utf-8"))
    assert facts["recipe"]["data_seed"] == 1_000_003 and facts["simulator"] == SIMULATOR
    assert set(facts["hardware"]) == {"cores", "threads", "gpus"}
    with safe_open(tmp_path / "small" / "model.safetensors", "pt") as weights:
        assert {str(weights.get_tensor(name).dtype) for name in weights.keys()} == {"torch.float16"}  # noqa: SIM118
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in (tmp_path / "small").iterdir())


@pytest.mark.slow
def test_the_command_of_the_emotion_classifier_counts_the_calls_behind_it_and_ships_it(tmp_path, monkeypatch):
    options = ["--dialogues", "30", "--validation", "5", "--epochs", "1", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", ["emotion_backbone", *options])
    assert emotion_backbone.main() == 0
    ship(tmp_path / "run", tmp_path / "small")
    assert read_training(tmp_path / "small").simulated_calls == recipe_of(FOLDERS[0])["dialogues"] + 30
    assert "the emotions of 30 simulated calls" in (tmp_path / "small" / "README.md").read_text("utf-8")


@pytest.mark.parametrize("facts", [{"synthetic": False, "licensed": True}, {"synthetic": True, "licensed": True}, {}])
def test_a_model_of_data_that_may_be_licensed_never_ships(tmp_path, facts):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(cmcc.DataError, match="Only models trained on simulated calls"):
        ship(tmp_path / "run", tmp_path / "shipped")


def test_a_folder_that_is_no_run_is_one_line_without_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ship", str(tmp_path / "nothing"), str(tmp_path / "shipped")])
    assert ship_command() == 1
    printed = capsys.readouterr().err
    assert printed.endswith("nothing: cannot read its run.json. Pass the folder of a finished run.\n")
    assert printed.count("\n") == 1


@pytest.mark.parametrize("folder", FOLDERS, ids=["backbone", "variant", "emotion"])
def test_what_ships_is_small_safe_and_says_that_it_is_synthetic(folder):
    files = [path for path in folder.iterdir() if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".md", ".safetensors"}
    assert sum(path.stat().st_size for path in files) < 4_000_000
    facts = json.loads((folder / "run.json").read_text("utf-8"))
    card = (folder / "README.md").read_text("utf-8")
    assert "SYNTHETIC" in card and card == card_of(facts)
    assert facts["finished"] and facts["synthetic"] and not facts["recipe"]["out"].startswith("/")
    training = read_training(folder)
    assert training.synthetic is True and training.licensed is False


@pytest.mark.parametrize(("folder", "default"), [(FOLDERS[0], BackboneRecipe()), (FOLDERS[2], EmotionBackboneRecipe())])
def test_a_shipped_backbone_is_what_its_command_makes_by_default(folder, default):
    recipe = recipe_of(folder)
    assert {key: value for key, value in recipe.items() if value != getattr(default, key)}.keys() <= {"save_every"}


def test_what_ships_says_how_many_simulated_calls_it_learned_from():
    backbone, variant, emotion = (read_training(folder).simulated_calls for folder in FOLDERS)
    assert backbone == variant == recipe_of(FOLDERS[0])["dialogues"]
    assert emotion == backbone + recipe_of(FOLDERS[2])["dialogues"]


def test_the_documentation_gives_its_size_and_how_many_calls_it_learned_from():
    facts = json.loads((FOLDERS[0] / "run.json").read_text("utf-8"))
    page = " ".join((Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8").split())
    assert f"causal language model of {facts['parameters'] / 1e6:.1f} million parameters" in page
    assert f"pretrained on {facts['recipe']['dialogues']:,} simulated calls" in page
    assert f"the emotions of {recipe_of(FOLDERS[2])['dialogues']:,} simulated calls" in page


@pytest.mark.parametrize("name", ["variant", "baseline", "no_emotion", "no_caring"])
def test_the_tiny_recipes_begin_from_it(name):
    assert read_recipe(RECIPE, f"tiny/{name}", {}).backbone == "tiny"


def test_the_tiny_recipe_for_emotions_begins_from_the_classifier_that_ships():
    assert read_recipe(EmotionRecipe, "tiny/emotion", {}).backbone == "tiny-emotion"


def test_the_shipped_classifier_hears_every_emotion_that_the_sample_has_five_times():
    rows = list(open_split("sample", "emotion", "train"))
    gold = gold_matrix(rows)
    answers = open_emotions(FOLDERS[2], 64)(rows)
    said = gold_matrix([{"emotions": [EMOTIONS.id_of(name) for name in answer.emotions]} for answer in answers])
    heard, there = (said & gold).sum(axis=0), gold.sum(axis=0)
    assert (heard[there >= 5] > there[there >= 5] / 2).all()


def test_it_has_a_token_for_every_character_of_the_sample():
    tokenizer, form = load_tokenizer(FOLDERS[0], ()), FORMS["variant"]
    encoded = encode_rows(form, tokenizer, list(open_split("sample", "response", "train")), 512)
    assert not any(tokenizer.unk_token_id in exchange.ids for exchange in encoded)


def test_other_names_are_folders_or_on_the_hub():
    assert backbone_folder("./tiny") == "./tiny" and backbone_folder("gpt2") == "gpt2"
    assert shipped_model("./tiny") is None and model_folder("tiny") == FOLDERS[1]


def test_a_local_folder_with_a_model_takes_precedence_over_the_one_that_ships(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny").mkdir()
    assert model_folder(Path("./tiny")) == FOLDERS[1]
    Path("tiny", "config.json").write_text("{}")
    assert model_folder(Path("./tiny")) == Path("tiny")


def test_the_shipped_model_looks_a_price_up_and_says_it():
    kb = {
        "ent-1": KBEntry(("畅享流量包",), "流量包", {"业务费用": ("三十七块六毛",), "流量总量": ("四百六十兆",)}),
        "ent-2": KBEntry(("乐享套餐",), "主套餐", {"业务费用": ("八十四元",)}),
    }
    reply = Session(open_model(model_folder("tiny")), kb).reply("那畅享流量包是多少钱呀")
    assert reply.user_intent == "询问(畅享流量包-业务费用)" and reply.kb_result == "三十七块六毛"
    assert says(reply.response, "三十七块六毛")
