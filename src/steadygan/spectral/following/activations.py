"""Elementwise functions, softmax, dropout and normalizations of features: the largest slope of each."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from steadygan.spectral.following.call import Call, UnknownSlope

ROOT = math.sqrt(2)
GELU = 0.5 * (1 + math.erf(1)) + ROOT * math.exp(-1) / math.sqrt(2 * math.pi)  # at sqrt(2)
GELU_TANH = 1.12899307  # at 1.4185; here and below found on a fine grid and rounded up
SILU = 1.09983933  # at 2.3994
MISH = 1.08849817  # at 1.4906
SELU = 1.0507009873554804934193349852946 * 1.6732632423543772848170429916717  # below 0, next to it

CONSTANTS = {
    **dict.fromkeys(
        ("relu", "relu6", "hardtanh", "tanh", "tanhshrink", "softsign", "softshrink", "softplus", "log_sigmoid"), 1.0
    ),
    **dict.fromkeys(("logsigmoid", "abs", "neg", "negative", "positive", "sin", "cos", "atan", "arctan", "asinh"), 1.0),
    "sigmoid": 0.25,
    "hardsigmoid": 1 / 6,
    "hardswish": 1.5,
    "selu": SELU,
    "silu": SILU,
    "mish": MISH,
    "erf": 2 / math.sqrt(math.pi),
}


def gelu(call: Call) -> float:
    """Hendrycks & Gimpel 2016, arXiv:1606.08415."""
    return GELU_TANH if call.get(1, "approximate", "none") == "tanh" else GELU


def leaky_relu(call: Call) -> float:
    """The steeper side."""
    return max(1.0, abs(float(call.get(1, "negative_slope", 0.01))))


def elu(call: Call) -> float:
    """Below 0 it is alpha (e^x - 1), steepest next to 0."""
    return max(1.0, abs(float(call.get(1, "alpha", 1.0))))


def celu(call: Call) -> float:
    """Below 0 it is alpha (e^(x / alpha) - 1): never steeper than 1."""
    call.need(call.get(1, "alpha", 1.0) > 0, "with a negative alpha grows without limit")
    return 1.0


def prelu(call: Call) -> float:
    """The steepest channel."""
    return max(1.0, float(call.constant(call.get(1, "weight")).abs().amax()))


def rrelu(call: Call) -> float:
    """In evaluation the slope below 0 is the mean of both ends."""
    call.need(not (call.training or call.get(3, "training", False)), "is random in training mode")
    return max(1.0, abs(float(call.get(1, "lower", 1 / 8) + call.get(2, "upper", 1 / 3))) / 2)


def clamp(call: Call) -> float:
    """Between constants."""
    for position, name in ((1, "min"), (2, "max")):
        call.need(not call.moves(call.get(position, name)), "between ends that depend on the input")
    return 1.0


def softmax(call: Call) -> float:
    """The Jacobian diag(p) - pp' has norm at most 1/2, by Gershgorin's circles 2 p_i (1 - p_i)."""
    call.need_own_dimensions(call.get(1, "dim"))
    return 0.5


def dropout(call: Call) -> float:
    """Nothing in evaluation."""
    random = call.training or call.get(2, "train" if "train" in call.kwargs else "training", True)
    call.need(not random or call.get(1, "p", 0.5) == 0, "is random in training mode")
    return 1.0


def batch_norm(call: Call) -> float:
    """A scale for each channel, by the running variance."""
    in_training = call.training or call.get(5, "training", False) or call.get(1, "running_mean") is None
    call.need(not in_training, "in training mode mixes the samples of a batch")
    return largest_scale(
        call, call.get(3, "weight"), call.constant(call.get(2, "running_var")).double() + call.get(7, "eps", 1e-5)
    )


def instance_norm(call: Call) -> float:
    """By running variances as batch norm; else as `layer_norm`. At most one over the square root of eps in both cases."""
    variance = call.get(2, "running_var")
    eps = torch.tensor(call.get(7, "eps", 1e-5), dtype=torch.float64)
    by_input = call.training or variance is None or call.get(5, "use_input_stats", True)
    return largest_scale(call, call.get(3, "weight"), eps if by_input else call.constant(variance).double() + eps)


def layer_norm(call: Call) -> float:
    """|w|_inf / sqrt(eps). The Jacobian of y = (x - mean) / s, with s^2 = var + eps, is (P - yy' / n) / s.

    P projects off the mean. The Jacobian lies between 0 and P / s, and comes to P / sqrt(eps) where x is constant: large, but
    nothing less holds for all inputs.
    """
    shape = call.get(1, "normalized_shape")
    call.need(len(shape) < call.input.dim(), "mixes the samples of a batch")
    return by_eps(call, call.get(2, "weight"), call.get(4, "eps", 1e-5))


def group_norm(call: Call) -> float:
    """The same for each group of channels."""
    return by_eps(call, call.get(2, "weight"), call.get(4, "eps", 1e-5))


def rms_norm(call: Call) -> float:
    """|w|_inf / sqrt(eps): as `layer_norm`, with the identity for P."""
    call.need(len(call.get(1, "normalized_shape")) < call.input.dim(), "mixes the samples of a batch")
    eps = call.get(3, "eps")
    return by_eps(call, call.get(2, "weight"), torch.finfo(call.input.dtype).eps if eps is None else eps)


def by_eps(call: Call, weight: Tensor | None, eps: float) -> float:
    """The steepest that a normalization by the input's own variance is."""
    return largest_scale(call, weight, torch.tensor(eps, dtype=torch.float64))


def largest_scale(call: Call, weight: Tensor | None, variance: Tensor) -> float:
    """The largest of |weight| / sqrt(variance)."""
    if not bool((variance > 0).all()):
        raise UnknownSlope(f"{call.name} divides by zero: variance plus eps is not above 0")
    scales = 1.0 if weight is None else call.constant(weight).double().abs()
    return float((scales * variance.rsqrt()).amax())


def fixed(constant: float) -> Callable[[Call], float]:
    """A rule that always says the same."""
    return lambda _: constant


ACTIVATIONS: dict[str, Callable[[Call], float]] = {
    **{name: fixed(constant) for name, constant in CONSTANTS.items()},
    "gelu": gelu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "celu": celu,
    "prelu": prelu,
    "rrelu": rrelu,
    **dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max"), clamp),
    **dict.fromkeys(("softmax", "softmin"), softmax),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout"), dropout),
    "feature_alpha_dropout": dropout,
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "rms_norm": rms_norm,
}
