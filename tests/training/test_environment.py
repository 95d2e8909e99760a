"""What run.json says of the machine."""

from cmcc_bench.training.environment import hardware, processor_name


def test_the_processor_is_the_model_that_linux_names(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Example CPU @ 2.00GHz\nprocessor\t: 1\n")
    assert processor_name(tmp_path / "cpuinfo") == "Example CPU @ 2.00GHz"


def test_where_nothing_names_it_its_architecture_stands(tmp_path):
    assert processor_name(tmp_path / "none")
    (tmp_path / "cpuinfo").write_text("Features : fp asimd\n")
    assert processor_name(tmp_path / "cpuinfo")


def test_it_says_nothing_that_names_the_machine():
    assert set(hardware()) == {"processor", "cores", "threads", "gpus"}
