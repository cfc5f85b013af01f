"""Simple learners that tell two catalogs apart, or learn from one to answer about the other; numpy and scipy only.

A classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545) asks whether anything in a row says which
catalog it is from; training on synthetic and testing on real rows asks what a model would take away from it.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import optimize, sparse, stats

from generator.audit.rows import Floats, Rows

FOLDS = 3
_WORDS = 400
_PENALTY = 1.0


def told_apart(real: Rows, other: Rows) -> float | None:
    """AUC of a logistic regression that guesses the catalog of rows of families it has not seen; 0.5 is guessing.

    It sees title words, leaf, log price and its ending, log price within the leaf, reduction and title length; no code,
    URL or name of a shop, which differ by intention. The larger catalog is cut to the size of the smaller one.
    """
    size = min(len(real), len(other))
    if size < 2 * FOLDS:
        return None
    sides = [_cut(rows, size) for rows in (real, other)]
    features = _features(sides)
    label = np.repeat([0.0, 1.0], [len(side) for side in sides])
    fold = np.concatenate([side.family % FOLDS for side in sides])
    score = np.zeros(len(label))
    for k in range(FOLDS):
        inside = fold != k
        if len(set(label[inside].tolist())) < 2 or inside.all():
            continue
        weights = _logistic(features[inside], label[inside])
        found = features[~inside] @ weights
        score[~inside] = stats.rankdata(found) / len(found)
    return auc(score[label == 1], score[label == 0])


def auc(positive: Floats, negative: Floats) -> float | None:
    """Chance that a positive scores above a negative, ties half; None where a side is empty."""
    if not len(positive) or not len(negative):
        return None
    ranks = stats.rankdata(np.concatenate([positive, negative]))[: len(positive)].sum()
    return float((ranks - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)))


def wrong_categories(train: Rows, test: Rows) -> float | None:
    """Share of test rows whose leaf naive Bayes, trained elsewhere, guesses wrong from title words and price."""
    prices = [_classes(rows.log_price) for rows in (train, test)]
    words = [_documents(rows, each) for rows, each in zip((train, test), prices, strict=True)]
    leaves = Counter(leaf for leaf in train.leaves if leaf)
    asked = [k for k, leaf in enumerate(test.leaves) if leaf]
    if not leaves or not asked:
        return None
    names = sorted(leaves)
    vocabulary = {word: k for k, word in enumerate(sorted({word for document in words[0] for word in document}))}
    place = {name: k for k, name in enumerate(names)}
    counts = np.zeros((len(names), len(vocabulary)))
    for document, leaf in zip(words[0], train.leaves, strict=True):
        if leaf:
            counts[place[leaf], [vocabulary[word] for word in document]] += 1
    log_share = np.log((counts + 0.5) / (counts.sum(axis=1, keepdims=True) + 0.5 * len(vocabulary)))
    prior = np.log(np.array([leaves[name] for name in names], np.float64))
    guesses = []
    for k in asked:
        known = [vocabulary[word] for word in words[1][k] if word in vocabulary]
        guesses.append(names[int(np.argmax(prior + log_share[:, known].sum(axis=1)))])
    return float(np.mean([guess != test.leaves[k] for guess, k in zip(guesses, asked, strict=True)]))


def wrong_prices(train: Rows, test: Rows) -> float | None:
    """Mean absolute error of log prices that ridge regression on leaf and title words, trained elsewhere, makes."""
    kept = [~np.isnan(rows.log_price) for rows in (train, test)]
    if not all(each.any() for each in kept):
        return None
    words = Counter(word for each in train.words for word in each)
    columns = {("w", word): k for k, (word, _) in enumerate(words.most_common(_WORDS))}
    for leaf in sorted(set(train.leaves)):
        columns["l", leaf] = len(columns)
    matrices = [
        _one_hot([[("w", word) for word in sorted(each)] + [("l", leaf)] for each, leaf in _titled(rows)], columns)
        for rows in (train, test)
    ]
    x, y = matrices[0][kept[0]], train.log_price[kept[0]]
    middle = float(y.mean())
    gram = (x.T @ x).toarray() + _PENALTY * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (y - middle))
    return float(np.abs(matrices[1][kept[1]] @ weights + middle - test.log_price[kept[1]]).mean())


def _titled(rows: Rows) -> list[tuple[frozenset[str], str]]:
    return list(zip(rows.words, rows.leaves, strict=True))


def _cut(rows: Rows, size: int) -> Rows:
    """About `size` rows, whole families, evenly over the catalog."""
    if len(rows) <= size:
        return rows
    wanted = max(1, rows.num_families * size // len(rows))
    chosen = np.zeros(rows.num_families, bool)
    chosen[np.arange(wanted) * rows.num_families // wanted] = True
    return rows.of(chosen)


def _features(sides: Sequence[Rows]) -> sparse.csr_matrix:
    words = Counter(word for rows in sides for each in rows.words for word in each)
    known = {word for word, _ in words.most_common(_WORDS)}
    every = np.concatenate([rows.log_price for rows in sides])
    middle, spread = float(np.nanmean(every)), float(np.nanstd(every)) or 1.0
    columns: dict[tuple[str, object], int] = {}
    cells: list[list[tuple[tuple[str, object], float]]] = []
    for rows in sides:
        z = np.clip(np.nan_to_num((rows.log_price - middle) / spread, nan=0.0), -4, 4)
        for k, row in enumerate(rows.products):
            price = row.full_price
            ending = None if price is None else round(price % 100, 2)
            cells.append(
                [
                    *((("word", word), 1.0) for word in sorted(rows.words[k]) if word in known),
                    (("leaf", rows.leaves[k]), 1.0),
                    (("price", ""), float(z[k])),
                    (("price squared", ""), float(z[k] ** 2)),
                    (("price in", rows.leaves[k]), float(z[k])),
                    (("ending", ending), 1.0),
                    (("reduced", round(rows.discount[k] * 20)), 1.0),
                    (("length", min(len(rows.words[k]), 12)), 1.0),
                    (("always", ""), 1.0),
                ]
            )
    numbered = [[(columns.setdefault(name, len(columns)), value) for name, value in row] for row in cells]
    ends = np.cumsum([0, *map(len, numbered)])
    flat = [cell for row in numbered for cell in row]
    values, places = [value for _, value in flat], [place for place, _ in flat]
    return sparse.csr_matrix((values, places, ends), shape=(len(numbered), len(columns)))


def _logistic(x: sparse.csr_matrix, y: Floats) -> Floats:
    """Ridge-penalised logistic regression by L-BFGS."""
    sign = 2 * y - 1

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = sign * (x @ weights)
        value = float(np.logaddexp(0, -margin).sum() + 0.5 * _PENALTY * weights @ weights)
        pull = -sign / (1 + np.exp(np.clip(margin, -500, 500)))
        return value, x.T @ pull + _PENALTY * weights

    found = optimize.minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 40})
    weights: Floats = found.x
    return weights


def _classes(log_price: Floats) -> list[str]:
    return ["" if price != price else f"#{int(price / 0.25)}" for price in log_price.tolist()]


def _documents(rows: Rows, prices: Sequence[str]) -> list[list[str]]:
    return [[*sorted(words), price] for words, price in zip(rows.words, prices, strict=True)]


def _one_hot(rows: Sequence[Sequence[tuple[str, str]]], columns: dict[tuple[str, str], int]) -> sparse.csr_matrix:
    known = [[columns[name] for name in row if name in columns] for row in rows]
    ends = np.cumsum([0, *map(len, known)])
    flat = [place for row in known for place in row]
    return sparse.csr_matrix((np.ones(len(flat)), flat, ends), shape=(len(rows), max(len(columns), 1)))
