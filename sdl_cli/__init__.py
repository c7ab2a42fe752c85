"""sdl: deep learning on small data, from one command line."""

__version__ = "0.2.0"
