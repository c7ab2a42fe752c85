"""How wide a forecast's interval must be: quantiles of its scaled error on real learning curves.

Made by `benchmarks/calibrate_forecast.py` from LCDB 1.1, the Learning Curve Database (Yan, Mohr and Viering, "LCDB 1.1: A
Database Illustrating Learning Curves Are More Ill-Behaved Than Previously Thought", NeurIPS 2025, arXiv:2505.15657), CC BY 4.0:
test errors of 7 learners on up to 144 data sets
(ens.RandomForest, ens.GradientBoosting, CatBoost, MLP, RealMLP, LogisticRegression, TabPFNv2).
"""

from __future__ import annotations

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
NOISE_FACTOR = 3.0  # weight of the points' scatter beside the forecast gain, in the scale of an error
QUANTILES: dict[int, tuple[float, ...]] = {  # number of measured sizes (6: or more) -> quantile of |error| / scale at each level
    3: (0.261, 0.334, 0.436, 0.573, 0.679, 0.838, 1.259, 1.940, 3.248),
    4: (0.242, 0.318, 0.406, 0.522, 0.618, 0.758, 1.032, 1.607, 3.067),
    5: (0.222, 0.286, 0.377, 0.472, 0.544, 0.652, 0.882, 1.344, 2.110),
    6: (0.220, 0.278, 0.357, 0.451, 0.524, 0.620, 0.842, 1.356, 1.731),
}
TYPICAL_ERROR = 0.37  # mean error rate at 16 rows: the size that an error without bounds is scaled to
# standard deviation of an error rate p over splits at n labelled rows: factor n^power sqrt(p (1 - p))
TYPICAL_FACTOR, TYPICAL_POWER = 0.346, -0.35
