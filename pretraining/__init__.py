"""Makes the weights of sdl's network for small tables from synthetic tables alone; sdl itself does not need this package."""
