"""What can go wrong, said in a user's words: one line of what and where, one line of what to do."""

from __future__ import annotations


class StopSignal(KeyboardInterrupt):
    """SIGTERM or SIGHUP, as a scheduler or a closed terminal sends them: they end a run as Ctrl-C does.

    Arguments:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SdlError(Exception):
    """A failure that a user can read.

    Arguments:
        message: what is wrong and where (the full key, file or column), one or two lines.
        hint: what to do about it, one line, or empty.
    """

    kind = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[type[SdlError], tuple[str, str]]:
        return type(self), (self.message, self.hint)


class ConfigError(SdlError):
    """A command line or configuration that cannot be carried out as it stands."""

    kind = "config"
    exit_code = 2


class DataError(SdlError):
    """Data, weights or a run folder that cannot be used as they stand."""

    kind = "data"
    exit_code = 2


class StorageError(DataError):
    """A disk that is full: nothing else could be written either."""


class DeviceError(SdlError):
    """A device or precision that this machine does not have."""

    kind = "device"
    exit_code = 2


class RunError(SdlError):
    """A run that started and could not be finished."""

    kind = "run"
    exit_code = 1


class OutOfTimeError(RunError):
    """The time limit of a comparison is over."""
