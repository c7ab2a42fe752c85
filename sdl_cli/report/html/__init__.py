"""The report of a run, a sweep, a curve or a comparison: one HTML file that needs nothing else."""
