"""Makes networks.json: small networks with their loss and its gradient in every parameter, and layer norm by itself.

    python tests/golden/networks.py > tests/golden/networks.json

networks.json was made by Python 3.11.7, numpy 2.4.6, mpmath 1.3.0 and torch 2.15.0. All values are mathematics in
mpmath: inputs are doubles taken exactly, all of them exact in float32 too, and each result is rounded once, to the
nearest double. There is no backward pass: a gradient is central differences of the whole network's loss. The script
checks everything against torch's autograd before it prints anything.

"parameters" and "gradient" are flat, layer after layer. dense: the weight (inputs, outputs) row by row, then the bias
if it has one. layer_norm: the gain, then the bias. residual: its inner layers' in order. The others have none.
"""

import torch
from mpmath import mp, mpf

import activations
import losses
from values import assert_close, draw, exact, gradient_of, log_softmax_row, matmul, nearest, one_hot, show, single
from values import softmax_row, tensor, uniform

mp.dps = 60  # after the imports, which set their own

# Layers


def dense(outputs, bias=True):
    return {"kind": "dense", "outputs": outputs, "bias": bias}


def layer_of(kind, **settings):
    return {"kind": kind, **settings}


def norm(epsilon=1e-5):
    return layer_of("layer_norm", epsilon=epsilon)


def residual(*layers):
    return layer_of("residual", layers=list(layers))


def setting(layer):
    return layer.get("slope", layer.get("alpha"))


def initial(layers, width):
    """Random parameters for so many inputs, and the number of outputs."""
    parameters = []
    for layer in layers:
        if layer["kind"] == "dense":
            width, inputs = layer["outputs"], width
            parameters += uniform(1, (inputs + layer["bias"]) * width)[0]
        elif layer["kind"] == "layer_norm":
            parameters += [single(draw.uniform(0.5, 1.5)) for _ in range(width)] + uniform(1, width)[0]
        elif layer["kind"] == "residual":
            inner, inner_width = initial(layer["layers"], width)
            assert inner_width == width
            parameters += inner
    return parameters, width


def layer_norm_row(row, gain, bias, epsilon):
    mean = sum(row) / len(row)
    scale = mp.sqrt(sum((v - mean) ** 2 for v in row) / len(row) + epsilon)
    return [g * (v - mean) / scale + b for v, g, b in zip(row, gain, bias)]


def forward(layers, x, parameters):
    """parameters is an iterator, from which each layer takes its own."""
    for layer in layers:
        kind = layer["kind"]
        take = lambda count: [next(parameters) for _ in range(count)]
        if kind == "dense":
            x = matmul(x, [take(layer["outputs"]) for _ in x[0]])
            bias = take(layer["outputs"]) if layer["bias"] else [0] * layer["outputs"]
            x = [[v + b for v, b in zip(row, bias)] for row in x]
        elif kind == "layer_norm":
            gain, bias = take(len(x[0])), take(len(x[0]))
            x = [layer_norm_row(row, gain, bias, mpf(layer["epsilon"])) for row in x]
        elif kind == "residual":
            x = [[v + w for v, w in zip(*rows)] for rows in zip(x, forward(layer["layers"], x, parameters))]
        elif kind in ROW_FUNCTIONS:
            x = [ROW_FUNCTIONS[kind](row) for row in x]
        else:
            assert kind not in KINKED or min(abs(v) for row in x for v in row) > 1e-3, "too near a kink"
            value = None if setting(layer) is None else mpf(setting(layer))
            x = [[activations.ACTIVATIONS[kind](v, value) for v in row] for row in x]
    return x


KINKED = ["relu", "leaky_relu", "elu"]
ROW_FUNCTIONS = {"softmax": softmax_row, "log_softmax": log_softmax_row}
LOSSES = losses.LOSSES | {
    "categorical_cross_entropy": lambda y, t: -sum(a * mp.log(v) for v, a in zip(y, t) if a),
    "softmax_cross_entropy": lambda y, t: losses.negative_log_likelihood(log_softmax_row(y), t),
}


def mean_loss(loss, outputs, targets):
    return losses.mean([LOSSES[loss](*rows) for rows in zip(outputs, targets)])


# Cases


def network_case(name, inputs, rows, layers, loss):
    parameters, width = initial(layers, inputs)
    made = {"name": name, "inputs": inputs, "layers": layers, "loss": loss, "x": uniform(rows, inputs, 2.0)}
    if loss in ("softmax_cross_entropy", "categorical_cross_entropy", "negative_log_likelihood"):
        made["classes"] = [k % width for k in range(rows)]
        targets = one_hot(made["classes"], width)
    elif "binary" in loss:
        made["targets"] = targets = [[draw.randrange(5) / 4 for _ in range(width)] for _ in range(rows)]
    else:
        made["targets"] = targets = uniform(rows, width, 2.0)
    x, t, point = exact(made["x"]), exact(targets), exact(parameters)
    outputs = forward(layers, x, iter(point))
    if loss == "mean_absolute_error":
        assert min(abs(a - b) for rows in zip(outputs, t) for a, b in zip(*rows)) > 1e-3, "too near a kink"
    loss_at = lambda p: mean_loss(loss, forward(layers, x, iter(p)), t)
    made |= {"parameters": parameters, "outputs": nearest(outputs), "loss_value": nearest(loss_at(point)),
             "gradient": nearest(gradient_of(loss_at, point))}
    check_network(made, targets)
    return made


def network_cases():
    yield network_case("tanh", 3, 4, [dense(4), layer_of("tanh"), dense(3)], "softmax_cross_entropy")
    yield network_case("relu", 2, 5, [dense(5), layer_of("relu"), dense(4), layer_of("relu"), dense(2)],
                       "mean_squared_error")
    yield network_case("leaky_relu", 4, 4, [dense(5), layer_of("leaky_relu", slope=0.01), dense(4),
                                            layer_of("leaky_relu", slope=0.2), dense(3)], "softmax_cross_entropy")
    yield network_case("elu", 3, 4, [dense(4), layer_of("elu", alpha=1.0), dense(3), layer_of("elu", alpha=0.5),
                                     dense(2)], "mean_absolute_error")
    yield network_case("gelu", 2, 3, [dense(5), layer_of("gelu"), dense(1)], "sigmoid_binary_cross_entropy")
    yield network_case("silu", 3, 3, [dense(4), layer_of("silu"), dense(3)], "sigmoid_binary_cross_entropy")
    yield network_case("sigmoid_without_bias", 3, 4, [dense(4, bias=False), layer_of("sigmoid"), dense(2, bias=False),
                                                      layer_of("linear")], "mean_squared_error")
    yield network_case("sigmoid_last", 2, 4, [dense(3), layer_of("tanh"), dense(2), layer_of("sigmoid")],
                       "binary_cross_entropy")
    yield network_case("softmax_last", 3, 5, [dense(5), layer_of("relu"), dense(3), layer_of("softmax")],
                       "categorical_cross_entropy")
    yield network_case("softmax_squared", 2, 4, [dense(4), layer_of("softmax")], "mean_squared_error")
    yield network_case("log_softmax_last", 3, 4, [dense(4), layer_of("gelu"), dense(3), layer_of("log_softmax")],
                       "negative_log_likelihood")
    yield network_case("log_softmax_squared", 2, 3, [dense(3), layer_of("log_softmax")], "mean_squared_error")
    yield network_case("layer_norm", 3, 4, [dense(5), norm(), layer_of("tanh"), dense(4, bias=False), norm(1e-3)],
                       "softmax_cross_entropy")
    yield network_case("layer_norm_first", 4, 3, [norm(), dense(3), layer_of("silu"), dense(2)],
                       "mean_squared_error")
    yield network_case("residual", 3, 4, [residual(dense(3), layer_of("tanh")), dense(2)], "mean_squared_error")
    inner = residual(dense(4, bias=False), layer_of("leaky_relu", slope=0.2))
    outer = residual(norm(), dense(3), layer_of("gelu"), dense(4), inner)
    yield network_case("residual_nested", 2, 3, [dense(4), outer, layer_of("elu", alpha=1.0), dense(3)],
                       "softmax_cross_entropy")


# Layer norm


def layer_norm_case(name, x, gain, bias, epsilon, dy):
    rows, p, weights = exact(x), exact(gain + bias), exact(dy)
    cols, e = len(gain), mpf(epsilon)
    y_row = lambda row, p: layer_norm_row(row, p[:cols], p[cols:], e)
    product = lambda row, d, p: sum(a * b for a, b in zip(y_row(row, p), d))
    dx = [gradient_of(lambda z: product(z, d, p), row) for row, d in zip(rows, weights)]
    dp = gradient_of(lambda p: sum(product(row, d, p) for row, d in zip(rows, weights)), p)
    made = {"name": name, "x": x, "gain": gain, "bias": bias, "epsilon": epsilon, "dy": dy,
            "y": nearest([y_row(row, p) for row in rows]), "dx": nearest(dx), "dgain": nearest(dp[:cols]),
            "dbias": nearest(dp[cols:])}
    check_layer_norm(made)
    return made


def layer_norm_cases():
    tables = {f"random_{rows}x{cols}": uniform(rows, cols, 2.0)
              for rows, cols in [(1, 2), (1, 5), (4, 3), (3, 8), (2, 33), (3, 1)]}
    tables["equal"] = [[0.0] * 4, [3.25] * 4, [-700.0] * 4]
    tables["far_from_zero"] = [[v + 1000 for v in row] for row in [[1.0, 0.5, -0.25, 2.0], [0.0, 0.125, 0.0, -3.0]]]
    tables["large"] = uniform(3, 4, 1e4)
    tables["small"] = uniform(3, 4, 1e-3)
    for name, x in tables.items():
        for epsilon in (1e-5, 1e-3):
            cols = len(x[0])
            gain, bias = [single(draw.uniform(-2, 2)) for _ in range(cols)], uniform(1, cols)[0]
            yield layer_norm_case(name, x, gain, bias, epsilon, uniform(len(x), cols))


# Checks: torch's layers and autograd


def torch_forward(layers, x, parameters):
    """parameters is an iterator of numbers that torch is to differentiate."""
    for layer in layers:
        kind = layer["kind"]
        take = lambda count: torch.stack([next(parameters) for _ in range(count)])
        if kind == "dense":
            outputs = layer["outputs"]
            x = x @ take(x.shape[1] * outputs).reshape(x.shape[1], outputs)
            x = x + take(outputs) if layer["bias"] else x
        elif kind == "layer_norm":
            width = x.shape[1]
            x = torch.nn.functional.layer_norm(x, [width], take(width), take(width), layer["epsilon"])
        elif kind == "residual":
            x = x + torch_forward(layer["layers"], x, parameters)
        elif kind in ROW_FUNCTIONS:
            x = activations.TORCH_ROWS[kind](x, 1)
        else:
            x = activations.TORCH[kind](x, setting(layer))
    return x


def torch_loss(loss, y, t):
    functional = torch.nn.functional
    return {
        "mean_squared_error": functional.mse_loss,
        "mean_absolute_error": functional.l1_loss,
        "sigmoid_binary_cross_entropy": functional.binary_cross_entropy_with_logits,
        "binary_cross_entropy": functional.binary_cross_entropy,
        "softmax_cross_entropy": functional.cross_entropy,
        "categorical_cross_entropy": lambda y, t: functional.nll_loss(y.log(), t.argmax(1)),
        "negative_log_likelihood": lambda y, t: functional.nll_loss(y, t.argmax(1)),
    }[loss](y, t)


def check_network(case, targets):
    parameters = tensor(case["parameters"]).requires_grad_()
    y = torch_forward(case["layers"], tensor(case["x"]), iter(parameters))
    loss = torch_loss(case["loss"], y, tensor(targets))
    loss.backward()
    assert_close(case["outputs"], y)
    assert_close(case["loss_value"], loss)
    assert_close(case["gradient"], parameters.grad)


def check_layer_norm(case):
    x, gain, bias = [tensor(case[key]).requires_grad_() for key in ("x", "gain", "bias")]
    y = torch.nn.functional.layer_norm(x, [len(gain)], gain, bias, case["epsilon"])
    y.backward(tensor(case["dy"]))
    for key, value in [("y", y), ("dx", x.grad), ("dgain", gain.grad), ("dbias", bias.grad)]:
        # torch loses digits where x - mean cancels: rows that are equal, or far from zero
        torch.testing.assert_close(value.detach(), tensor(case[key]), rtol=1e-9, atol=1e-11)


if __name__ == "__main__":
    show({"networks": network_cases(), "layer_norm": layer_norm_cases()})
