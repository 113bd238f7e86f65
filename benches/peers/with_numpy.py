"""NumPy in the style of *Neural Networks from Scratch in Python*: classes with forward and backward, and its own OpenBLAS.

float32, as the book's nnfs.init() makes it.
"""

import numpy as np

import protocol


class Layer_Dense:
    def __init__(self, n_inputs, n_neurons):
        self.weights = np.float32((2 / n_inputs) ** 0.5) * protocol.normal(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons), np.float32)
        self.weight_momentums, self.weight_cache = np.zeros_like(self.weights), np.zeros_like(self.weights)
        self.bias_momentums, self.bias_cache = np.zeros_like(self.biases), np.zeros_like(self.biases)

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class Activation_ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


class Activation_Softmax:
    def forward(self, inputs):
        self.output = protocol.softmax(inputs)

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for index, (single_output, single_dvalues) in enumerate(zip(self.output, dvalues)):
            single_output = single_output.reshape(-1, 1)
            jacobian_matrix = np.diagflat(single_output) - np.dot(single_output, single_output.T)
            self.dinputs[index] = np.dot(jacobian_matrix, single_dvalues)


class Activation_Softmax_Loss_CategoricalCrossentropy:
    def forward(self, inputs, y_true):
        self.output = protocol.softmax(inputs)
        y_pred_clipped = np.clip(self.output, 1e-7, 1 - 1e-7)
        return np.mean(-np.log(y_pred_clipped[range(len(inputs)), y_true]))

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        self.dinputs = dvalues.copy()
        self.dinputs[range(samples), y_true] -= 1
        self.dinputs = self.dinputs / samples


class Optimizer_Adam:
    def __init__(self, learning_rate=0.001, epsilon=1e-7, beta_1=0.9, beta_2=0.999):
        self.learning_rate, self.epsilon, self.beta_1, self.beta_2 = learning_rate, epsilon, beta_1, beta_2
        self.iterations = 0

    def update_params(self, layer):
        unbias_1 = 1 - self.beta_1 ** (self.iterations + 1)
        unbias_2 = 1 - self.beta_2 ** (self.iterations + 1)
        layer.weight_momentums = self.beta_1 * layer.weight_momentums + (1 - self.beta_1) * layer.dweights
        layer.bias_momentums = self.beta_1 * layer.bias_momentums + (1 - self.beta_1) * layer.dbiases
        layer.weight_cache = self.beta_2 * layer.weight_cache + (1 - self.beta_2) * layer.dweights**2
        layer.bias_cache = self.beta_2 * layer.bias_cache + (1 - self.beta_2) * layer.dbiases**2
        weight_rate = np.sqrt(layer.weight_cache / unbias_2) + self.epsilon
        bias_rate = np.sqrt(layer.bias_cache / unbias_2) + self.epsilon
        layer.weights += -self.learning_rate * (layer.weight_momentums / unbias_1) / weight_rate
        layer.biases += -self.learning_rate * (layer.bias_momentums / unbias_1) / bias_rate

    def post_update_params(self):
        self.iterations += 1


def epoch(args):
    x, y = protocol.fashion_mnist(args.data_dir, "train")
    widths = [protocol.PIXELS, *args.hidden, protocol.CLASSES]
    denses = [Layer_Dense(*pair) for pair in zip(widths, widths[1:])]
    layers = [layer for dense in denses for layer in (dense, Activation_ReLU())][:-1]
    loss, optimizer = Activation_Softmax_Loss_CategoricalCrossentropy(), Optimizer_Adam()

    def forward(values):
        for layer in layers:
            layer.forward(values)
            values = layer.output
        return values

    def train(number):
        order = np.random.default_rng(number).permutation(len(x))
        for start in range(0, len(x), args.batch):
            indices = order[start : start + args.batch]
            loss.forward(forward(x[indices]), y[indices])
            loss.backward(loss.output, y[indices])
            dvalues = loss.dinputs
            for layer in reversed(layers):
                layer.backward(dvalues)
                dvalues = layer.dinputs
            for dense in denses:
                optimizer.update_params(dense)
            optimizer.post_update_params()

    return protocol.time_epochs(args, train, lambda x, y: forward(x).argmax(axis=1) == y)


def softmax_jacobian(args):
    dvalues, activation = protocol.normal(args.rows, args.classes), Activation_Softmax()
    activation.forward(dvalues)
    return protocol.time_calls(args.seconds, lambda: activation.backward(dvalues))


if __name__ == "__main__":
    protocol.run({"epoch": epoch, "softmax-jacobian": softmax_jacobian}, ["numpy"])
