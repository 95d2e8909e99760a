"""Prompts: those that ship hold every label, and a file in their place is checked."""

import tomllib

import pytest

import cmcc
from cmcc_bench.cli import main
from cmcc_bench.endpoint.prompt import PARTS, guideline_digest, load_prompt, prompt_path
from cmcc_bench.tasks import TASKS
from cmcc_bench.vocabulary import VOCABULARIES

GOOD = 'system = "分类"\nuser = "${context}和${text}"\n'


def test_each_task_has_a_prompt_and_its_system_text_every_label_it_may_give():
    assert PARTS.keys() == TASKS.keys()
    labels = {**VOCABULARIES, "types": cmcc.ENTITY_TYPES}
    for task, parts in PARTS.items():
        prompt = load_prompt(task)
        for field in parts["system"] - {"slots"}:
            assert all(f"- {name}：" in prompt.system for name in labels[field].values()), (task, field)
        assert "${" not in prompt.system
    assert all(slot in load_prompt("response").system for slot in cmcc.SLOTS)


def test_the_definitions_translate_the_guideline_as_it_is_now():
    """After a change of dataset_card/guideline.toml: change definitions.toml too, then write the new digest there."""
    text = prompt_path("emotion").parents[1] / "definitions.toml"
    assert tomllib.loads(text.read_text("utf-8"))["guideline"] == guideline_digest()


def test_an_own_prompt_takes_the_place_and_a_dollar_in_the_data_is_no_placeholder(tmp_path):
    (tmp_path / "p.toml").write_text(GOOD, "utf-8")
    prompt = load_prompt("emotion", tmp_path / "p.toml")
    assert prompt.system == "分类" and prompt.digest != load_prompt("emotion").digest
    assert prompt.fill("user", context="${x} $5", text="好") == "${x} $5和好"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('system = "a"\nuser = "${text}"\n', r"part user: the placeholder \$\{context\} is missing"),
        (
            'system = "a"\nuser = "${context}${text}${more}"\n',
            r"part user: found the placeholder \$\{more\}; expected one",
        ),
        ('system = "5$"\nuser = "${context}${text}"\n', "part system: a dollar sign"),
        ('system = "a"\n', "found the parts system; expected the parts system, user"),
        ("system = 3\nuser = 4\n", "part system: found a value of another type; expected a string"),
        ("system = ", "not valid TOML"),
        ("\udcff", "not valid TOML"),
    ],
)
def test_a_prompt_that_lacks_something_is_an_error_that_names_it(text, message, tmp_path):
    (tmp_path / "p.toml").write_text(text, "utf-8", errors="surrogateescape")
    with pytest.raises(cmcc.DataError, match=message):
        load_prompt("emotion", tmp_path / "p.toml")


def test_the_command_lists_the_prompts_with_their_files(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["predict", "--list-prompts"])
    lines = capsys.readouterr().out.splitlines()
    assert caught.value.code == 0 and len(lines) == len(TASKS)
    assert str(prompt_path("emotion")) in lines[1] and load_prompt("emotion").digest[:12] in lines[1]
