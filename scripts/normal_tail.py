"""Prints the coefficients of crates/kernels/src/normal.rs: the polynomials h(t) = (a + 4) exp(a² / 2) erfc(a / √2) of t = (a - 4) / (a + 4), that of 1
first, through Chebyshev points of 0 ≤ a ≤ the largest a that matters, by mpmath, and the largest relative error of the coefficients as they are printed.

    python3 scripts/normal_tail.py
"""

from mpmath import cos, erfc, exp, mp, mpf, pi, polyval, sqrt
from numpy import float32, float64

CENTRE = 4


def h(t):
    a = CENTRE * (1 + t) / (1 - t)
    return (a + CENTRE) * exp(a * a / 2) * erfc(a / sqrt(mpf(2)))


def interpolate(function, low, high, degree):
    """The coefficients of the polynomial through the Chebyshev points of an interval, that of 1 first."""
    middle, radius = (low + high) / 2, (high - low) / 2
    nodes = [middle + radius * cos(pi * (j + mpf(1) / 2) / (degree + 1)) for j in range(degree + 1)]
    # Newton's divided differences, then multiplied out.
    differences = [function(node) for node in nodes]
    for order in range(1, degree + 1):
        for j in range(degree, order - 1, -1):
            differences[j] = (differences[j] - differences[j - 1]) / (nodes[j] - nodes[j - order])
    polynomial = [mpf(0)] * (degree + 1)
    for node, difference in zip(reversed(nodes), reversed(differences)):
        polynomial = [(polynomial[i - 1] if i else difference) - node * polynomial[i] for i in range(degree + 1)]
    return polynomial


mp.dps = 60
for rounded, largest, degree in [(float32, 15, 10), (float64, 40, 22)]:
    low, high = mpf(-1), (mpf(largest) - CENTRE) / (largest + CENTRE)
    coefficients = [rounded(float(coefficient)) for coefficient in interpolate(h, low, high, degree)]
    for power, coefficient in enumerate(coefficients):
        print(f"{rounded.__name__} t^{power}: {coefficient!s}")
    places = [low + (high - low) * mpf(i) / 400 for i in range(401)]
    descending = [mpf(float(coefficient)) for coefficient in reversed(coefficients)]
    print("largest relative error:", mp.nstr(max(abs(polyval(descending, t) / h(t) - 1) for t in places), 3))
