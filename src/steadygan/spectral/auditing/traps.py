"""The known traps, one function each: -> a caution for each place that stands in it. `TRAPS` at the end is all of them."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from torch import nn

from steadygan.spectral.auditing.cautions import Caution, Scene, shown, stored
from steadygan.spectral.auditing.coverage import OWN_CODE, Subject, normalizers, tensor_names
from steadygan.spectral.auditing.inplace import overwritten
from steadygan.spectral.auditing.trap_layers import attention, batch_norm, dropout, instance_norm, layer_norm
from steadygan.spectral.matrix import TRANSPOSED

STALE = 0.1  # by how much more than this a layer may be steeper than promised: a few percent are normal while training
GAINS = ("weight_gain", "w_mul", "lr_mul", "lrmul", "lr_multiplier", "scale", "gain")
EMPTY: Mapping[str, str] = MappingProxyType({})
Trap = Callable[[Scene], Iterator[Caution]]


def damaged(scene: Scene) -> Iterator[Caution]:
    """Weights that are zero or not finite."""
    for label, sigma in scene.sigmas.items():
        if sigma is None:
            why = "the weight as the layer reads it holds NaN or infinity; torch's spectral norm makes NaN of a zero weight too"
            yield Caution(label, "weight not finite", why, "initialize the layer again, or load an earlier checkpoint")
        elif sigma == 0:
            why = "every entry is 0: the layer passes nothing on, and torch's spectral norm would divide by 0"
            yield Caution(label, "zero weight", why, "initialize the layer, unless it is meant to start at zero")


def stale(scene: Scene) -> Iterator[Caution]:
    """Weights much steeper than their normalization promises."""
    for label, error in scene.errors.items():
        if error > STALE:
            why = (
                f"its norm is {error:.0%} above what is promised: u and v lag behind the weight, as after loading one without "
                "the other, or averaging u and v (miles-credit #394: -6% sigma a layer, and the loss exploded)"
            )
            yield Caution(
                label, "sigma far from promised", why, "run power iterations until it stands still; never average u, v"
            )


def uncovered(scene: Scene) -> Iterator[Caution]:
    """Weights that an otherwise normalized network leaves out."""
    bare = [subject for subject in scene.weights if not subject.coverage.by]
    last = last_weight(scene) if bare else None
    special = {}
    for subject in bare:
        if isinstance(subject.layer, nn.Embedding | nn.EmbeddingBag):
            special[shown(subject.name)] = "uncovered embedding"
        elif subject is last:
            special[shown(subject.name)] = "uncovered last layer"
    named = [(shown(subject.name), subject.coverage.reason) for subject in bare]
    yield from left_out(named, len(scene.normalized), special)


def left_out(bare: list[tuple[str, str]], normalized: int, special: Mapping[str, str] = EMPTY) -> Iterator[Caution]:
    """Cautions for the weights (name, reason) that nothing normalizes beside others; `special` names the trap of some."""
    if not bare or not normalized:
        return
    if normalized < len(bare):
        why = f"{normalized} of {normalized + len(bare)} weights are normalized: the others are free to grow"
        yield Caution(listed([name for name, _ in bare]), "mostly uncovered", why, "normalize all, or count on no bound")
        return
    for name, reason in bare:
        why = (
            "a product of norms is bounded only if each of them is, and this one is free to grow "
            f"({reason}); Miyato et al. 2018, arXiv:1802.05957, normalize every layer"
        )
        yield Caution(name, special.get(name, "uncovered layer"), why, "normalize it too")


def last_weight(scene: Scene) -> Subject:
    """The weight that is read last: in the forward pass where there was one, else in the order of the network."""
    called = list(scene.rehearsal.shapes) if scene.rehearsal else []
    ranks = {id(scene.module.get_submodule(name)): rank for rank, name in enumerate(called)}
    places = [ranks.get(id(subject.layer), -1) for subject in scene.weights] if called else range(len(scene.weights))
    return scene.weights[max(range(len(scene.weights)), key=lambda index: places[index])]


def twice(scene: Scene) -> Iterator[Caution]:
    """Weights with two spectral normalizations."""
    for subject in scene.normalized:
        found = len(normalizers_of(subject)) + (subject.coverage.by in ("ours", *OWN_CODE.values()))
        if found > 1:
            why = (
                f"{found} spectral norms stand one behind the other: torch stacks them in silence, and only the last one counts"
            )
            yield Caution(shown(subject.name), "spectral norm applied twice", why, "remove one")


def normalizers_of(subject: Subject) -> list[object]:
    """Torch's spectral normalizations of a subject's weight."""
    return list(normalizers(subject.layer, subject.weight.parameter)) if subject.weight else []


def wrong_axis(scene: Scene) -> Iterator[Caution]:
    """Transposed convolutions whose input channels are taken for the output."""
    for subject in scene.normalized:
        dims = [getattr(each, "dim", 1) for each in normalizers_of(subject)]
        if isinstance(subject.layer, TRANSPOSED) and any(dim != 1 for dim in dims):
            why = (
                "a transposed kernel is stored as input x output: with dim=0 the matrix [in, out * k] is normalized, whose "
                "norm was 0.4 to 1.0 times that of the map in networks that we measured"
            )
            yield Caution(shown(subject.name), "transposed convolution with dim=0", why, "pass dim=1, torch's own default")


def one_for_all(scene: Scene) -> Iterator[Caution]:
    """Groups, or queries, keys and values, under one norm of torch's."""
    for subject in scene.normalized:
        if subject.weight is None or subject.weight.blocks == 1 or not normalizers_of(subject):
            continue
        parts = "queries, keys and values" if subject.weight.apart else "groups"
        why = (
            f"torch divides all {parts} by the norm of their stack, which is larger than that of any one: "
            "0.856 against 0.752 in a grouped convolution that we measured"
        )
        yield Caution(
            shown(subject.name), "one sigma for several maps", why, "normalize with steadygan, which takes them apart"
        )


def vectors(scene: Scene) -> Iterator[Caution]:
    """1-d parameters under torch's spectral norm."""
    for name, layer in scene.module.named_modules():
        for parameter in tensor_names(layer):
            if normalizers(layer, parameter) and getattr(layer, parameter).dim() < 2:
                why = "torch takes a vector for a matrix of one row in silence and divides it by its length"
                yield Caution(f"{shown(name)}.{parameter}", "spectral norm of a vector", why, "normalize matrices only")


def decayed(scene: Scene) -> Iterator[Caution]:
    """Normalized weights that the optimizer decays."""
    groups = scene.optimizer.param_groups if scene.optimizer else []
    rates = {id(parameter): group.get("weight_decay", 0) for group in groups for parameter in group["params"]}
    places = [shown(subject.name) for subject in scene.normalized if rates.get(id(stored(subject)), 0)]
    if places:
        why = (
            "W / sigma does not change when W shrinks: decay does not regularize it but raises its effective learning rate "
            "(van Laarhoven 2017, arXiv:1706.05350)"
        )
        yield Caution(listed(places), "weight decay under spectral norm", why, "decay only what is not normalized, if anything")


def equalized(scene: Scene) -> Iterator[Caution]:
    """Normalized weights that their layer multiplies by a gain at runtime: seen by the usual names only."""
    for subject in scene.normalized:
        holders = [subject.layer, *subject.layer._forward_pre_hooks.values()]
        values = [(name, vars(each)[name]) for each in holders for name in GAINS if name in getattr(each, "__dict__", {})]
        for name, gain in [(name, value) for name, value in values if isinstance(value, float) and value != 1][:1]:
            why = (
                f"the layer has {name} = {gain:.3g}, as for an equalized learning rate (Karras et al. 2018, arXiv:1710.10196, "
                f"section 4.1): if it multiplies the weight after the normalization, the layer's norm is {gain:.3g} and not 1"
            )
            yield Caution(shown(subject.name), "equalized learning rate under spectral norm", why, "use one of the two")


def wasserstein(scene: Scene) -> Iterator[Caution]:
    """A Wasserstein loss on a network whose every layer is brought to 1."""
    tight = all((promised or 0) <= 1 for subject in scene.normalized for promised in subject.coverage.promised)
    if scene.normalized and tight and "wasserstein" in (scene.loss or "").lower():
        why = (
            "spectral norm bounds slopes but does not keep them at the bound: with ReLU each layer of norm 1 loses some, the "
            "distance comes out too small and the generator's gradient with it (Anil et al. 2019, arXiv:1811.05381)"
        )
        advice = "a coefficient above 1, a gradient penalty instead, or the hinge loss"
        yield Caution("(the network)", "Wasserstein loss without a gain", why, advice)


def listed(places: list[str], most: int = 3) -> str:
    """The first few names, and how many more."""
    more = len(places) - most
    return ", ".join(places[:most]) + (f" and {more} more" if more > 0 else "")


def overwriting(scene: Scene) -> Iterator[Caution]:
    """Operations in place on a tensor that is read again."""
    for place in dict.fromkeys(overwritten(scene.module)):
        why = (
            "it overwrites its input, which is read again behind it: the skip path carries what is left (BigGAN-PyTorch says "
            "of its block: 'must be an out-of-place ReLU'); autograd does not notice, as a sum saves nothing"
        )
        yield Caution(place, "in-place operation on a skip path", why, "inplace=False there")


TRAPS: tuple[Trap, ...] = (
    damaged,
    stale,
    uncovered,
    batch_norm,
    instance_norm,
    layer_norm,
    attention,
    dropout,
    overwriting,
    twice,
    wrong_axis,
    one_for_all,
    vectors,
    decayed,
    equalized,
    wasserstein,
)
