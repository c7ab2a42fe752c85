"""Every run below a folder, one record each, quickly: what `sdl runs` lists. Nothing in a run folder is trusted or executed."""

from sdl_cli.many.listing.find import find_runs
from sdl_cli.many.listing.query import select
from sdl_cli.many.listing.reading import Run

__all__ = ["Run", "find_runs", "select"]
