"""What the Hub's clients raise, said so that a person knows what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from cmcc_bench.errors import DataError, printable

_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN to a token of https://huggingface.co/settings/tokens."
_AGAIN = "Run it again: what is uploaded already is not sent twice."

# What was found, what was expected, what to do; by the status of an answer.
_STATUSES = {
    400: ("a request that the Hub refuses", "one that it takes", "Its words are above."),
    401: ("no token, or one that the Hub does not know", "a valid token", _LOG_IN),
    403: ("a token that may not do this", "one with the role write, of an account that may write there", _LOG_IN),
    404: ("nothing there", "what was asked for", "Check the name."),
    409: ("a conflict with what is there", "no change by others meanwhile", _AGAIN),
    412: ("a commit by somebody else meanwhile", "no change by others meanwhile", _AGAIN),
    429: ("too many requests", "fewer", f"Wait some minutes. {_AGAIN}"),
}


@contextmanager
def hub_errors(**place: str) -> Iterator[None]:
    """Turns what the clients raise in the block into cmcc.DataError; place: the repository, or whatever it is about."""
    try:
        yield
    except (
        httpx2.HTTPError,
        EntryNotFoundError,
        HFValidationError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    ) as error:
        raise explained(error, **place) from error
    except RuntimeError as error:  # an upload failed in a thread, where the cause says why, or in hf_xet
        if isinstance(error.__cause__, httpx2.HTTPError):
            raise explained(error.__cause__, **place) from error
        found = printable(str(error).split("\n")[0])
        raise DataError(found, "an upload or a download that ends", _AGAIN, **place) from error
    except ValueError as error:  # the Hub's check of a card's head
        if isinstance(error, DataError) or "README.md" not in str(error):
            raise
        raise DataError(str(error), "a card that the Hub takes", "Mend README.md.", **place) from error


def explained(error: Exception, **place: str) -> DataError:
    """The error for a person; it quotes neither headers nor tokens."""
    return DataError(*_words(error), **place)


def _words(error: Exception) -> tuple[str, str, str]:
    if isinstance(error, GatedRepoError):
        return "a gated repository", "one that you were let into", "Ask for access on its page."
    if isinstance(error, RepositoryNotFoundError):
        return "no such repository, or none that you may see", "a repository's id", f"Check the name. {_LOG_IN}"
    if isinstance(error, RevisionNotFoundError):
        return "no such revision", "a branch, a tag or a commit", "Leave --revision out for the newest state."
    if isinstance(error, LocalTokenNotFoundError):
        return "no token", "a valid token", _LOG_IN
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE in the environment", "a connection", "Unset it: it keeps the clients off the network."
    if isinstance(error, HFValidationError):
        return str(error).splitlines()[0], "an id such as ORGANIZATION/NAME", ""
    if isinstance(error, HfHubHTTPError):
        return _words_of_status(error)
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return _words(error.__cause__)
    if isinstance(error, EntryNotFoundError):
        return "a file that is not there, or no connection", "all files", "Check the connection, then run it again."
    return f"no connection with {constants.ENDPOINT} ({type(error).__name__})", "one that lasts", _AGAIN


def _words_of_status(error: HfHubHTTPError) -> tuple[str, str, str]:
    status = error.response.status_code
    found, expected, hint = _STATUSES.get(status, ("an error of the server", "an answer", f"Try later. {_AGAIN}"))
    said = f": {printable(error.server_message)}" if error.server_message else ""
    return f"{found} (status {status}{said})", expected, hint
