"""Plain convolutional players."""

import pytest
import torch
from torch import nn

from steadygan.networks import Dcgan, Spec

torch.set_num_threads(1)


def convolutions(module: nn.Module) -> list[tuple[int, int, int, int]]:
    """(channels in, out, kernel, stride) of each convolution, in order."""
    found = (layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d))
    return [(conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.stride[0]) for conv in found]


def test_the_small_network_for_28_pixels():
    networks = Dcgan(width=24).build(Spec(shape=(1, 28, 28), n_classes=10, z_dim=64))
    assert convolutions(networks.generator) == [(96, 48, 4, 2), (48, 1, 4, 2)]
    assert convolutions(networks.discriminator) == [(1, 48, 4, 2), (48, 96, 4, 2)]
    assert networks.discriminator.head.linear.in_features == 96 * 49


def test_extra_layers_give_the_cnn_of_the_sngan_paper():
    networks = Dcgan(width=64, extra_layers=True).build(Spec(shape=(3, 32, 32)))
    assert convolutions(networks.generator) == [(512, 256, 4, 2), (256, 128, 4, 2), (128, 64, 4, 2), (64, 3, 3, 1)]
    assert convolutions(networks.discriminator) == [
        (3, 64, 3, 1),
        (64, 128, 4, 2),
        (128, 128, 3, 1),
        (128, 256, 4, 2),
        (256, 256, 3, 1),
        (256, 512, 4, 2),
        (512, 512, 3, 1),
    ]
    assert networks.generator.stem.linear.out_features == networks.discriminator.head.linear.in_features == 4 * 4 * 512


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_extra_layers_can_go_to_one_player(player):
    spec = Spec(shape=(1, 28, 28))
    one, both, none = (Dcgan(width=8, extra_layers=extra).build(spec) for extra in (player, True, False))
    other = "generator" if player == "discriminator" else "discriminator"
    assert convolutions(getattr(one, player)) == convolutions(getattr(both, player)) != convolutions(getattr(none, player))
    assert convolutions(getattr(one, other)) == convolutions(getattr(none, other))


def test_sum_pooling_leaves_one_number_a_channel():
    discriminator = Dcgan(width=8, pooling="sum").build(Spec(shape=(1, 28, 28))).discriminator
    assert discriminator.head.linear.in_features == 32


def test_label_planes_stand_beside_a_projection():
    spec = Spec(shape=(1, 28, 28), n_classes=10)
    discriminator = Dcgan(width=8, label_planes=3).build(spec).discriminator
    assert convolutions(discriminator)[0] == (1 + 3, 16, 4, 2)
    assert discriminator.head.embedding is not None


@pytest.mark.parametrize(("extra_layers", "classes"), [(False, [10, 10]), (True, [10, 10, 0])])
def test_the_class_enters_where_the_size_doubles(extra_layers, classes):
    spec = Spec(shape=(1, 28, 28), n_classes=10)
    generator = Dcgan(width=8, extra_layers=extra_layers).build(spec).generator
    assert [block.norm.n_classes for block in generator.blocks] == classes


def test_an_auxiliary_classifier_sees_no_label_planes():
    """It would be asked for the class that it was just shown."""
    spec = Spec(shape=(1, 28, 28), n_classes=10)
    discriminator = Dcgan(width=8, conditioning="ac", label_planes=3).build(spec).discriminator
    assert convolutions(discriminator)[0] == (1, 16, 4, 2)
    assert discriminator.classify(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_the_widest_layer_is_capped():
    discriminator = Dcgan(width=8, max_width=20).build(Spec(shape=(1, 32, 32))).discriminator
    assert convolutions(discriminator) == [(1, 16, 4, 2), (16, 20, 4, 2), (20, 20, 4, 2)]


@pytest.mark.parametrize(("n_classes", "asked", "planes"), [(10, 0, 10), (1000, 0, 16), (10, 2, 2)])
def test_concat_spends_a_plane_a_class_and_at_most_16(n_classes, asked, planes):
    spec = Spec(shape=(1, 28, 28), n_classes=n_classes)
    discriminator = Dcgan(width=8, conditioning="concat", label_planes=asked).build(spec).discriminator
    assert convolutions(discriminator)[0][0] == 1 + planes
    assert discriminator.head.embedding is None


def test_the_first_layer_of_the_discriminator_is_never_normalized():
    discriminator = Dcgan(width=8, norm_discriminator="batch").build(Spec(shape=(1, 32, 32))).discriminator
    names = [name for name, module in discriminator.body.named_children() if isinstance(module, nn.BatchNorm2d)]
    assert names == ["norm2", "norm3"]


@pytest.mark.parametrize("extra_layers", [False, True])
def test_a_layer_in_front_of_batch_norm_has_no_bias_and_the_last_has_one(extra_layers):
    generator = Dcgan(width=8, extra_layers=extra_layers).build(Spec(shape=(1, 28, 28))).generator
    assert [block.layer.bias is None for block in generator.blocks] == [True] * (len(generator.blocks) - 1) + [False]
