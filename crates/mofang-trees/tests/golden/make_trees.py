"""Prints what scikit-learn's HistGradientBoosting reaches on the rows of tests/it/ensembles.rs."""

import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


def noise(place):
    x = (place + 1) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    x ^= x >> 16
    return (x >> 8) / 16777216.0


def rows(count, first):
    draw = lambda column: np.array([noise(row * 8 + column) for row in range(first, first + count)])
    second = np.where(draw(4) < np.float32(0.2), np.nan, draw(1))
    return np.stack([draw(0), second, draw(2), np.floor(draw(3) * 6)], 1).astype(np.float32).astype(float)


def signal(x):
    own = np.array([0.0, 1.5, -1.0, 0.5, -2.0, 1.0])
    second = np.where(np.isnan(x[:, 1]), 1.5, (x[:, 1] > 0.6) * 2.0)
    return np.sin(x[:, 0] * 6) + second + own[x[:, 3].astype(int)]


train, test = rows(2000, 0), rows(1000, 50000)
options = {"categorical_features": [3], "early_stopping": False, "random_state": 0}
print(sklearn.__version__)
print("r2", HistGradientBoostingRegressor(**options).fit(train, signal(train)).score(test, signal(test)))
two = lambda x: (signal(x) > 1.0).astype(int)
three = lambda x: (signal(x) > 0.0).astype(int) + (signal(x) > 2.0)
for name, label in [("two", two), ("three", three)]:
    print(name, HistGradientBoostingClassifier(**options).fit(train, label(train)).score(test, label(test)))
