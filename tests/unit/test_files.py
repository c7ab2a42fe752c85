"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

import pytest

from sdl_cli.errors import DataError
from sdl_cli.files import (
    MOST_JSON_VALUES,
    cache_folder,
    make_folder,
    plain_json,
    plain_yaml,
    read_guarded,
    typed_path,
    unwritable,
    write_atomic,
)


@pytest.mark.parametrize("content", ["text ü", b"bytes \x00\xff", lambda file: file.write(b"from a function")])
def test_a_file_is_written_whole_and_replaces_another(tmp_path: Path, content: object) -> None:
    path = tmp_path / "a file.txt"
    path.write_text("old")
    write_atomic(path, content)  # type: ignore[arg-type]
    expected = {str: b"text \xc3\xbc", bytes: b"bytes \x00\xff"}.get(type(content), b"from a function")
    assert path.read_bytes() == expected
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomic(pipe, "through it")
        assert os.read(read, 100) == b"through it" and stat.S_ISFIFO(pipe.stat().st_mode)
    finally:
        os.close(read)
    assert list(tmp_path.iterdir()) == [pipe]


def test_the_file_has_the_permissions_that_a_plain_file_would_have(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "x", "x")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError("no")])
def test_what_stops_a_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def write(file: IO[bytes]) -> None:
        file.write(b"half of it")
        raise error

    with pytest.raises(DataError if isinstance(error, OSError) else type(error)):
        write_atomic(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_fsync_is_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="the disk is full") as caught:
        write_atomic(tmp_path / "x", "x")
    assert "hydra.run.dir=" in caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "no permission to write here"),
        (errno.EROFS, "no permission to write here"),
        (errno.ENOTDIR, "a file is in the way of a folder"),
        (errno.EIO, "cannot be written: Input/output error"),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_an_os_error_is_said_in_a_users_words(number: int, words: str) -> None:
    found = unwritable(Path("runs/x"), OSError(number, os.strerror(number)))
    assert found.message.startswith("runs/x: ") and words in found.message
    assert found.exit_code == 2


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(DataError, match="a file is in the way of a folder"):
        make_folder(tmp_path / "runs" / "day")
    with pytest.raises(DataError, match="a file is in the way of a folder"):
        make_folder(tmp_path / "runs")


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "mine"))
    assert cache_folder("a") == tmp_path / "mine" / "a" and (tmp_path / "mine" / "a").is_dir()
    monkeypatch.delenv("SDL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("a") == tmp_path / "xdg" / "sdl" / "a"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="the cache folder cannot be created") as caught:
        cache_folder("a")
    assert "SDL_CACHE" in caught.value.hint


def test_a_tilde_is_the_home_folder_unless_something_has_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "~real").write_text("")
    assert typed_path("~/x") == tmp_path / "home" / "x"
    assert typed_path("~") == tmp_path / "home"
    assert typed_path("~real") == tmp_path / "~real"
    assert typed_path("~no_such_user_at_all/x") == tmp_path / "~no_such_user_at_all" / "x"
    assert typed_path("a~b") == Path("a~b")


def test_a_guarded_reader_reads_regular_files_of_a_known_size_alone(tmp_path: Path) -> None:
    inside, outside = tmp_path / "run" / "model.json", tmp_path / "other.json"
    inside.parent.mkdir()
    inside.write_text("{}")
    outside.write_text("{}")
    assert read_guarded(inside, 10, within=inside.parent) == b"{}"
    link = inside.parent / "status.json"
    link.symlink_to(outside)
    assert read_guarded(link, 10) == b"{}"
    with pytest.raises(DataError, match="this is a link"):
        read_guarded(link, 10, within=inside.parent)
    link.unlink()
    link.symlink_to(inside)  # a link that stays in the folder does no harm
    assert read_guarded(link, 10, within=inside.parent) == b"{}"
    with pytest.raises(DataError, match="at most"):
        read_guarded(inside, 1)
    with pytest.raises(FileNotFoundError):
        read_guarded(inside.parent / "absent", 10)
    pipe = inside.parent / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), inside.parent):
        with pytest.raises(DataError):
            read_guarded(path, 10)


def test_plain_yaml_counts_what_aliases_stand_for() -> None:
    assert plain_yaml(b"a: &x [1, 2]\nb: *x\n") == {"a": [1, 2], "b": [1, 2]}
    grown = b"a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0]\n" + b"".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n".encode() for old, new in zip("abcdef", "bcdefg", strict=True)
    )
    with pytest.raises(ValueError, match="too many values"):
        plain_yaml(grown)
    with pytest.raises(ValueError, match="merge keys"):
        plain_yaml(b"a: &a {x: 1}\nb:\n  <<: *a\n")
    with pytest.raises(ValueError, match="too (deep|many)"):
        plain_yaml(b"a: &a [*a]\n")
    with pytest.raises(ValueError, match="nested"):
        plain_yaml(b"[" * 100 + b"]" * 100)
    for text in (b"a: [", b"!!python/name:os.system", b"\x00", b"a: b: c"):
        with pytest.raises(ValueError, match="."):
            plain_yaml(text)


def test_plain_json_is_bounded_in_depth_and_number() -> None:
    assert plain_json(b'{"a": [1, null]}') == {"a": [1, None]}
    for text in (b"[" * 100_000, b"{", b"", b"[" + b"0," * (MOST_JSON_VALUES + 1) + b"0]", b"1" * 5000):
        with pytest.raises(ValueError, match="."):
            plain_json(text)
