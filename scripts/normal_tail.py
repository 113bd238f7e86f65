"""Prints the coefficients of crates/kernels/src/normal.rs: the polynomial h(t) = (a + 5) exp(a² / 2) erfc(a / √2) of t = (a - 5) / (a + 5),
through the Chebyshev points of -1 ≤ t ≤ 1, by mpmath, and the largest relative error of the coefficients as they are printed.

    python3 scripts/normal_tail.py
"""

from mpmath import cos, erfc, exp, mp, mpf, pi, polyval, sqrt

CENTRE, DEGREE = 5, 24


def h(t):
    if t == 1:
        return sqrt(2 / pi)
    a = CENTRE * (1 + t) / (1 - t)
    return (a + CENTRE) * exp(a * a / 2) * erfc(a / sqrt(mpf(2)))


def chebyshev(function, degree):
    """The coefficients of the interpolating polynomial, that of 1 first."""
    points = [cos(pi * (j + mpf(1) / 2) / (degree + 1)) for j in range(degree + 1)]
    values = [function(point) for point in points]
    polynomial, before, present = [mpf(0)] * (degree + 1), [mpf(1)], [mpf(0), mpf(1)]
    for i in range(degree + 1):
        basis = before if i == 0 else present
        weights = [cos(pi * i * (j + mpf(1) / 2) / (degree + 1)) for j in range(degree + 1)]
        factor = (1 if i == 0 else 2) * sum(w * v for w, v in zip(weights, values)) / (degree + 1)
        for power, entry in enumerate(basis):
            polynomial[power] += factor * entry
        if i > 0:
            following = [mpf(0)] + [2 * entry for entry in present]
            for power, entry in enumerate(before):
                following[power] -= entry
            before, present = present, following
    return polynomial


mp.dps = 60
coefficients = [float(coefficient) for coefficient in reversed(chebyshev(h, DEGREE))]
for coefficient in coefficients:
    print(repr(coefficient))
errors = [abs(polyval([mpf(c) for c in coefficients], t) / h(t) - 1) for t in (mpf(i) / 200 for i in range(-200, 200))]
print("largest relative error:", mp.nstr(max(errors), 3))
