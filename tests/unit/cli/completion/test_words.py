"""A line up to the cursor as words, whatever is quoted, and what a shell puts in place of the last one."""

from __future__ import annotations

import pytest

from sdl_cli.cli.completion.words import for_bash, rejoined, split


@pytest.mark.parametrize(
    ("line", "words", "current"),
    [
        ("sdl train dataset=wi", ("train",), "dataset=wi"),
        ("sdl train ", ("train",), ""),
        ("sdl", (), ""),
        ("sdl train my\\ data.csv target=b", ("train", "my data.csv"), "target=b"),
        ("sdl train 'my data.csv' target=\"blood pr", ("train", "my data.csv"), "target=blood pr"),
        ('sdl train "target=a\\"b', ("train",), 'target=a"b'),
        ("sdl train 'a b", ("train",), "a b"),
        ("sdl  train\ttarget=\\", ("train",), "target="),
        ("sdl train größe=1 x", ("train", "größe=1"), "x"),
    ],
)
def test_a_line_is_split_as_a_shell_does(line: str, words: tuple[str, ...], current: str) -> None:
    found = split(line)
    assert (found.words, found.current) == (words, current)


@pytest.mark.parametrize(
    ("pieces", "line"),
    [
        (["sdl", "train", "dataset", "=", "wi"], "sdl train dataset=wi"),
        (["sdl", "train", "dataset", "="], "sdl train dataset="),
        (["sdl", "train", "device", "=", "cuda", ":", "0"], "sdl train device=cuda:0"),
        (["sdl", "train", "a.csv", "x"], "sdl train a.csv x"),
    ],
)
def test_what_bash_cut_is_joined_again(pieces: list[str], line: str) -> None:
    assert rejoined(pieces, len(pieces) - 1) == line


@pytest.mark.parametrize(
    ("line", "value", "shown"),
    [
        ("sdl train dataset=wi", "dataset=wine", "wine"),
        ("sdl train target=bl", "target=blood pressure", "blood\\ pressure"),
        ("sdl train target=blood\\ pr", "target=blood pressure", "blood\\ pressure"),
        ('sdl train target="bl', "target=blood pressure", "blood pressure"),
        ('sdl train "target=bl', "target=blood pressure", "target=blood pressure"),
        ("sdl train 'target=it", "target=it's", None),
        ('sdl train "target=a', 'target=a"b$c', 'target=a\\"b\\$c'),
        ("sdl train compare.arms=[fo", "compare.arms=[forest", "\\[forest"),
        ("sdl train mo", "model=", "model="),
        ("sdl train target=g", "target=größe (m)", "größe\\ \\(m\\)"),
    ],
)
def test_bash_gets_the_end_of_the_word(line: str, value: str, shown: str | None) -> None:
    assert for_bash(value, split(line).word, "=:") == shown
    if shown is not None and "'" not in line:  # where `=` is no break, the whole word is replaced
        whole = for_bash(value, split(line).word, "")
        assert whole is not None and whole.endswith(shown)
