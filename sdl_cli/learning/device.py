"""Device, precision, memory format and threads: taken from the hardware, or timed if the hardware does not tell.

torch is imported inside the functions, so that a forest on a table never waits for it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sdl_cli.errors import ConfigError, DeviceError
from sdl_cli.files import cache_folder, write_atomic
from sdl_cli.settings.machine import available_cores, fit_threads

if TYPE_CHECKING:
    import torch

_PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Runtime:
    """Where and how a network computes; part of what decides its numbers to the last bit.

    Arguments:
        device: `cpu`, `cuda:N` or `mps`.
        precision: float32, bfloat16 or float16; `auto` until `settle` has timed the network at hand.
        memory_format: contiguous or channels_last; `auto` likewise.
        num_threads: threads of one fit on the CPU; 0 until `settle` has seen the network.
        reason: why, in a few words for the user.
    """

    device: str
    precision: str
    memory_format: str
    num_threads: int
    reason: str = ""

    @property
    def is_settled(self) -> bool:
        return "auto" not in (self.precision, self.memory_format) and self.num_threads > 0

    def filled(self, precision: str, memory_format: str, reason: str) -> Runtime:
        """The same with these in the place of `auto`, and this reason."""
        own = {"precision": precision, "memory_format": memory_format}
        left = {key: value for key, value in own.items() if getattr(self, key) == "auto"}
        return dataclasses.replace(self, **left, reason=reason)  # type: ignore[arg-type]

    def to_plain(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Runtime:
        """From JSON values, which anyone may have written. Raises ValueError for impossible values."""
        found = cls(**{f.name: values[f.name] for f in dataclasses.fields(cls)})
        words = (found.device, found.precision, found.memory_format, found.reason)
        if not all(isinstance(word, str) and len(word) < 1000 for word in words) or found.precision not in _PRECISIONS:
            raise ValueError("the stored runtime is none")
        if type(found.num_threads) is not int or not 0 <= found.num_threads <= 512:
            raise ValueError(f"{found.num_threads!r} threads are stored")
        return found


def resolve(
    device: str = "auto", precision: str = "auto", memory_format: str = "auto", num_threads: int | None = None
) -> Runtime:
    """Choose the device and everything that needs no timing.

    Raises DeviceError for a device that this machine lacks, and ConfigError for a name that torch does not know.
    """
    import torch

    name, reason = _pick_device(device)
    wanted = Runtime(name, precision, memory_format, num_threads or 0, reason)
    if name.startswith("cuda"):
        fastest = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
        return wanted.filled(fastest, "channels_last", f"{reason}; its tensor cores compute in {fastest}")
    if name == "mps":
        return wanted.filled("float32", "contiguous", reason)
    if precision == "bfloat16" and not cpu_has_bfloat16():
        return dataclasses.replace(wanted, reason=f"{reason}; bfloat16 is emulated here, many times slower than float32")
    if precision != "auto":
        return wanted
    if cpu_has_bfloat16():
        reason += "; this CPU has bfloat16 arithmetic: image networks are timed in both, and the faster one is used"
        return dataclasses.replace(wanted, reason=reason)
    return wanted.filled("float32", "auto", f"{reason}; this CPU has no bfloat16 arithmetic")


def settle(runtime: Runtime, key: str, seconds_per_step: Callable[[Runtime], float] | None) -> Runtime:
    """Replace what is still `auto` by the fastest candidate, timed once per machine and network.

    Arguments:
        key: what distinguishes this network and batch from others, for the remembered choice.
        seconds_per_step: times one training step under a candidate; None (a small table network) takes plain float32.
    """
    if runtime.is_settled:
        return runtime
    reason = runtime.reason.partition("; this CPU")[0]
    if seconds_per_step is None:
        on_cpu = runtime.device == "cpu"
        runtime = dataclasses.replace(runtime, num_threads=runtime.num_threads or (1 if on_cpu else fit_threads()))
        why = "; a small network is fastest in float32 on one thread" if on_cpu else ""
        return runtime.filled("float32", "contiguous", reason + why)
    runtime = dataclasses.replace(runtime, num_threads=runtime.num_threads or fit_threads())
    if runtime.is_settled:
        return runtime
    file = cache_folder("device") / "choices.json"
    key = hashlib.sha256(f"{key}|{_machine()}|{runtime}".encode()).hexdigest()[:16]
    remembered = _read_choices(file)
    if key not in remembered:
        best, why = _fastest(runtime, seconds_per_step)
        remembered = _read_choices(file)  # another process may have written meanwhile
        remembered[key] = [best.precision, best.memory_format, f"timed: {why}"]
        write_atomic(file, json.dumps(remembered, indent=1))
    precision, layout, why = remembered[key]
    return dataclasses.replace(runtime, precision=precision, memory_format=layout, reason=f"{reason}; {why}")


def _fastest(runtime: Runtime, seconds_per_step: Callable[[Runtime], float]) -> tuple[Runtime, str]:
    candidates = [
        dataclasses.replace(runtime, precision=precision, memory_format=layout)
        for precision, layout in (("float32", "contiguous"), ("float32", "channels_last"), ("bfloat16", "channels_last"))
        if runtime.precision in ("auto", precision) and runtime.memory_format in ("auto", layout)
    ]
    if len(candidates) < 2:  # none: float16 or bfloat16 in a layout that is not timed is taken as it is
        return candidates[0] if candidates else runtime.filled("float32", "contiguous", runtime.reason), "as asked"
    times = [seconds_per_step(candidate) for candidate in candidates]
    return candidates[times.index(min(times))], f"{times[0] / min(times):.1f}x the speed of plain float32"


@contextlib.contextmanager
def threads(runtime: Runtime) -> Iterator[None]:
    """Run the body with the runtime's number of torch threads, then restore the old number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(runtime.num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def autocast(runtime: Runtime) -> contextlib.AbstractContextManager[Any]:
    """The autocast context of this precision; none for float32."""
    import torch

    if runtime.precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(runtime.device.partition(":")[0], dtype=getattr(torch, runtime.precision))


def place(module: torch.nn.Module, runtime: Runtime) -> torch.nn.Module:
    """Move a module to the device, in the runtime's memory format."""
    import torch

    layout = torch.channels_last if runtime.memory_format == "channels_last" else torch.contiguous_format
    return module.to(runtime.device).to(memory_format=layout)


def resident(tensor: torch.Tensor, runtime: Runtime) -> torch.Tensor:
    """`tensor` on the device once and for all where it takes less than a third of the free memory, else pinned on the host."""
    import torch

    if tensor.device == torch.device(runtime.device) or not runtime.device.startswith("cuda"):
        return tensor.to(runtime.device)
    free, _ = torch.cuda.mem_get_info(runtime.device)
    size = tensor.numel() * tensor.element_size()
    return tensor.to(runtime.device) if size < free / 3 else tensor.pin_memory()


def cuda_indices(runtime: Runtime) -> list[int]:
    """The GPU whose random numbers must be kept apart, as a list of its index; empty on other devices."""
    import torch

    return [torch.device(runtime.device).index or 0] if runtime.device.startswith("cuda") else []


def has_graphs(runtime: Runtime) -> bool:
    """Whether work on this device can be captured once and replayed (see `captured`)."""
    return runtime.device.startswith("cuda")


def synchronize(runtime: Runtime) -> None:
    """Wait for the device, so that timings are correct."""
    import torch

    if runtime.device.startswith("cuda"):
        torch.cuda.synchronize(runtime.device)
    elif runtime.device == "mps":
        torch.mps.synchronize()


def time_steps(step: Callable[[], object], runtime: Runtime) -> float:
    """Seconds of the faster of two calls, after one that warms up."""
    step()
    times = []
    for _ in range(2):
        synchronize(runtime)
        start = time.perf_counter()
        step()
        synchronize(runtime)
        times.append(time.perf_counter() - start)
    return min(times)


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX-512 BF16, AMX or an equivalent)."""
    import torch

    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return any(bool(found.get(flag)) for flag in ("avx512_bf16", "amx_bf16", "bf16"))
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, bool)() for check in checks)


def describe() -> list[tuple[str, str]]:
    """The hardware of this machine, as (name, value) lines for `sdl device`."""
    import torch

    lines = [("machine", f"{platform.system()} {platform.machine()}, {available_cores()} cores"), ("torch", torch.__version__)]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            found = torch.cuda.get_device_properties(index)
            lines.append((f"cuda:{index}", f"{found.name}, {found.total_memory / 2**30:.0f} GiB"))
    else:
        lines.append(("cuda", _why_no_cuda()))
    lines.append(("mps", "available" if torch.backends.mps.is_available() else "none"))
    return [*lines, ("cpu bfloat16", "yes" if cpu_has_bfloat16() else "no")]


def _pick_device(device: str) -> tuple[str, str]:
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return f"cuda:{torch.cuda.current_device()}", "a CUDA GPU is available"
        if torch.backends.mps.is_available():
            return "mps", "an Apple GPU is available"
        return "cpu", "no GPU that torch can use"
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and (kind != "cuda" or not index.isdigit())):
        raise ConfigError(f"device: {device!r} is not a device.", "Choose one of: auto, cpu, cuda, cuda:N, mps.")
    if kind == "cuda":
        if not torch.cuda.is_available():
            raise DeviceError(f"device: {device} was asked for, but {_why_no_cuda()}.", "Use device=auto or device=cpu.")
        count = torch.cuda.device_count()
        if index and int(index) >= count:
            raise DeviceError(f"device: {device} was asked for, but there are {count} GPUs (cuda:0 to cuda:{count - 1}).")
        return f"cuda:{index or torch.cuda.current_device()}", "as asked"
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device: mps was asked for, but there is no Apple GPU here.", "Use device=auto or device=cpu.")
    return kind, "as asked"


def _why_no_cuda() -> str:
    import torch

    return "this build of torch has no CUDA" if torch.version.cuda is None else "torch finds no CUDA GPU"


def _machine() -> str:
    import torch

    name = ""
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo") as file:  # noqa: PTH123
        name = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    return f"{platform.machine()} {platform.processor()} {name} {torch.__version__} {available_cores()}"


def _read_choices(file: Any) -> dict[str, list[str]]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
