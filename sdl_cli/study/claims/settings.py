"""The settings of `sdl claims`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.settings.experiment import Count, Range, plain
from sdl_cli.settings.parallel import Parallel, check_backend
from sdl_cli.settings.parse import parse
from sdl_cli.study.claims.definition import claims


@dataclass(frozen=True)
class Claims:
    """Which claims are put to the test, and how.

    Arguments:
        names: of claims; None is all of them.
        quick: the small version of each, under ten minutes in all on two cores.
        repeats: at most so many of each study, for less time; None is as the claim says.
        data: a folder with the data sets that sdl does not bring (docs/CLAIMS.md lists them); None leaves out what needs them.
    """

    names: tuple[str, ...] | None = None
    quick: bool = False
    repeats: Count | None = None
    data: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimsRequest:
    """What `conf/claims.yaml` composes. `seed`, `device` and `parallel` go into every study."""

    claims: Claims
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    device: str = "auto"
    parallel: Parallel

    def to_plain(self) -> dict[str, Any]:
        return plain(self)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(claims()) if self.claims.names is None else self.claims.names

    @property
    def shared(self) -> tuple[str, ...]:
        """The settings of all studies."""
        return (f"seed={self.seed}", f"device={self.device}")


def parse_claims(values: dict[str, Any]) -> ClaimsRequest:
    """Plain values as a request. Raises ConfigError for wrong settings or a claim that does not exist, with the list of them."""
    found: ClaimsRequest = parse({"claims": Claims, "parallel": Parallel}, values, into=ClaimsRequest)
    check_backend(found.parallel.backend)
    known = list(claims())
    for name in found.claims.names or ():
        if name not in known:
            from sdl_cli.settings.parse import suggest

            hint = f"There are: {', '.join(known)}. What each says: sdl list claim"
            raise ConfigError(f"claims.names: there is no claim called {name}.{suggest(name, known)}", hint)
    if found.claims.names is not None and not found.claims.names:
        raise ConfigError("claims.names: no claim is named.", f"There are: {', '.join(known)}; null is all of them.")
    if found.claims.data is not None:
        folder = Path(found.claims.data).expanduser().absolute()
        if not folder.is_dir():
            hint = "Give the folder with the data sets of the claims; docs/CLAIMS.md says what is in it."
            raise DataError(f"claims.data: there is no folder {folder}.", hint)
        found = dataclasses.replace(found, claims=dataclasses.replace(found.claims, data=str(folder)))
    return found
