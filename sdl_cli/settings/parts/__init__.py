"""Parts that a user wrote: read without running them, and run only where they may be."""
