"""Every run below a folder, one record each, quickly: what `sdl runs` lists. Nothing in a run folder is trusted or executed."""
