"""The prior: random mechanisms that make classification tables, so that a network can learn what tables are like.

A table's columns come from a causal graph (`graphs`), are plain (`causes`) or clusters of rows (`clusters`); they are measured
coarsely (`mangling`); the rows get classes (`scores`, `classes`); and much goes wrong (`spoiling`). `tables` puts this
together, and `learnability` leaves out tables from which nothing can be learned.
"""

from pretraining.prior.draws import Draws
from pretraining.prior.learnability import draw_learnable_tables
from pretraining.prior.tables import IGNORED, Tables, TableShape, draw_tables

__all__ = ["IGNORED", "Draws", "TableShape", "Tables", "draw_learnable_tables", "draw_tables"]
