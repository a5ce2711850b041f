"""Repeating requests: how often, how long apart, and what is raised in the end."""

import random

import pytest

from aicsio import SourceChangedError, SourceError, SourceNotFoundError
from aicsio._io import retrying
from aicsio._io.retrying import RetryableError, check_unchanged, describe_error, retry
from aicsio.records import Source


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(retrying.time, "sleep", waited.append)  # type: ignore[attr-defined]
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    return waited


def failing(times: int, pause: float | None = None) -> "list[object]":
    return [RetryableError(f"failure {number}", pause) for number in range(1, times + 1)]


def run(outcomes: "list[object]") -> object:
    def request() -> object:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return retry(request, "http://host/a.tif")


@pytest.mark.parametrize(
    ("times", "pause", "waited"),
    [
        (0, None, []),
        (1, None, [0.1]),
        (4, None, [0.1, 0.2, 0.4, 0.8]),
        (2, 3.0, [3.0, 3.0]),  # a server may ask for more
        (2, 0.0, [0.1, 0.2]),  # not for less
        (1, 39.0, [retrying.MAX_PAUSE]),  # and not for long
    ],
)
def test_pauses_double_up_to_a_limit(
    pauses: list[float], times: int, pause: float | None, waited: list[float]
) -> None:
    assert run([*failing(times, pause), "answer"]) == "answer"
    assert pauses == pytest.approx(waited)


def test_the_last_failure_is_raised(pauses: list[float]) -> None:
    with pytest.raises(SourceError, match=r"'http://host/a\.tif': failure 5 \(tried 5 times\)"):
        run([*failing(5), "answer"])
    assert len(pauses) == retrying.MAX_TRIES - 1


def test_a_server_that_asks_to_wait_for_hours_is_not_asked_again(pauses: list[float]) -> None:
    with pytest.raises(SourceError, match="failure 1, and asks to wait 3600 s"):
        run([*failing(1, 3600.0), "answer"])
    assert pauses == []


def test_tries_of_a_crowd_do_not_count(pauses: list[float]) -> None:
    crowded: list[object] = [RetryableError("crowd", is_crowded=True) for _ in range(9)]
    assert run([*crowded, *failing(4), "answer"]) == "answer"
    assert pauses == pytest.approx([0.1] * 10 + [0.2, 0.4, 0.8])
    endless: list[object] = [RetryableError("crowd", is_crowded=True) for _ in range(99)]
    with pytest.raises(SourceError, match=r"crowd \(tried 21 times\)"):
        run(endless)


def test_lasting_errors_are_raised_at_once(pauses: list[float]) -> None:
    with pytest.raises(SourceNotFoundError):
        run([SourceNotFoundError("nothing"), "answer"])
    assert pauses == []


@pytest.mark.parametrize(
    ("size", "fingerprint", "same"),
    [
        (9, "a", True),
        (None, "a", True),
        (9, None, True),
        (None, None, True),
        (8, "a", False),
        (9, "b", False),
        (8, None, False),
        (None, "b", False),
    ],
)
def test_an_answer_is_compared_with_the_opened_file(
    size: int | None, fingerprint: str | None, same: bool
) -> None:
    source = Source("http://host/a.tif", size=9, fingerprint="a", local=False)
    if same:
        check_unchanged(source, size, fingerprint)
    else:
        with pytest.raises(SourceChangedError, match="call open_image on it again"):
            check_unchanged(source, size, fingerprint)


def test_a_date_says_nothing_about_an_etag() -> None:
    tagged = Source("http://host/a.tif", size=9, fingerprint='"a"', local=False)
    check_unchanged(tagged, 9, "Mon, 01 Jan 2024 00:00:00 GMT")
    with pytest.raises(SourceChangedError):
        check_unchanged(tagged, 9, '"b"')


def test_errors_of_others_are_described_by_class_and_message() -> None:
    assert describe_error(ValueError("odd")) == "ValueError: odd"
    assert describe_error(TimeoutError()) == "TimeoutError"
