"""PyTorch's side of `make compare`.

Variants: `eager`, as it comes; `fused`, trained with Adam(fused=True); `compiled`, that and everything else through
torch.compile, which needs a C++ compiler.
"""

import torch
from torch import nn
from torch.nn import functional as F

import protocol


def classifier(hidden):
    widths = [protocol.PIXELS, *hidden]
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], protocol.CLASSES))


def compiled(args, function):
    return torch.compile(function) if args.variant == "compiled" else function


def epoch(args):
    """No DataLoader: all images are one tensor, indexed by a new permutation in each epoch."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    x, y = map(torch.from_numpy, protocol.fashion_mnist(args.data_dir, "train"))
    model = classifier(args.hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=args.variant != "eager")

    loss_of = compiled(args, lambda x, y: F.cross_entropy(model(x), y))

    def train(_):
        for indices in torch.randperm(len(x)).split(args.batch):
            optimizer.zero_grad()
            loss_of(x[indices], y[indices]).backward()
            optimizer.step()

    @torch.inference_mode()
    def correct(x, y):
        return model(torch.from_numpy(x)).argmax(1).numpy() == y

    return protocol.time_epochs(args, train, correct)


def cross_entropy(args):
    torch.set_num_threads(args.threads)
    logits = torch.from_numpy(protocol.normal(args.rows, args.classes)).requires_grad_()
    labels = torch.from_numpy(protocol.labels(args))
    loss_of = compiled(args, F.cross_entropy)

    def call():
        logits.grad = None
        loss = loss_of(logits, labels)
        loss.backward()
        return loss.item()

    return protocol.time_calls(args.seconds, call)


@torch.inference_mode()
def softmax_backward(args):
    """The operator that backward of torch.softmax calls, into an array that is there."""
    torch.set_num_threads(args.threads)
    dy = torch.from_numpy(protocol.normal(args.rows, args.classes))
    s = dy.softmax(1)
    dx = torch.empty_like(s)
    backward = torch.ops.aten._softmax_backward_data.out
    return protocol.time_calls(args.seconds, lambda: backward(dy, s, 1, s.dtype, grad_input=dx))


@torch.inference_mode()
def predict(args):
    torch.set_num_threads(args.threads)
    model = compiled(args, nn.Sequential(*classifier(args.hidden), nn.Softmax(1)).eval())
    x = torch.from_numpy(protocol.normal(args.rows, protocol.PIXELS))
    return protocol.time_calls(args.seconds, lambda: model(x))


if __name__ == "__main__":
    works = {"epoch": epoch, "cross-entropy": cross_entropy, "softmax-backward": softmax_backward, "predict": predict}
    protocol.run(works, ["torch"], ["eager", "fused", "compiled"])
