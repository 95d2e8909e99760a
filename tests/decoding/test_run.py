"""`cmcc predict` without the command line: files, going on after a stop, SereTOD's form, and what is no model."""

import json
from dataclasses import asdict

import pytest
import torch

import cmcc
from cmcc_bench import textform
from cmcc_bench.dataset import build
from cmcc_bench.decoding import decode, forward, open_model, predict, response_dialogues
from cmcc_bench.scoring.predictions import read_predictions
from cmcc_bench.views import kb_from_json

from .. import raw
from .models import KB, gpt2, tokenizer_of

BASELINE = textform.FORMS["baseline"]
NAMES = tuple(f"call-{number}" for number in range(5))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A built folder whose test split has five dialogues."""
    folder = tmp_path_factory.mktemp("data")
    turns = [raw.turn(用户情绪="中性"), raw.answer(), raw.answer()]
    raw.write(
        folder / "raw", "test.json", [raw.dialogue(name, turns[: 2 + index % 2]) for index, name in enumerate(NAMES)]
    )
    build(folder / "raw", folder / "cmcc")
    return str(folder / "cmcc")


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    return str(save_model(tmp_path_factory.mktemp("model")))


def save_model(folder, seed=0):
    from .models import dialogues

    tokenizer = tokenizer_of(dialogues())
    gpt2(seed, len(tokenizer), n_layer=1, n_positions=512).float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    BASELINE.save(folder)
    return folder


class StoppedError(Exception):
    """What stops a run in these tests."""


def stop_after(exchanges):
    def progress(done, total):
        if done >= exchanges:
            raise StoppedError

    return progress


def test_the_file_holds_every_exchange_sorted_and_the_record_says_what_was_run(data, model_dir, tmp_path):
    seen = []
    out = tmp_path / "made" / "preds.jsonl"
    run = predict(model_dir, data, out, progress=lambda done, total: seen.append((done, total)))
    made = read_predictions(out)
    keys = [(p.dialogue_id, p.exchange) for p in made]
    assert keys == sorted(keys)
    assert {name for name, _ in keys} == set(NAMES)
    assert seen == [(done, len(made)) for done in range(len(made) + 1)]
    record = json.loads((tmp_path / "made" / "preds.jsonl.run.json").read_text())
    assert record == asdict(run)
    assert (run.form, run.mode, run.split, run.synthetic, run.finished) == ("baseline", "end2end", "test", False, True)
    assert (run.exchanges, run.resumed, run.cut_contexts) == (len(made), 0, 0)
    assert run.exchanges_per_second > 0
    assert not (tmp_path / "made" / "preds.jsonl.part").exists()


def test_a_second_start_goes_on_where_the_first_stopped_and_gives_the_same_file(data, model_dir, tmp_path):
    predict(model_dir, data, tmp_path / "whole.jsonl", batch_size=2)
    out, part = tmp_path / "preds.jsonl", tmp_path / "preds.jsonl.part"
    with pytest.raises(StoppedError):
        predict(model_dir, data, out, batch_size=2, progress=stop_after(4))
    assert not out.exists()
    whole_dialogues = len(part.read_bytes().splitlines())
    with part.open("ab") as stream:
        stream.write(b'{"unit":4,"lines":[{"exch')  # a kill in the middle of a line
    run = predict(model_dir, data, out, batch_size=3)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert 0 < whole_dialogues <= run.resumed <= 5
    assert not part.exists()


def test_dialogues_that_were_whole_are_not_decoded_again(data, model_dir, tmp_path, monkeypatch):
    out = tmp_path / "preds.jsonl"
    with pytest.raises(StoppedError):
        predict(model_dir, data, out, batch_size=1, progress=stop_after(3))
    decoded = []

    def watched(model, tokenizer, form, dialogues, *rest):
        kept = list(dialogues)
        decoded.extend(call.dialogue_id for call in kept)
        return decode(model, tokenizer, form, kept, *rest)

    monkeypatch.setattr("cmcc_bench.decoding.run.decode", watched)
    predict(model_dir, data, out)
    done = {p.dialogue_id for p in read_predictions(out)} - set(decoded)
    assert done
    assert len(decoded) == len(NAMES) - len(done)


def test_a_finished_run_is_not_run_again(data, model_dir, tmp_path, monkeypatch):
    out = tmp_path / "preds.jsonl"
    first = predict(model_dir, data, out)
    before = out.stat().st_mtime_ns
    monkeypatch.setattr("cmcc_bench.decoding.run.decode", None)
    assert predict(model_dir, data, out) == first
    assert out.stat().st_mtime_ns == before


def test_the_unfinished_file_of_another_run_is_an_error_not_a_mixture(data, model_dir, tmp_path):
    out = tmp_path / "preds.jsonl"
    with pytest.raises(StoppedError):
        predict(model_dir, data, out, progress=stop_after(2))
    with pytest.raises(cmcc.DataError, match="unfinished predictions of another run"):
        predict(model_dir, data, out, mode="oracle")
    with pytest.raises(cmcc.DataError, match="unfinished predictions of another run"):
        predict(save_model(tmp_path / "other", seed=1), data, out)


def test_bfloat16_is_recorded_and_is_another_run(data, model_dir, tmp_path, monkeypatch):
    opened, original = [], forward.TogetherForward

    def watched(model, rows):
        opened.append(model.dtype)
        return original(model, rows)

    monkeypatch.setattr(forward, "TogetherForward", watched)
    out = tmp_path / "test.jsonl"
    assert predict(model_dir, data, out, precision="bfloat16").precision == "bfloat16"
    assert opened == [torch.bfloat16]
    assert len(read_predictions(out)) == len(read_predictions(predicted(model_dir, data, tmp_path / "32.jsonl")))
    with pytest.raises(cmcc.DataError, match="this model, data, mode, format and precision"):
        predict(model_dir, data, out)


def test_a_run_that_goes_on_with_another_precision_is_an_error_that_names_it(data, model_dir, tmp_path):
    out = tmp_path / "test.jsonl"
    with pytest.raises(StoppedError):
        predict(model_dir, data, out, batch_size=1, progress=stop_after(4))
    with pytest.raises(cmcc.DataError, match="precision bfloat16"):
        predict(model_dir, data, out, precision="bfloat16")
    with pytest.raises(cmcc.DataError, match="float32 or bfloat16"):
        predict(model_dir, data, out, precision="float16")


def test_a_record_without_a_precision_is_of_float32(data, model_dir, tmp_path):
    out = predicted(model_dir, data, tmp_path / "test.jsonl")
    record = tmp_path / "test.jsonl.run.json"
    facts = json.loads(record.read_text("utf-8"))
    del facts["precision"]  # as an earlier version wrote it
    record.write_text(json.dumps(facts), "utf-8")
    assert predict(model_dir, data, out).date == facts["date"]


def predicted(model_dir, data, out):
    """The file of a run in float32."""
    predict(model_dir, data, out)
    return out


def test_cut_contexts_are_counted_over_all_starts(data, tmp_path):
    from .models import dialogues

    tokenizer = tokenizer_of(dialogues())
    gpt2(0, len(tokenizer), n_layer=1, n_positions=104).float().save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    BASELINE.save(tmp_path / "model")
    once = predict(tmp_path / "model", data, tmp_path / "whole.jsonl")
    assert once.cut_contexts == once.exchanges
    with pytest.raises(StoppedError):
        predict(tmp_path / "model", data, tmp_path / "preds.jsonl", batch_size=1, progress=stop_after(4))
    twice = predict(tmp_path / "model", data, tmp_path / "preds.jsonl")
    assert twice.resumed > 0
    assert (twice.cut_contexts, twice.cut_entities) == (once.cut_contexts, once.cut_entities)


def test_the_oracle_takes_the_gold_of_the_data_set(data, model_dir, tmp_path):
    predict(model_dir, data, tmp_path / "preds.jsonl", mode="oracle")
    gold = {(r["dialogue_id"], r["exchange"]): r for r in response_rows_of(data)}
    for made in read_predictions(tmp_path / "preds.jsonl"):
        row = gold[made.dialogue_id, made.exchange]
        assert (made.user_intent, made.kb_result) == (row["user_intent"], row["kb_result"])
        assert made.acts == ",".join(textform.fold_caring(row["acts"].split(",")))


def response_rows_of(data):
    from cmcc_bench.corpus import open_dataset

    return list(open_dataset(data, "response")["test"])


def test_rows_of_the_view_become_dialogues_with_their_kb(data):
    found = list(response_dialogues(response_rows_of(data)))
    assert {dialogue.dialogue_id for dialogue in found} == set(NAMES)
    assert all(dialogue.kb == kb_from_json(dialogue.rows[0]["kb"]) for dialogue in found)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: None, "no such folder"),
        (lambda folder: folder.mkdir(), "cannot read text_form.json"),
        (lambda folder: (folder.mkdir(), BASELINE.save(folder)), "the tokenizer cannot be opened"),
        (
            lambda folder: (save_model(folder), (folder / "model.safetensors").unlink()),
            "AutoModelForCausalLM cannot open it",
        ),
    ],
)
def test_a_folder_that_is_no_model_is_an_error_that_says_what_is_missing(spoil, message, data, tmp_path):
    spoil(tmp_path / "model")
    with pytest.raises(cmcc.DataError, match=message):
        predict(tmp_path / "model", data, tmp_path / "preds.jsonl")
    assert not (tmp_path / "preds.jsonl.part").exists()


def test_a_tokenizer_that_lost_its_special_tokens_is_an_error(data, tmp_path):
    from cmcc_bench.models.tokenizer import character_tokenizer

    folder = save_model(tmp_path / "model")
    character_tokenizer(["有G包吗"], special_tokens=()).save_pretrained(folder)
    with pytest.raises(cmcc.DataError, match="no single id for the special tokens"):
        predict(folder, data, tmp_path / "preds.jsonl")


def test_a_tokenizer_with_more_tokens_than_the_model_is_an_error(tmp_path):
    folder = save_model(tmp_path / "model")
    gpt2(0, 20, n_layer=1).float().save_pretrained(folder)
    with pytest.raises(cmcc.DataError, match="141 tokens, the model only 20"):
        open_model(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "both"}, "end2end or oracle"),
        ({"output_format": "csv"}, "jsonl or seretod"),
        ({"output_format": "seretod", "mode": "oracle"}, "no gold"),
        ({"split": "dev"}, "no split 'dev'"),
    ],
)
def test_a_request_that_cannot_be_met_is_an_error_that_says_what_can(options, message, data, model_dir, tmp_path):
    with pytest.raises(cmcc.DataError, match=message):
        predict(model_dir, data, tmp_path / "preds.jsonl", **options)


TRACK2 = {
    "id": "t-1",
    "KB": {
        "ent-1": {"name": "流量包,G包", "type": "流量包", "业务费用": "十块钱,十元"},
        "NA": {"持有套餐": "三十八的"},
    },
    "more": 1,
    "content": [
        {"用户": user, "用户意图-生成": "", "客服意图-生成": "", "客服-生成": ""} for user in ("有G包吗", "多少钱")
    ],
}


def test_a_track_2_file_is_given_back_with_what_was_generated_in_its_place(model_dir, tmp_path):
    raw.write(tmp_path, "test.json", [TRACK2, TRACK2 | {"id": "t-0"}])
    run = predict(model_dir, str(tmp_path / "test.json"), tmp_path / "result.json", output_format="seretod")
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert [dialogue["id"] for dialogue in result] == ["t-1", "t-0"]
    assert all(turn["客服-生成"] and turn["用户意图-生成"] for dialogue in result for turn in dialogue["content"])
    for dialogue in result:
        for turn in dialogue["content"]:
            turn.update({"用户意图-生成": "", "客服意图-生成": "", "客服-生成": ""})
    assert result == [TRACK2, TRACK2 | {"id": "t-0"}]
    assert (run.split, run.format, run.exchanges) == (None, "seretod", 4)


def test_a_dialogue_without_exchanges_is_written_back_empty_in_its_place(model_dir, tmp_path):
    empty = {"id": "t-1", "KB": {}, "content": []}
    given = [empty, TRACK2 | {"id": "t-2"}, {"id": "t-3", "content": [], "more": 1}]
    raw.write(tmp_path, "test.json", given)
    predict(model_dir, str(tmp_path / "test.json"), tmp_path / "result.json", output_format="seretod")
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert [result[0], result[2]] == [given[0], given[2]] and result[1]["content"][0]["客服-生成"]


def test_a_file_of_empty_dialogues_is_written_back(model_dir, tmp_path):
    raw.write(tmp_path, "test.json", [{"id": "t-1", "KB": {}, "content": []}])
    run = predict(model_dir, str(tmp_path / "test.json"), tmp_path / "result.json", output_format="seretod")
    assert json.loads((tmp_path / "result.json").read_text("utf-8")) == [{"id": "t-1", "KB": {}, "content": []}]
    assert (run.finished, run.exchanges) == (True, 0)


def test_a_track_2_file_without_the_format_is_an_error_that_says_what_to_add(model_dir, tmp_path):
    raw.write(tmp_path / "folder", "test.json", [{"id": "t-1", "content": []}, TRACK2])
    for dataset in (tmp_path / "folder", tmp_path / "folder" / "test.json"):
        with pytest.raises(cmcc.DataError, match=r"found a SereTOD Track 2 file; .* Add --format seretod"):
            predict(model_dir, str(dataset), tmp_path / "result.json")


def test_the_format_seretod_of_a_data_set_is_an_error_that_says_what_the_format_needs(data, model_dir, tmp_path):
    for dataset in (data, "sample", str(tmp_path / "gone.json")):
        message = rf"dataset {dataset}: not the raw test file of SereTOD Track 2 .* Run cmcc predict MODEL TEST_FILE"
        with pytest.raises(cmcc.DataError, match=message):
            predict(model_dir, dataset, tmp_path / "result.json", output_format="seretod")


def test_a_track_2_file_with_a_dialogue_twice_is_an_error(model_dir, tmp_path):
    raw.write(tmp_path, "test.json", [TRACK2, TRACK2])
    with pytest.raises(cmcc.DataError, match="second dialogue with this id"):
        predict(model_dir, str(tmp_path / "test.json"), tmp_path / "result.json", output_format="seretod")


def test_the_flat_kb_of_track_2_answers_as_ours_does():
    from cmcc_bench.decoding import track2_kb
    from cmcc_bench.views import kb_result

    kb = track2_kb(TRACK2["KB"])
    assert kb["ent-1"] == KB["ent-1"]
    assert kb_result(kb, "询问(g包-业务费用),询问(持有套餐)(流量包)") == ("十块钱", "十元", "三十八的", "流量包", "G包")


def test_the_public_track_2_example_is_decoded_whole(real_calls, model_dir, tmp_path):
    example = real_calls / "track2_test_example.json"
    predict(model_dir, str(example), tmp_path / "result.json", output_format="seretod")
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    given = json.loads(example.read_text("utf-8"))
    assert [len(dialogue["content"]) for dialogue in result] == [len(dialogue["content"]) for dialogue in given]
    assert all(turn["客服-生成"] for dialogue in result for turn in dialogue["content"])


def test_a_split_whose_labels_are_hidden_is_decoded_alike_but_not_with_the_oracle(model_dir, tmp_path):
    raw.write(tmp_path / "raw", "test.json", [raw.dialogue(name) for name in NAMES])
    build(tmp_path / "raw", tmp_path / "whole")
    build(tmp_path / "raw", tmp_path / "hidden", with_hidden_labels=True)
    for name in ("whole", "hidden"):
        predict(model_dir, str(tmp_path / name), tmp_path / f"{name}.jsonl")
    assert (tmp_path / "hidden.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    with pytest.raises(cmcc.DataError, match="labels are hidden"):
        predict(model_dir, str(tmp_path / "hidden"), tmp_path / "oracle.jsonl", mode="oracle")
