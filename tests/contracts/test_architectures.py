"""What every architecture in the table promises, for many shapes of data; a new row is tested with no new test code."""

import copy
import itertools

import pytest
import torch
from torch import nn

from steadygan.errors import ConfigError, NetworkError
from steadygan.game import Networks, judged
from steadygan.networks import ARCHITECTURES, Spec

torch.set_num_threads(1)

IMAGES = [(1, 8, 8), (3, 12, 12), (4, 20, 20), (1, 28, 28), (3, 32, 32), (3, 48, 48), (2, 64, 64), (1, 100, 100)]
NAMES = list(ARCHITECTURES)
SHAPES = [(2,), (5,), *IMAGES]
CONDITIONINGS = ["projection", "concat", "ac", "none"]
NORMS = ["none", "batch", "layer", "group", "instance"]
B, K, Z = 4, 3, 6
LABEL = torch.tensor([0, 1, 2, 1])


def build(name: str, shape: tuple[int, ...], n_classes: int = 0, **settings: object) -> Networks:
    """A narrow network of that architecture."""
    narrow = {field: 8 for field in ARCHITECTURES[name].model_fields if field.startswith("width")}
    architecture = ARCHITECTURES.build({"name": name, **narrow, **settings})
    torch.manual_seed(0)
    return architecture.build(Spec(shape=shape, n_classes=n_classes, z_dim=Z))


def serves(name: str, shape: tuple[int, ...], **settings: object) -> bool:
    """Whether that architecture can be built at all; points may be refused, and by name."""
    try:
        build(name, shape, **settings)
    except ConfigError as error:
        if "points" in str(error) or "need images" in str(error):
            return False
        raise
    return True


def noise(shape: tuple[int, ...], n: int = B) -> torch.Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def latents(n: int = B) -> torch.Tensor:
    return torch.randn(n, Z, generator=torch.Generator().manual_seed(2))


CASES = [(name, shape) for name in NAMES for shape in SHAPES if len(shape) == 3 or serves(name, shape)]
NORMED = [(name, norm) for name in NAMES for norm in NORMS if serves(name, (1, 16, 16), norm_discriminator=norm)]


def check_game(networks: Networks, shape: tuple[int, ...], label: torch.Tensor | None) -> None:
    fake = networks.generator(latents(), label)
    assert fake.shape == (B, *shape)
    assert fake.dtype == torch.float32
    assert torch.isfinite(fake).all()
    if len(shape) == 3:
        assert fake.abs().max() <= 1
    logits = judged(networks.discriminator, fake, label)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_shapes_and_ranges_with_classes(name, conditioning, shape):
    check_game(build(name, shape, K, conditioning=conditioning), shape, LABEL)


@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_shapes_and_ranges_without_classes(name, shape):
    networks = build(name, shape)
    check_game(networks, shape, None)
    assert networks.generator.z_dim == Z


@pytest.mark.parametrize("of_generator", NORMS)
@pytest.mark.parametrize(("name", "norm"), NORMED)
def test_every_norm_serves_images(name, norm, of_generator):
    pair = {"norm_generator": of_generator, "norm_discriminator": norm}
    if serves(name, (1, 16, 16), norm_generator=of_generator):
        check_game(build(name, (1, 16, 16), K, **pair), (1, 16, 16), LABEL)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_first_weights(name):
    first, second = (build(name, (1, 8, 8), K) for _ in range(2))
    for player in ("generator", "discriminator"):
        one, other = getattr(first, player).state_dict(), getattr(second, player).state_dict()
        assert all(torch.equal(one[key], other[key]) for key in one | other)
    torch.manual_seed(1)
    third = ARCHITECTURES.build(name).build(Spec(shape=(1, 8, 8), z_dim=Z))
    fourth = ARCHITECTURES.build(name).build(Spec(shape=(1, 8, 8), z_dim=Z))
    assert not torch.equal(third.generator(latents()), fourth.generator(latents()))


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize(("name", "shape"), [case for case in CASES if case[1] in [(2,), (3, 12, 12)]], ids=str)
def test_gradients_reach_every_parameter(name, shape, conditioning):
    """A bias that a normalization subtracts again may get a gradient of exactly 0; matrices and tables may not."""
    networks = build(name, shape, K, conditioning=conditioning)
    logits = networks.discriminator(networks.generator(latents(), LABEL), LABEL)
    total = (logits * torch.tensor([1.0, -2.0, 3.0, 0.5])).sum()  # unequal weights: batch norm passes on no constant gradient
    if conditioning == "ac":
        scores = networks.discriminator.classify(networks.generator(latents(), LABEL))
        assert scores.shape == (B, K)
        total = total + nn.functional.cross_entropy(scores, LABEL)
    total.backward()
    for player in (networks.generator, networks.discriminator):
        for key, parameter in player.named_parameters():
            assert parameter.grad is not None, key
            assert torch.isfinite(parameter.grad).all(), key
            if parameter.dim() > 1:
                assert parameter.grad.flatten(1).norm(dim=1).max() > 0, key
            if key.endswith(("scale", "shift")):  # class tables: a row a class, and each class is in the batch
                assert parameter.grad.norm(dim=1).min() > 0, key


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("conditioning", ["projection", "concat"])
def test_a_class_conditional_player_demands_one_label_for_each_example(name, conditioning):
    networks = build(name, (1, 8, 8), K, conditioning=conditioning)
    for player, given in ((networks.generator, latents()), (networks.discriminator, noise((1, 8, 8)))):
        with pytest.raises(NetworkError, match="got no label"):
            player(given)
        with pytest.raises(NetworkError, match=r"label must be \[B\] = \[4\], got \[4, 1\]"):
            player(given, LABEL[:, None])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("conditioning", ["projection", "concat"])
def test_the_label_changes_the_judgement(name, conditioning):
    discriminator = build(name, (1, 8, 8), K, conditioning=conditioning).discriminator
    images = noise((1, 8, 8))
    assert (discriminator(images, LABEL) != discriminator(images, (LABEL + 1) % K)).all()


@pytest.mark.parametrize("name", NAMES)
def test_without_conditioning_the_label_is_ignored(name):
    networks = build(name, (1, 8, 8), K, conditioning="none")
    assert torch.equal(networks.generator(latents(), LABEL), networks.generator(latents()))
    images = noise((1, 8, 8))
    assert torch.equal(networks.discriminator(images, LABEL), networks.discriminator(images))


@pytest.mark.parametrize("name", NAMES)
def test_only_an_auxiliary_classifier_has_classify_and_its_logits_need_no_label(name):
    images = noise((1, 8, 8))
    auxiliary = build(name, (1, 8, 8), K, conditioning="ac").discriminator
    assert torch.equal(auxiliary(images), auxiliary(images, LABEL))
    assert not hasattr(build(name, (1, 8, 8), K).discriminator, "classify")


@pytest.mark.parametrize(("name", "norm"), NORMED)
def test_the_gradient_of_a_gradient_penalty_is_right(name, norm):
    """Double backward through the discriminator: the penalty's slope along a random direction against central differences.

    In float64 with h = 1e-7, truncation is of order h^2 = 1e-14 and rounding of order 1e-16 / h = 1e-9 of the penalty. It
    jumps where a ReLU has its kink; with a few thousand units, h must be this small for none to lie within it.
    """
    discriminator = build(name, (1, 16, 16), K, norm_discriminator=norm).discriminator.double()
    images = noise((1, 16, 16)).double().requires_grad_(True)
    parameters = list(discriminator.parameters())
    random = torch.Generator().manual_seed(3)
    direction = [torch.randn(p.shape, generator=random, dtype=torch.float64) for p in parameters]

    def penalty() -> torch.Tensor:
        (gradient,) = torch.autograd.grad(discriminator(images, LABEL).sum(), images, create_graph=True)
        return gradient.square().sum()

    slopes = torch.autograd.grad(penalty(), parameters, allow_unused=True)
    exact = sum((s * d).sum() for s, d in zip(slopes, direction, strict=True) if s is not None)
    values, h = [], 1e-7
    for sign in (1, -2):
        with torch.no_grad():
            for parameter, d in zip(parameters, direction, strict=True):
                parameter += sign * h * d
        values.append(penalty().item())
    numeric = (values[0] - values[1]) / (2 * h)
    assert abs(numeric) > 1e-3  # or the comparison would show nothing
    assert float(exact) == pytest.approx(numeric, rel=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_under_bfloat16_both_players_still_speak_float32(name):
    networks = build(name, (3, 12, 12), K)
    with torch.autocast("cpu", torch.bfloat16):
        check_game(networks, (3, 12, 12), LABEL)
        logits = networks.discriminator(noise((3, 12, 12)), LABEL)
    assert (logits != logits.bfloat16().float()).any()  # not rounded to three digits at the end


@pytest.mark.parametrize("name", NAMES)
def test_channels_last_changes_only_the_layout(name):
    """The same sums in another order: float32 rounding, 6e-8 a term, over about a thousand terms a layer."""
    networks = build(name, (3, 32, 32), K)
    plain = networks.discriminator(networks.generator(latents(), LABEL), LABEL)
    for player in (networks.generator, networks.discriminator):
        player.to(memory_format=torch.channels_last)
    fake = networks.generator(latents(), LABEL).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(networks.discriminator(fake, LABEL), plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_compiles_to_one_graph(name):
    """`fullgraph` refuses any control flow that depends on data."""
    networks = build(name, (1, 8, 8), K)
    torch.compiler.reset()
    generator, discriminator = (
        torch.compile(player, backend="eager", fullgraph=True) for player in (networks.generator, networks.discriminator)
    )
    assert discriminator(generator(latents(), LABEL).detach(), LABEL).shape == (B,)


@pytest.mark.parametrize("name", NAMES)
def test_no_layer_works_in_place_and_no_kernel_makes_checkerboards(name):
    """An in-place ReLU overwrites what a shortcut is about to carry; a stride that does not divide the kernel paints a grid."""
    networks = build(name, (3, 32, 32), K)
    for module in itertools.chain(networks.generator.modules(), networks.discriminator.modules()):
        assert not getattr(module, "inplace", False)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert all(size % stride == 0 for size, stride in zip(module.kernel_size, module.stride, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_as_they_were(name):
    networks = build(name, (1, 8, 8), K)
    z, images = latents(), noise((1, 8, 8))
    networks.generator(z, LABEL), networks.discriminator(images, LABEL)
    assert torch.equal(z, latents())
    assert torch.equal(images, noise((1, 8, 8)))


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_independent_and_a_reload_is_the_same(name):
    networks = build(name, (1, 8, 8), K)
    twin = copy.deepcopy(networks.generator)
    fresh = build(name, (1, 8, 8), K).generator
    with torch.no_grad():
        for parameter in networks.generator.parameters():
            parameter += 1
    fresh.load_state_dict(networks.generator.state_dict())
    changed = networks.generator.eval()(latents(), LABEL)
    assert torch.equal(fresh.eval()(latents(), LABEL), changed)
    assert not torch.equal(twin.eval()(latents(), LABEL), changed)


@pytest.mark.parametrize("name", NAMES)
def test_settings_survive_being_written_down(name):
    part = ARCHITECTURES.build(name)
    assert ARCHITECTURES.build(part.spec()) == part
