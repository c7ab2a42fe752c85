"""Device, precision and threads: what is asked for is what is used, and what is not there is said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch

from sdl_cli.errors import ConfigError, DeviceError
from sdl_cli.learning import device
from sdl_cli.learning.device import Runtime, resolve, settle

NO_GPU = not torch.cuda.is_available() and not torch.backends.mps.is_available()


def test_auto_is_the_cpu_where_there_is_no_gpu() -> None:
    if NO_GPU:
        assert resolve().device == "cpu"


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:0", "tpu", ""])
def test_names_that_are_no_device_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a device"):
        resolve(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_cuda_where_there_is_none_is_said(name: str) -> None:
    with pytest.raises(DeviceError, match=f"{name} was asked for") as caught:
        resolve(name)
    assert "device=cpu" in caught.value.hint


def test_what_is_asked_for_is_taken() -> None:
    found = settle(resolve("cpu", "bfloat16", "channels_last", 3), "key", None)
    assert (found.precision, found.memory_format, found.num_threads) == ("bfloat16", "channels_last", 3)


def test_a_small_network_takes_float32_on_one_thread() -> None:
    found = settle(resolve("cpu"), "key", None)
    assert (found.precision, found.memory_format, found.num_threads) == ("float32", "contiguous", 1)


def times(**seconds: float) -> Callable[[Runtime], float]:
    return lambda candidate: seconds[candidate.precision if candidate.memory_format == "channels_last" else "plain"]


def test_the_quickest_is_kept_and_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("SDL_CACHE", str(tmp_path))
    unsettled = Runtime("cpu", "auto", "auto", 2)
    first = settle(unsettled, "net a", times(plain=3.0, float32=2.0, bfloat16=1.0))
    assert (first.precision, first.memory_format) == ("bfloat16", "channels_last") and "3.0x" in first.reason

    def never(candidate: Runtime) -> float:
        raise AssertionError("timed again")

    assert settle(unsettled, "net a", never) == first
    other = settle(unsettled, "net b", times(plain=1.0, float32=2.0, bfloat16=3.0))
    assert (other.precision, other.memory_format) == ("float32", "contiguous")
    only32 = settle(dataclasses.replace(unsettled, precision="float32"), "net a", times(plain=2.0, float32=1.0, bfloat16=0.0))
    assert (only32.precision, only32.memory_format) == ("float32", "channels_last")


def test_a_damaged_memory_of_choices_is_made_anew(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("SDL_CACHE", str(tmp_path))
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "choices.json").write_text("{not json")
    assert settle(Runtime("cpu", "auto", "auto", 2), "x", times(plain=1.0, float32=2.0, bfloat16=3.0)).is_settled


def test_a_cpu_without_bfloat16_stays_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: False)
    found = resolve("cpu")
    assert found.precision == "float32" and "no bfloat16" in found.reason


@pytest.mark.parametrize("has", [True, False])
def test_a_precision_that_this_cpu_emulates_is_taken_and_said(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: has)
    found = settle(resolve("cpu", "bfloat16"), "key", None)
    assert found.precision == "bfloat16"
    assert ("bfloat16 is emulated here, many times slower than float32" in found.reason) is not has


def test_a_runtime_survives_json() -> None:
    runtime = Runtime("cpu", "bfloat16", "channels_last", 2, "why")
    assert Runtime.from_plain(runtime.to_plain()) == runtime


def test_autocast_is_on_for_half_precision_alone() -> None:
    with device.autocast(Runtime("cpu", "bfloat16", "contiguous", 1)):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    with device.autocast(Runtime("cpu", "float32", "contiguous", 1)):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_threads_are_restored() -> None:
    before = torch.get_num_threads()
    with device.threads(Runtime("cpu", "float32", "contiguous", 1)):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_the_machine_is_described() -> None:
    assert {"machine", "torch", "mps", "cpu bfloat16"} <= {name for name, _ in device.describe()}
