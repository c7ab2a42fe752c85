"""Which approach works best on this data: every method on the same splits, each tuned alike, and judged with chance in mind."""
