"""JAX's side of `make compare`: everything through jax.jit, and an epoch as one call, a lax.scan over its steps with donated
buffers (faster than a call for each step, the more so the smaller the step)."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import protocol

BETA1, BETA2, EPSILON, LEARNING_RATE = 0.9, 0.999, 1e-8, 1e-3


def parameters(hidden):
    """He's initial weights, and biases of 0."""
    widths = [protocol.PIXELS, *hidden, protocol.CLASSES]
    keys = jax.random.split(jax.random.key(0), len(widths))
    return [
        (jax.random.normal(key, shape) * (2 / shape[0]) ** 0.5, jnp.zeros(shape[1]))
        for key, shape in zip(keys, zip(widths, widths[1:]))
    ]


def forward(params, x):
    for weights, biases in params[:-1]:
        x = jax.nn.relu(x @ weights + biases)
    weights, biases = params[-1]
    return x @ weights + biases


def mean_loss(logits, labels):
    of_label = jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - of_label)


def adam(params, gradients, state):
    step, first, second = state
    step += 1
    first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
    second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
    rate = LEARNING_RATE / (1 - BETA1**step)
    unbias = 1 / (1 - BETA2**step)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v * unbias) + EPSILON), params, first, second)
    return params, (step, first, second)


def train_step(carry, indices, x, y):
    params, state = carry
    loss, gradients = jax.value_and_grad(lambda params: mean_loss(forward(params, x[indices]), y[indices]))(params)
    return adam(params, gradients, state), loss


def epoch(args):
    x, y = map(jnp.asarray, protocol.fashion_mnist(args.data_dir, "train"))
    params = parameters(args.hidden)
    zeros = jax.tree.map(jnp.zeros_like, params)
    carry = (params, (jnp.float32(0), zeros, jax.tree.map(jnp.copy, zeros)))
    whole = len(x) // args.batch * args.batch

    @partial(jax.jit, donate_argnums=0)
    def steps(carry, order, x, y):
        batches = order[:whole].reshape(-1, args.batch)
        carry, losses = lax.scan(lambda carry, indices: train_step(carry, indices, x, y), carry, batches)
        if whole < len(order):
            carry, _ = train_step(carry, order[whole:], x, y)
        return carry, losses.mean()

    def train(number):
        nonlocal carry
        order = np.random.default_rng(number).permutation(len(x)).astype(np.int32)
        carry, _ = steps(carry, order, x, y)
        jax.block_until_ready(carry)

    return protocol.time_epochs(args, train, lambda x, y: forward(carry[0], x).argmax(1) == y)


def timed(args, function, *inputs):
    """A call is over when its results are there."""
    inputs = jax.tree.map(jnp.asarray, inputs)
    function = jax.jit(function)
    return protocol.time_calls(args.seconds, lambda: jax.block_until_ready(function(*inputs)))


def cross_entropy(args):
    return timed(args, jax.value_and_grad(mean_loss), protocol.normal(args.rows, args.classes), protocol.labels(args))


def softmax_backward(args):
    dy = protocol.normal(args.rows, args.classes)
    return timed(args, lambda s, dy: s * (dy - (s * dy).sum(axis=1, keepdims=True)), protocol.softmax(dy), dy)


def predict(args):
    x = protocol.normal(args.rows, protocol.PIXELS)
    return timed(args, lambda params, x: jax.nn.softmax(forward(params, x)), parameters(args.hidden), x)


if __name__ == "__main__":
    works = {"epoch": epoch, "cross-entropy": cross_entropy, "softmax-backward": softmax_backward, "predict": predict}
    protocol.run(works, ["jax"])
