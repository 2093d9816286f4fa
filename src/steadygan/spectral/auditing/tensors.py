"""An audit of weights without their network, as they lie in a checkpoint: what their names and shapes tell."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from steadygan.spectral.auditing.cautions import Scene
from steadygan.spectral.auditing.coverage import OWN_CODE, Coverage
from steadygan.spectral.auditing.decomposition import BUDGET
from steadygan.spectral.auditing.findings import Audit
from steadygan.spectral.auditing.items import Count, Item, Progress, measured
from steadygan.spectral.auditing.traps import damaged, left_out, stale
from steadygan.spectral.matrix import Weight

State = Mapping[str, Tensor]
LIMITS = (
    "From tensors alone: groups, strides, activations and the order of the layers are not known, so there are no operator "
    "norms and no bounds; instance norm, attention and dropout leave no trace in a file.",
)
OURS = "Read as mode 'hard': a file does not say which mode of ours wrote it."


def audit_tensors(state: State, name: str = "", *, exact: bool = False, progress: Progress | None = None) -> Audit:
    """What can be told of weights by their names: plain ones, torch's two formats, ours, BigGAN-PyTorch's, mimicry's.

    Args:
        state: name -> tensor, as `state_dict()` gives.
        name: of the file, for the table.
        exact: decompose every weight in full, however long that takes.
        progress: told how many of how many measurements are done.

    >>> audit_tensors(nn.Linear(3, 2).state_dict()).rows[0].shape
    (2, 3)
    """
    items = list(items_of(state))
    count = Count(progress, len(items))
    rows = measured(items, torch.inf if exact else BUDGET, count)
    errors = {row.layer: row.error for row in rows if row.error is not None}
    scene = Scene(nn.Module(), (), errors, {row.layer: row.sigma for row in rows if row.full is not None})
    bare = [(row.layer, row.reason) for row in rows if row.full is not None and not row.covered]
    cautions = (*damaged(scene), *stale(scene), *left_out(bare, len(rows) - len(bare)))
    notes = (*LIMITS, OURS) if any(row.covered == "ours" for row in rows) else LIMITS
    return Audit(name or "tensors", sum(value.numel() for value in state.values()), None, tuple(rows), None, cautions, notes)


def items_of(state: State) -> Iterator[Item]:
    """What makes rows, in the order of the file."""
    for key, value in state.items():
        if not value.is_floating_point():
            continue
        for form in (torch_parametrization, torch_hook, own_code, ours, weight_norm_hook, statistics, plain):
            if (found := form(state, key)) is not None:
                yield from found
                break


@dataclass(frozen=True)
class Found:
    """A spectrally normalized weight in a file.

    Attributes:
        label, value: its name, and the stored weight.
        by: whose normalization.
        u, v: leading singular vectors of all blocks, [G * M] and [G * N]; v is None where the format has none.
        coefficient: what the norm is brought to.
    """

    label: str
    value: Tensor
    by: str
    u: Tensor
    v: Tensor | None = None
    coefficient: float = 1.0

    @property
    def readings(self) -> list[Weight]:
        """How the weight may be read, as far as the sizes of u and v tell."""
        n = 1 if self.v is None else self.u.numel() * self.v.numel() // max(1, self.value.numel())
        if n < 1 or len(self.value) % n:
            return []
        apart = n == 3 and self.label.endswith("in_proj_weight")
        found = [Weight(self.label, nn.Module(), "", n, apart, transposed) for transposed in (False, self.value.dim() > 2)]
        return [each for each in found if each.matrices(self.value).shape[:2].numel() == self.u.numel()]

    def sigmas(self, weight: Weight) -> Tensor:
        """u'Wv of each block: -> [G]."""
        matrices = weight.matrices(self.value.double())
        back: Tensor = (self.u.double().reshape(len(matrices), 1, -1) @ matrices).squeeze(1)
        if self.by in OWN_CODE.values():  # their forward pass does half an iteration more
            return lengths((matrices @ back.unsqueeze(2)).squeeze(2)) / lengths(back)
        if self.v is None or self.v.numel() != back.numel():
            return lengths(back)  # that of the v that belongs to u
        return (back * self.v.double().reshape(back.shape)).sum(dim=1)

    def items(self) -> list[Item]:
        """The rows: one, or one for each of queries, keys and values."""
        if not self.readings:
            known = "normalized by its operator norm, for an input size that a file does not hold"
            reason = known if self.by == "ours" else "its u and v are not of its size"
            return unnormalized(self.label, self.value, reason)
        weight = max(self.readings, key=lambda each: float(self.sigmas(each).amax()))  # the one that u and v belong to
        sigmas = self.sigmas(weight)
        believed = sigmas.tolist() if weight.apart else [float(sigmas.amax())]
        n = len(believed)
        coverage = Coverage(self.by, "", tuple(believed), (self.coefficient,) * n)
        readers = [partial(self.read, weight, index, sigma) for index, sigma in enumerate(believed)]
        pairs = zip(weight.labels, readers, strict=True)
        return [Item(label, "", tuple(self.value.shape), coverage, i, read) for i, (label, read) in enumerate(pairs)]

    def read(self, weight: Weight, index: int, sigma: float) -> Tensor:
        """The normalized weight: -> [G, M, N]."""
        matrices = weight.matrices(self.value)
        return (matrices[index : index + 1] if weight.apart else matrices) * (self.coefficient / sigma if sigma else 1.0)


def torch_parametrization(state: State, key: str) -> list[Item] | None:
    """`layer.parametrizations.weight.original`, with `0._u` and `0._v` where it is spectral norm."""
    match = re.fullmatch(r"(.*?)parametrizations\.(\w+)\.(.+)", key)
    if match is None:
        return None
    prefix, parameter, rest = match.groups()
    place, label = f"{prefix}parametrizations.{parameter}.", label_of(prefix + parameter)
    if rest == "original0" and place + "original1" in state:
        return weight_norm(label, state[key], state[place + "original1"])
    if rest != "original":
        return []
    stem = next((f"{place}{n}.{bar}" for n in range(4) for bar in ("_", "") if f"{place}{n}.{bar}u" in state), None)
    if stem is None:
        return unnormalized(label, state[key], "parametrized: the file does not say how")
    return normalized(Found(label, state[key], "torch", state[stem + "u"], state.get(stem + "v")))


def torch_hook(state: State, key: str) -> list[Item] | None:
    """`layer.weight_orig` with `layer.weight_u`."""
    base = key.removesuffix("_orig")
    if base == key or base + "_u" not in state:
        return None
    return normalized(Found(label_of(base), state[key], "torch hook", state[base + "_u"], state.get(base + "_v")))


def own_code(state: State, key: str) -> list[Item] | None:
    """`layer.weight` with `layer.u0` (BigGAN-PyTorch) or `layer.sn_u` (mimicry)."""
    prefix, _, name = key.rpartition(".")
    dot = prefix + "." if prefix else ""
    if name in {*OWN_CODE, *(f"sv{n}" for n in range(9)), *(f"u{n}" for n in range(9)), "sn_sigma"} and dot + "weight" in state:
        return []
    buffer = next((each for each in OWN_CODE if dot + each in state), None)
    if name != "weight" or buffer is None:
        return None
    return normalized(Found(label_of(key), state[key], OWN_CODE[buffer], state[dot + buffer]))


def ours(state: State, key: str) -> list[Item] | None:
    """`layer.weight` with `layer.weight_u`, `layer.weight_v` [3, N] and `layer.weight_coefficient`."""
    base = re.sub(r"_(u|v|u2|v2|coefficient|gain)$", "", key)
    if base != key and (base in state or base + "_orig" in state):
        return []
    if key + "_u" not in state or key + "_v" not in state:
        return None
    coefficient = float(state[key + "_coefficient"].amax()) if key + "_coefficient" in state else 1.0
    gain = abs(float(state[key + "_gain"])) if key + "_gain" in state else 1.0
    v = state[key + "_v"]
    found = Found(label_of(key), state[key], "ours", state[key + "_u"], v[0] if v.dim() == 2 else v, coefficient * gain)
    return normalized(found)


def weight_norm_hook(state: State, key: str) -> list[Item] | None:
    """`layer.weight_g` with `layer.weight_v`."""
    base, end = key[:-2], key[-2:]
    if end not in ("_g", "_v") or base + "_g" not in state or base + "_v" not in state:
        return None
    return weight_norm(label_of(base), state[base + "_g"], state[key]) if end == "_v" else []


def statistics(state: State, key: str) -> list[Item] | None:
    """Running statistics of a batch norm, or an instance norm that keeps some."""
    if not key.endswith("running_var"):
        return None
    coverage = Coverage(reason="divides by the deviation of the batch, or of each sample")
    return [Item(key.removesuffix("running_var").rstrip("."), "running statistics", tuple(state[key].shape), coverage)]


def plain(state: State, key: str) -> list[Item]:
    """Any other tensor of two dimensions or more."""
    value, name = state[key], key.rpartition(".")[2]
    if value.dim() < 2:
        return []
    if "weight" not in name and "kernel" not in name:
        reason = "what the code does with it is not known"
        return [Item(key, "", tuple(value.shape), Coverage(reason=reason))]
    return unnormalized(label_of(key), value, "nothing normalizes it")


def normalized(found: Found) -> list[Item]:
    """The rows of a normalized weight; none for a vector."""
    return found.items() if found.value.dim() > 1 else []


def unnormalized(label: str, value: Tensor, reason: str) -> list[Item]:
    """The row of a weight that nothing normalizes."""
    if value.dim() < 2:
        return []
    return [Item(label, "", tuple(value.shape), Coverage(reason=reason), 0, lambda: value.flatten(1).unsqueeze(0))]


def lengths(rows: Tensor) -> Tensor:
    """[G, N] -> [G]."""
    found: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return found


def weight_norm(label: str, lengths: Tensor, directions: Tensor) -> list[Item]:
    """The row of a weight under weight norm: g v / |v|, over all dimensions but the first."""
    value = directions * lengths / directions.flatten(1).norm(dim=1).reshape(-1, *[1] * (directions.dim() - 1))
    return unnormalized(label, value, "weight norm: sets the length of each row, no largest singular value")


def label_of(key: str) -> str:
    """The layer's name, where the tensor is its weight; else the tensor's."""
    return key.removesuffix("weight").rstrip(".") if key.endswith(".weight") else key
