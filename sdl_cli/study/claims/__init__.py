"""Claims of others, put to the test: what is measured for each, and what the numbers say."""
