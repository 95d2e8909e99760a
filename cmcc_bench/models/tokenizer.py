"""Tokenizers: a character vocabulary of the training texts, or a backbone's own, plus the tokens of the text form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from string import ascii_lowercase, digits
from typing import TypeAlias

from transformers import AutoTokenizer, BertTokenizer, PreTrainedTokenizerBase

from cmcc_bench.errors import DataError
from cmcc_bench.textform import SPECIAL_TOKENS

Tokenizer: TypeAlias = PreTrainedTokenizerBase

_BASIC = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def character_tokenizer(texts: Iterable[str], special_tokens: Sequence[str] = SPECIAL_TOKENS) -> BertTokenizer:
    """Creates a BERT tokenizer whose vocabulary is the characters of `texts` and all ASCII letters and digits.

    Inside a word a letter or digit is a `##` piece, as in BERT's vocabularies. Text is lowercased.
    special_tokens: those of the text form for a dialogue model, none for a classifier.
    """
    plain = BertTokenizer(vocab={token: index for index, token in enumerate(_BASIC)})
    pieces = set(ascii_lowercase + digits) | {f"##{character}" for character in ascii_lowercase + digits}
    for word in _words(plain, texts):
        pieces.add(word[0])
        pieces.update(f"##{character}" for character in word[1:])
    vocabulary = {token: index for index, token in enumerate((*_BASIC, *sorted(pieces)))}
    tokenizer = BertTokenizer(vocab=vocabulary)
    add_special_tokens(tokenizer, special_tokens)
    return tokenizer


def _words(tokenizer: BertTokenizer, texts: Iterable[str]) -> set[str]:
    """The words of BERT's pre-tokenization: single Chinese characters, punctuation marks, and runs of anything else."""
    normalizer, splitter = tokenizer.backend_tokenizer.normalizer, tokenizer.backend_tokenizer.pre_tokenizer
    return {word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}


def backbone_tokenizer(
    name: str, special_tokens: Sequence[str] = SPECIAL_TOKENS, revision: str | None = None
) -> Tokenizer:
    """Loads a pretrained model's tokenizer and adds the special tokens. Without a pad token it pads with EOS.

    name: a folder or a Hub id. revision: of a model on the Hub. Raises cmcc.DataError if the model has no usable
    tokenizer.
    """
    tokenizer = _open(name, revision)
    add_special_tokens(tokenizer, special_tokens)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        hint = "Set pad_token in tokenizer_config.json."
        raise DataError("the tokenizer has neither a pad token nor an end token", "", hint, model=name)
    return tokenizer


def add_special_tokens(tokenizer: Tokenizer, special_tokens: Sequence[str]) -> None:
    """Adds all special tokens in one call; a second call would replace the first ones."""
    if special_tokens:
        tokenizer.add_special_tokens({"extra_special_tokens": list(special_tokens)})
        check_special_tokens(tokenizer, special_tokens, "(new)")


def load_tokenizer(name: str | Path, special_tokens: Sequence[str] = SPECIAL_TOKENS) -> Tokenizer:
    """Loads the tokenizer of a trained model.

    special_tokens: the tokens that it must have; none for a classifier.
    Raises cmcc.DataError if there is no tokenizer, or its vocabulary or special tokens are missing.
    """
    tokenizer = _open(name)
    check_special_tokens(tokenizer, special_tokens, str(name))
    return tokenizer


def check_special_tokens(tokenizer: Tokenizer, special_tokens: Sequence[str], name: str) -> None:
    """Raises cmcc.DataError unless each special token is encoded as one id of its own."""
    lost = [token for token in special_tokens if not is_one_token(tokenizer, token)]
    if lost:
        hint = "Copy the tokenizer's files from the run that trained the model."
        problem = f"the tokenizer has no single id for the special tokens {', '.join(lost)}"
        raise DataError(problem, "", hint, model=name)


def is_one_token(tokenizer: Tokenizer, token: str) -> bool:
    """Whether the tokenizer encodes a special token as one id of its own."""
    ids = tokenizer(token, add_special_tokens=False)["input_ids"]
    return len(ids) == 1 and ids[0] != tokenizer.unk_token_id and tokenizer.convert_ids_to_tokens(ids[0]) == token


def _open(name: str | Path, revision: str | None = None) -> Tokenizer:
    """Opens a tokenizer with AutoTokenizer and checks that it has a vocabulary.

    transformers 5 silently gives an empty tokenizer for a folder that does not name the tokenizer's class.
    """
    try:
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(
            str(name), revision=revision or "main", trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        problem = f"the tokenizer cannot be opened ({str(error).splitlines()[0]})"
        hint = "Give the folder or Hub id of a model that has its tokenizer."
        raise DataError(problem, "", hint, model=str(name)) from error
    if len(tokenizer) <= max(1, len(tokenizer.all_special_tokens)):
        hint = 'Set its class in tokenizer_config.json, for instance {"tokenizer_class": "BertTokenizer"}.'
        raise DataError(f"the tokenizer has only {len(tokenizer)} tokens", "", hint, model=str(name))
    return tokenizer


def text_of(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    """Decodes generated tokens without special tokens and without spaces, which BERT puts between characters.

    Source: the published baseline also removes all spaces.
    """
    return "".join(str(tokenizer.decode(list(ids), skip_special_tokens=True)).split())
