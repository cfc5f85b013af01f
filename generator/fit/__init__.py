"""Fit a catalog spec to real rows, exact or with differential privacy. The entry point is `fit_spec.fit`.

To release a new statistic of the rows:

1. `statistics.py`: a function that counts families in cells known without looking, and returns a `Statistic`.
2. `mechanisms.py`: its share of epsilon in `BUDGET_SHARES`.
3. `fit_spec.py`: call `mechanism.release_counts` and turn the released counts into a part of the spec.
4. `tests/generator/fit/test_fit_privacy.py`: an entry in `STATISTICS`, which tests the sensitivity.
"""
