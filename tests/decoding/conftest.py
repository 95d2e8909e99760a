"""Small random models are fastest on one thread, and do not then fight for the cores with other tests."""

import pytest

from .models import dialogues, tokenizer_of


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="package")
def calls():
    return dialogues()


@pytest.fixture(scope="package")
def tokenizer(calls):
    return tokenizer_of(calls)
