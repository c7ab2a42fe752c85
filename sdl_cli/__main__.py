"""`python -m sdl_cli` is the same as `sdl`."""

from sdl_cli.cli.main import main

if __name__ == "__main__":
    main()
