"""scikit-learn's side of `make compare`."""

import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier

import protocol


def classifier(args):
    return MLPClassifier(args.hidden, solver="adam", alpha=0, batch_size=args.batch, learning_rate_init=1e-3, random_state=0)


def epoch(args):
    """A partial_fit on all rows is an epoch, shuffled, that goes on with the same Adam."""
    x, y = protocol.fashion_mnist(args.data_dir, "train")
    model, classes = classifier(args), np.arange(protocol.CLASSES)
    return protocol.time_epochs(args, lambda _: model.partial_fit(x, y, classes=classes), lambda x, y: model.predict(x) == y)


def predict(args):
    model = classifier(args)
    labels = np.arange(args.batch) % protocol.CLASSES
    model.partial_fit(protocol.normal(args.batch, protocol.PIXELS), labels, classes=np.arange(protocol.CLASSES))
    x = protocol.normal(args.rows, protocol.PIXELS)
    return protocol.time_calls(args.seconds, lambda: model.predict_proba(x))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    protocol.run({"epoch": epoch, "predict": predict}, ["scikit-learn"])
