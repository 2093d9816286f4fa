"""Weights that other implementations of spectral normalization wrote, read as ours."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from steadygan.spectral.reading import Reading
from steadygan.spectral.subspace import apart, beside
from steadygan.spectral.vectors import orthonormal

if TYPE_CHECKING:
    from steadygan.spectral.normalized import NormalizedWeight

LEGACY = ("{}_orig", "{}_u", "{}_v")  # torch.nn.utils.spectral_norm; before torch 1.1 it stored no v
PARAMETRIZATION = ("parametrizations.{}.original", "parametrizations.{}.0._u", "parametrizations.{}.0._v")

# what others call the stored weight, u and v of a parameter `{}`, below the layer's own prefix; None where they store none
FORMATS = (
    LEGACY,
    PARAMETRIZATION,
    ("parametrizations.{}.original", "parametrizations.{}.0.u", "parametrizations.{}.0.v"),  # steadygan 0.1
    ("{}_bar", "{}_u", "{}_v"),  # the module `SpectralNorm` that repositories of 2018 and 2019 copied from each other
    ("{}", "u0", None),  # BigGAN-PyTorch, MMGeneration
    ("{}", "sn_u", None),  # mimicry
    ("{}_orig", None, None),  # somebody left the vectors out
    ("parametrizations.{}.original", None, None),
)
# further vectors and values that others store: BigGAN's other singular values, mimicry's sigma, a second application of torch's
FURTHER = r"u\d+|sv\d+|sn_sigma|parametrizations\.{}\.\d+\._[uv]"
UNIT = 1e-3  # how far from 1 the length of a vector may be; an average of several is further off, rounding to 16 bits is not
IN_STEP = 1e-3  # how far entries of v may be from those of W'u / |W'u|: products in TF32 are nearer, a step of training is not

Vectors = tuple[Any, Any]


def translate(
    state: dict[str, Any], prefix: str, parameter: str, one: "NormalizedWeight", own: Mapping[str, Tensor]
) -> bool | None:
    """Rename what other formats call the weight and its vectors, in place; fill in what they lack from `own`.

    Args:
        state: of the network or a part of it.
        prefix: the layer's, with a dot at its end.
        parameter: the weight's name in the layer.
        one: the normalized weight.
        own: names and tensors that normalization put on this layer for it; none where another layer has them.

    Returns:
        Whether the state had u and v of our own, usable as they are; None if it does not have the weight at all.
    """
    vectors = renamed(state, prefix, parameter)
    if prefix + parameter not in state:
        return None
    if not own:  # another layer's load has brought the very weight already, or its vectors are those of an older one
        return is_same(state[prefix + parameter], one.raw)
    known = all(prefix + name in state for name in own)
    for reading in one.readings:
        known &= made_usable(state, f"{prefix}{parameter}_", one, reading, vectors)
    for name, tensor in own.items():
        state.setdefault(prefix + name, tensor.detach().clone())
    return known


def renamed(state: dict[str, Any], prefix: str, parameter: str) -> Vectors | None:
    """Give a weight in another format our name and take out its vectors: -> (u, v), or None if it is in no other format."""
    if f"{prefix}module.{parameter}_bar" in state:  # the copied module holds the layer as `module`
        for key in [key for key in state if key.startswith(f"{prefix}module.")]:
            state[prefix + key.removeprefix(f"{prefix}module.")] = state.pop(key)
    for names in FORMATS:
        raw, u, v = (prefix + name.format(parameter) if name else "" for name in names)
        if all(key in state for key in (raw, u) if key):
            state[prefix + parameter] = state.pop(raw)
            further = re.compile(re.escape(prefix) + f"({FURTHER.format(parameter)})")
            found = state.pop(u, None), state.pop(v, None)
            for key in [key for key in state if further.fullmatch(key)]:
                del state[key]
            return found
    return None


def made_usable(state: dict[str, Any], start: str, one: "NormalizedWeight", reading: Reading, vectors: Vectors | None) -> bool:
    """Put vectors to start from into `state`, in the place of those of another format, of unusable or of missing ones.

    Returns:
        Whether there were vectors of our own that can stay. Those of a wrong shape stay too: torch reports them.
    """
    names, buffers = [f"{start}{kind}{reading.suffix}" for kind in "uv"], buffers_of(one, reading)
    if vectors is None and all(name in state for name in names):
        u, basis = found = [state[name] for name in names]
        if not all(isinstance(new, Tensor) and new.shape == old.shape for new, old in zip(found, buffers, strict=True)):
            return False
        if is_sound(u, basis, one.weight.blocks):
            return True
        vectors = u, basis[0]
    given = vectors or (None, None)  # theirs are of the kernel as a matrix; read otherwise, they are as good as random ones
    state.update(zip(names, starting(one, reading, state[start.removesuffix("_")], given), strict=True))
    return False


def is_same(new: Any, raw: Tensor) -> bool:
    """A weight in a state dict has the values of the one that is stored."""
    return isinstance(new, Tensor) and torch.equal(new.to(raw), raw)


def buffers_of(one: "NormalizedWeight", reading: Reading) -> tuple[Tensor, Tensor]:
    """The left vectors [G * M] and the basis [3, G * N] of a reading."""
    return one.buffer(f"u{reading.suffix}"), one.buffer(f"v{reading.suffix}")


def is_sound(u: Tensor, basis: Tensor, blocks: int) -> bool:
    """Vectors are finite, u and v of length 1."""
    lengths = torch.cat([vector.reshape(blocks, -1).double().norm(dim=1) for vector in (u, basis[0])])
    return bool(basis.isfinite().all() and ((lengths - 1).abs() < UNIT).all())


@torch.no_grad()
def are_in_step(one: "NormalizedWeight") -> bool:
    """v is the direction of W'u, as every refresh leaves it: u and v are those of the stored weight, not of an older one.

    Averaged weights come with the vectors of another network, and weights saved in the midst of an update with older ones.
    """
    for reading in one.readings:
        u, basis = buffers_of(one, reading)
        image = unit(reading.of(one.weight, one.raw.detach().to(u)).adjoint(u.unsqueeze(0))[0], basis[0], one.weight.blocks)
        if image is None or not torch.allclose(image, basis[0], rtol=0, atol=IN_STEP):
            return False
    return True


@torch.no_grad()
def starting(one: "NormalizedWeight", reading: Reading, weight: Any, given: Vectors) -> tuple[Tensor, Tensor]:
    """What to start from: (u, v) as far as given and usable, v from u where it is not, else what the network has.

    Returns:
        u [G * M] and the basis [3, G * N] with v in row 0.
    """
    old_u, basis = buffers_of(one, reading)
    u, v = unit(given[0], old_u, one.weight.blocks), unit(given[1], basis[0], one.weight.blocks)
    if v is None and u is not None and isinstance(weight, Tensor) and weight.shape == one.raw.shape:
        image = reading.of(one.weight, weight.detach().to(u)).adjoint(u.unsqueeze(0))[0]
        v = unit(image, basis[0], one.weight.blocks)
    return old_u.clone() if u is None else u, basis.clone() if v is None else led_by(v, basis, one.weight.blocks)


def unit(vector: Any, like: Tensor, blocks: int) -> Tensor | None:
    """A vector of each block brought to length 1; None if it has another size than `like`, is zero or not finite."""
    if not isinstance(vector, Tensor) or vector.numel() != like.numel():
        return None
    parts = vector.detach().reshape(blocks, -1).double()
    lengths = parts.norm(dim=1, keepdim=True)
    return (parts / lengths).flatten().to(like) if bool(((lengths > 0) & lengths.isfinite()).all()) else None


def led_by(v: Tensor, basis: Tensor, blocks: int) -> Tensor:
    """The basis with `v` in its first row and the others made orthonormal to it: [G * N], [3, G * N] -> [3, G * N]."""
    stacks = apart(basis, blocks).clone()  # [G, 3, N]
    stacks[:, 0] = v.reshape(blocks, -1)
    found = orthonormal(stacks).to(basis)
    found[:, 0] = stacks[:, 0]
    return beside(found)
