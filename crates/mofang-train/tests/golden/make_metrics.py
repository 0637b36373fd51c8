"""Writes metrics.json: `python make_metrics.py` beside it.

The version of scikit-learn stands in the file. Each case holds logits, labels and the value of every metric. scikit-learn has no expected
calibration error; the one here is equation 3 of Guo et al. 2017 with 15 bins, in numpy.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn import metrics


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def calibration_error(probabilities, labels, bins=15):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    error = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def case(name, seed, examples, classes, digits):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, examples)
    logits = random.normal(0, 1, (examples, classes))
    logits[np.arange(examples), labels] += 1.0
    # Few digits make ties; float32 because that is what a model gives.
    logits = np.round(logits, digits).astype(np.float32)
    probabilities = softmax(logits.astype(np.float64))
    predicted = probabilities.argmax(axis=1)
    every = list(range(classes))
    values = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "log_loss": metrics.log_loss(labels, probabilities, labels=every),
        "expected_calibration_error": calibration_error(probabilities, labels),
    }
    for score, function in [
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ]:
        for average in ["macro", "micro", "weighted"]:
            values[f"{score}_{average}"] = function(labels, predicted, average=average, zero_division=0)
    values["matthews_correlation"] = metrics.matthews_corrcoef(labels, predicted)
    if classes == 2:
        values["pr_auc"] = metrics.average_precision_score(labels, probabilities[:, 1])
    else:
        one_hot = np.eye(classes)[labels]
        values["pr_auc"] = metrics.average_precision_score(one_hot, probabilities, average="macro")
    if classes == 2:
        values["roc_auc"] = metrics.roc_auc_score(labels, probabilities[:, 1])
    else:
        values["roc_auc"] = metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    for k in [3, 5]:
        if k < classes:
            values[f"top_{k}_accuracy"] = metrics.top_k_accuracy_score(labels, probabilities, k=k, labels=every)
    return {
        "name": name,
        "classes": classes,
        "labels": labels.tolist(),
        "logits": [float(f"{value:.6g}") for value in logits.flatten()],
        "confusion": metrics.confusion_matrix(labels, predicted, labels=every).tolist(),
        "precision_per_class": metrics.precision_score(labels, predicted, average=None, zero_division=0).tolist(),
        "recall_per_class": metrics.recall_score(labels, predicted, average=None, zero_division=0).tolist(),
        "f1_per_class": metrics.f1_score(labels, predicted, average=None, zero_division=0).tolist(),
        "values": values,
    }


def number_case(name, seed, examples, scale):
    random = np.random.default_rng(seed)
    truth = np.round(random.normal(3, 1, examples) * scale, 3)
    predicted = np.round(truth + random.normal(0, 0.4, examples) * scale, 3)
    assert (truth != 0).all()
    return {
        "name": name,
        "predicted": predicted.tolist(),
        "truth": truth.tolist(),
        "values": {
            "mae": metrics.mean_absolute_error(truth, predicted),
            "rmse": metrics.root_mean_squared_error(truth, predicted),
            "r2": metrics.r2_score(truth, predicted),
            "mape": metrics.mean_absolute_percentage_error(truth, predicted),
        },
    }


def main():
    numbers = [number_case("numbers", 4, 70, 1.0), number_case("large numbers", 5, 9, 1e6)]
    cases = [
        case("six classes", 1, 120, 6, 4),
        case("three classes with ties", 2, 80, 3, 1),
        case("two classes", 3, 60, 2, 2),
    ]
    path = pathlib.Path(__file__).with_name("metrics.json")
    text = json.dumps({"scikit_learn": sklearn.__version__, "cases": cases, "numbers": numbers})
    path.write_text(text + "\n")


if __name__ == "__main__":
    main()
