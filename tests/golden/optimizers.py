"""Makes optimizers.json: optimisers, learning rate schedules and gradient clipping that golden.json does not hold.

    python tests/golden/optimizers.py > tests/golden/optimizers.json

optimizers.json was made by Python 3.11.7, numpy 2.4.6, mpmath 1.3.0 and torch 2.15.0. "optimizers" are torch's in
float64, whose last digit may change with its version, except Lion, which torch doesn't have. Lion, "schedules" and
"clipping" are mathematics in mpmath: inputs are doubles taken exactly, each result is rounded once, to the nearest
double. Schedules are checked against torch's to 1e-12, except inverse_time, which is the book's. Clipping by norm is
checked to 1e-5, because torch adds 1e-6 to the norm.
"""

import torch
from mpmath import mp, mpf

from values import START, assert_close, exact, gradient_steps, nearest, optimizer_case, show, single, tensor
from values import torch_steps, uniform

mp.dps = 100

# Optimisers


def adagrad_case(name, gradients, epsilon):
    settings = {"optimizer": "adagrad", "learning_rate": 0.1, "epsilon": epsilon}
    make = lambda p: torch.optim.Adagrad(p, eps=epsilon, foreach=False)
    return optimizer_case(name, settings, gradients, torch_steps(make, gradients, 0.1))


def rmsprop_case(name, gradients, alpha):
    settings = {"optimizer": "rmsprop", "learning_rate": 0.01, "alpha": alpha, "epsilon": 1e-8}
    make = lambda p: torch.optim.RMSprop(p, alpha=alpha, eps=1e-8, foreach=False)
    return optimizer_case(name, settings, gradients, torch_steps(make, gradients, 0.01))


def amsgrad_case(name, gradients, learning_rate=1e-3, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0):
    """weight_decay is AdamW's: p *= 1 - lr·weight_decay, before Adam's step."""
    settings = {"optimizer": "adamw" if weight_decay else "adam", "amsgrad": True, "learning_rate": learning_rate}
    settings |= {"beta1": betas[0], "beta2": betas[1], "epsilon": epsilon, "weight_decay": weight_decay}
    kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
    make = lambda p: kind(p, betas=betas, eps=epsilon, weight_decay=weight_decay, amsgrad=True, foreach=False)
    return optimizer_case(name, settings, gradients, torch_steps(make, gradients, learning_rate))


def lion_case(name, gradients, learning_rate=1e-3, betas=(0.9, 0.99), weight_decay=0.0):
    """Chen et al., Symbolic Discovery of Optimization Algorithms (2023): u = sign(b1·m + (1 - b1)·g);
    p = p·(1 - lr·weight_decay) - lr·u; m = b2·m + (1 - b2)·g. sign(0) = 0."""
    settings = {"optimizer": "lion", "learning_rate": learning_rate, "beta1": betas[0], "beta2": betas[1]}
    settings |= {"weight_decay": weight_decay}
    rate, beta1, beta2, decay = exact([learning_rate, *betas, weight_decay])
    p, m, after = exact(START), [mpf(0)] * len(START), []
    for gradient in exact(gradients):
        terms = [(beta1 * a, (1 - beta1) * g) for a, g in zip(m, gradient)]
        assert all(abs(a + b) >= max(abs(a), abs(b)) / 1000 for a, b in terms), "a sign that rounding might turn"
        p = [v * (1 - rate * decay) - rate * mp.sign(a + b) for v, (a, b) in zip(p, terms)]
        m = [beta2 * a + (1 - beta2) * g for a, g in zip(m, gradient)]
        after.append(nearest(p))
    return optimizer_case(name, settings, gradients, after)


def optimizer_cases():
    gradients = gradient_steps()
    yield adagrad_case("adagrad", gradients, 1e-10)
    yield adagrad_case("adagrad_epsilon", gradients, 1e-7)
    yield rmsprop_case("rmsprop", gradients, 0.99)
    yield rmsprop_case("rmsprop_alpha", gradients, 0.9)
    yield amsgrad_case("amsgrad", gradients)
    # the fast beta2 is what lets the second moment fall far, so that AMSGrad differs from Adam at once
    yield amsgrad_case("amsgrad_settings", gradients, learning_rate=0.01, betas=(0.8, 0.5), epsilon=1e-7)
    yield amsgrad_case("amsgrad_adamw", gradients, weight_decay=0.1)
    yield lion_case("lion", gradients)
    yield lion_case("lion_settings", gradients, learning_rate=0.01, betas=(0.5, 0.8))
    yield lion_case("lion_weight_decay", gradients, weight_decay=0.1)


# Schedules: the factor of the learning rate at steps from 0


def between(a, b, share):
    """From a to b along half a cosine."""
    return a + (b - a) * (1 - mp.cospi(share)) / 2


def one_cycle(t, total, rise, first, last):
    """Up from first to 1 until step rise·total - 1, which need not be whole, then down to last at step total - 1."""
    top = rise * total - 1
    return between(first, 1, t / top) if t <= top else between(1, last, (t - top) / (total - 1 - top))


def torch_factors(make, steps):
    optimizer = torch.optim.SGD([tensor([0.0])], lr=1.0)
    scheduler = make(optimizer)
    factors = []
    for _ in range(steps):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(factors) < steps:
            scheduler.step()
    return factors


def schedule_case(name, settings, factor, make, steps=41):
    factors = nearest([mpf(factor(mpf(t))) for t in range(steps)])
    if make is not None:
        assert_close(factors, tensor(torch_factors(make, steps)))
    return {"schedule": name, **settings, "factors": factors}


def schedule_cases():
    schedules = torch.optim.lr_scheduler
    yield schedule_case("step", {"every": 7, "factor": 0.5}, lambda t: mpf(0.5) ** mp.floor(t / 7),
                        lambda o: schedules.StepLR(o, step_size=7, gamma=0.5))
    yield schedule_case("exponential", {"factor": 0.9}, lambda t: mpf(0.9) ** t,
                        lambda o: schedules.ExponentialLR(o, gamma=0.9))
    yield schedule_case("cosine", {"steps": 30, "last": 0.1}, lambda t: between(1, mpf(0.1), t / 30),
                        lambda o: schedules.CosineAnnealingLR(o, T_max=30, eta_min=0.1), steps=31)
    yield schedule_case("inverse_time", {"decay": 0.05}, lambda t: 1 / (1 + mpf(0.05) * t), None)
    yield schedule_case("warm_up", {"steps": 5}, lambda t: min(1, (t + 1) / 5),
                        lambda o: schedules.LinearLR(o, start_factor=0.2, total_iters=4))
    first, last = 1 / mpf(25), 1 / mpf(25) / 10**4
    yield schedule_case("one_cycle", {"steps": 41, "rise": 0.3, "first": nearest(first), "last": nearest(last)},
                        lambda t: one_cycle(t, 41, mpf(0.3), first, last),
                        lambda o: schedules.OneCycleLR(o, max_lr=1.0, total_steps=41, pct_start=0.3,
                                                       anneal_strategy="cos", div_factor=25, final_div_factor=1e4,
                                                       cycle_momentum=False))


# Clipping


def clipped_by_norm(gradient, limit):
    norm = mp.sqrt(sum(g**2 for g in gradient))
    return [g * limit / norm for g in gradient] if norm > limit else gradient


def clipped_by_value(gradient, limit):
    return [min(max(g, -limit), limit) for g in gradient]


CLIPPING = {"norm": (clipped_by_norm, torch.nn.utils.clip_grad_norm_),
            "value": (clipped_by_value, torch.nn.utils.clip_grad_value_)}


def clipping_case(name, kind, gradient, limit):
    ours, theirs = CLIPPING[kind]
    clipped = nearest(ours(exact(gradient), mpf(limit)))
    p = tensor(gradient)
    p.grad = tensor(gradient)
    theirs([p], limit)
    torch.testing.assert_close(p.grad, tensor(clipped), rtol=1e-5, atol=0)
    return {"name": name, "kind": kind, "gradient": gradient, "limit": limit, "clipped": clipped}


def clipping_cases():
    random = uniform(1, 12, 3.0)[0]
    for kind in CLIPPING:
        yield clipping_case("random", kind, random, 1.0)
        yield clipping_case("random_half", kind, random, 0.5)
        yield clipping_case("random_below", kind, random, 100.0)
        yield clipping_case("at_the_limit", kind, [3.0, -4.0], 5.0)
        yield clipping_case("beyond_the_limit", kind, [3.0, -4.0], 2.5)
        yield clipping_case("zero", kind, [0.0, 0.0, 0.0], 1.0)
        yield clipping_case("one_value", kind, [-7.0], 0.25)
        yield clipping_case("large", kind, single([3e15, -4e15, 1.0, 0.0]), 1.0)
        yield clipping_case("square_overflows_f32", kind, single([3e25, -4e25, 1e20, 0.0]), 1.0)


if __name__ == "__main__":
    show({"optimizers": optimizer_cases(), "schedules": schedule_cases(), "clipping": clipping_cases()})
