import pytest
import torch
import torch.nn.functional as F
from lint_setups import Own, adam, images, in_code, judge, names, normalized, painter, points, setup, swapped, viewer
from network_lint_cases import NETWORK_CASES
from torch import nn
from torch.nn.utils import spectral_norm as torch_hook

from steadygan.game import Networks
from steadygan.networks import Mlp
from steadygan.networks.base import Spec
from steadygan.planning.lints import Setup, lint
from steadygan.planning.lints.networks import typical_distance
from steadygan.spectral import spectral_norm


@pytest.mark.parametrize("name", NETWORK_CASES)
def test_a_network_lint_speaks_of_its_fault_and_of_no_near_miss(name):
    fault, near_misses = NETWORK_CASES[name]
    assert names(fault).count(name) == 1
    for near_miss in near_misses:
        assert name not in names(near_miss)


def test_a_sound_setup_gets_no_lint():
    assert names(setup()) == []
    assert names(setup(normalized(judge(), 2.0))) == []
    assert names(setup(viewer(), painter(nn.Tanh()), images())) == []


def test_every_lint_says_where_what_and_what_to_do():
    for fault, _ in NETWORK_CASES.values():
        for each in lint(fault):
            assert all((each.name, each.where, each.message, each.advice))
            assert str(each) == f"{each.where}: {each.message}; {each.advice}"


def test_one_fault_in_several_layers_is_one_lint():
    found = lint(setup(normalized(judge(*(nn.Dropout(0.5) for _ in range(5))), 2.0)))
    assert [each.name for each in found] == ["dropout_under_spectral_norm"]
    assert "2 more" in found[0].where


def test_batch_norm_in_code_is_seen():
    assert names(setup(Own(in_code, first=nn.Linear(2, 8), last=nn.Linear(8, 1)))) == ["batch_norm_in_discriminator"]


def test_both_players_are_looked_at():
    networks = setup().networks
    slow, fast = (adam(each, betas=(0.95, 0.99)) for each in (networks.discriminator, networks.generator))
    where = [each.where for each in lint(setup(optimizers=(slow, fast)))]
    assert where == ["discriminator.optimizer, generator.optimizer"]
    assert lint(setup(swapped(judge(nn.LayerNorm(16), nn.Dropout(0.5)))))[0].where == "discriminator"


@pytest.mark.parametrize(
    ("real", "generator", "said"),
    [
        (images(-1, 3), painter(nn.Tanh()), "48% of the data's numbers lie outside, in -1..3"),
        (images(0, 1), painter(nn.Tanh()), "the data fill 7.97e-05..1"),
        (images(-0.1, 0.1), painter(nn.Tanh()), "the data fill -0.1..0.1"),
        (images(-1, 1), painter(nn.Sigmoid()), "of the data's numbers lie outside"),
        (points(2000.0), None, "as wide"),
        (points(20.0) + 1000, None, "times as far from the data's mean"),
        (points(0.05), None, "times as far from the data's mean"),
    ],
)
def test_output_range_says_what_is_off(real, generator, said):
    found = lint(setup(viewer() if real.dim() == 4 else judge(), generator, real))
    assert [each.name for each in found] == ["output_range"]
    assert said in found[0].message


@pytest.mark.parametrize(("kernel", "stride", "dilation", "uneven"), [(4, 2, 2, True), (3, 3, 2, False), (4, 3, 1, True)])
def test_taps_are_counted_under_dilation(kernel, stride, dilation, uneven):
    layer = nn.ConvTranspose2d(1, 1, kernel, stride, dilation=dilation)
    written = F.conv_transpose2d(torch.ones(1, 1, 24, 24), torch.ones_like(layer.weight), stride=stride, dilation=dilation)
    inner = written[..., 16:-16, 16:-16]
    assert bool((inner != inner.mean()).any()) is uneven
    found = names(setup(generator=painter(layer)))
    assert ("uneven_transposed_convolution" in found) is uneven


@pytest.mark.parametrize("seed", [3, 11, 12, 28])  # whose first two calls differ by 0.36 to 0.7
def test_vectors_that_move_in_each_call_come_to_rest_first(seed):
    torch.manual_seed(seed)
    convolutions = [torch_hook(nn.Conv2d(1, 16, 4, 2, 1)), nn.ReLU(), torch_hook(nn.Conv2d(16, 32, 4, 2, 1)), nn.ReLU()]
    network = nn.Sequential(*convolutions, nn.Flatten(), torch_hook(nn.Linear(128, 1)), nn.Flatten(0))
    assert names(Setup(Networks(painter(nn.Tanh()), network), real=images())) == []


def test_only_points_have_a_typical_distance():
    assert typical_distance(images()) == torch.inf
    assert typical_distance(torch.tensor([[0.0], [1.0], [3.0]])) == 2


def test_no_graph_is_kept():
    looked = setup()
    assert not looked.fakes[0].requires_grad
    assert not looked.answers.logits.requires_grad


def test_the_starved_discriminator_is_measured_in_its_own_units():
    spec, far = Spec(shape=(2,), z_dim=2), points(100.0)
    for scale, found in ((100.0, True), (1.0, False)):
        networks = Mlp(scale=scale).build(spec)
        spectral_norm(networks.discriminator)
        assert ("starved_discriminator" in names(setup(networks.discriminator, networks.generator, far))) is found
