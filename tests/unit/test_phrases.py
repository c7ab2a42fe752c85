"""Words that every room says alike."""

from __future__ import annotations

import pytest

from sdl_cli.phrases import counted, duration, first_line, listed, printable, reason, shortened, typed_line


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (1, ("file",), "1 file"),
        (1234567, ("class",), "1,234,567 classes"),
        (2, ("index", "indices"), "2 indices"),
        (10.5, ("minute",), "10.5 minutes"),
        (1.0, ("minute",), "1 minute"),
        (0, ("row",), "0 rows"),
    ],
)
def test_words_agree_with_their_number(number: float, words: tuple[str, ...], text: str) -> None:
    assert counted(number, *words) == text


def test_a_verb_agrees_too() -> None:
    assert counted(1, "row", verbs="has/have") == "1 row has"
    assert counted(2, "row", verbs="has/have") == "2 rows have"


@pytest.mark.parametrize(
    ("names", "most", "total", "text"),
    [
        ("", None, None, ""),
        ("a", None, None, "a"),
        ("ab", None, None, "a and b"),
        ("abc", None, None, "a, b and c"),
        ("abc", 3, None, "a, b and c"),
        ("abcd", 3, None, "a, b, c and 1 more"),
        ("abc", 3, 1200, "a, b, c and 1,197 more"),
    ],
)
def test_names_in_a_sentence(names: str, most: int | None, total: int | None, text: str) -> None:
    assert listed(list(names), most, total) == text


def test_names_outside_a_sentence() -> None:
    assert listed(list("abc"), 3, last=", ") == "a, b, c"
    assert listed(list("abcd"), 3, last=", ") == "a, b, c and 1 more"


def test_text_of_anyone_is_cut_and_cleaned() -> None:
    assert printable("two\nlines\tand \x1b[31mred") == "two lines and ?[31mred"
    assert shortened("x" * 1_000_000, 10) == "x" * 7 + "..."
    assert shortened("x" * 10, 10) == "x" * 10 and len(shortened("\n" * 500)) == 0


def test_the_first_line_of_an_error() -> None:
    assert first_line(ValueError("one\ntwo")) == "one"
    assert first_line(AssertionError()) == "AssertionError"
    assert typed_line(ValueError("one\ntwo")) == "ValueError: one"
    assert typed_line(AssertionError()) == "AssertionError"
    assert len(first_line(ValueError("x" * 9999), 200)) == 200


def test_times_that_are_expected_and_measured() -> None:
    assert [duration(s) for s in (0.2, 8.4, 100, 5399, 7200)] == ["1 second", "8 seconds", "2 minutes", "90 minutes", "2.0 hours"]
    assert [duration(s, exact=True) for s in (0.24, 1234.5)] == ["0.2 seconds", "1,234.5 seconds"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("[Errno -2] Name or service not known"), "Name or service not known"),
        (ValueError("\n first. \nsecond"), "first"),
        (KeyError(), "KeyError"),
    ],
)
def test_the_reason_of_an_error_ends_a_sentence(error: Exception, words: str) -> None:
    assert reason(error) == words
