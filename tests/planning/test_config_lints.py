import pytest
import torch
from config_lint_cases import CLASSES, CONFIG_CASES, HELD, IMAGES, SN, with_rates
from lint_setups import judge, names, normalized, points, points_config, setup, viewer
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm as torch_parametrization

from steadygan.assembly import assemble, open_data
from steadygan.augmentation import DiffAugment, Flip
from steadygan.data.source import Dataset
from steadygan.game import Networks
from steadygan.launch import lints_of
from steadygan.losses import Wasserstein
from steadygan.networks import Dcgan
from steadygan.networks.base import Spec
from steadygan.planning.lints import Setup, lint
from steadygan.stabilizers import (
    R1,
    AuxiliaryClassifier,
    Orthogonality,
    SpectralNormalization,
    WeightClipping,
)
from steadygan.training.optimizers import Adam
from steadygan.training.precision import Choice


def found_in(settings):
    config = points_config(**settings)
    game = assemble(config, open_data(config), Choice("float32", 1, ""))
    return [each.name for each in lints_of(game)]


@pytest.mark.parametrize("name", CONFIG_CASES)
def test_a_config_lint_speaks_of_its_fault_and_of_no_near_miss(name):
    fault, near_misses = CONFIG_CASES[name]
    assert found_in({**HELD, **fault}).count(name) == 1
    for near_miss in near_misses:
        assert name not in found_in({**HELD, **near_miss})


@pytest.mark.parametrize(
    "stabilizer", [SpectralNormalization(on="generator"), SpectralNormalization(mode="measure"), Orthogonality()]
)
def test_what_does_not_touch_the_discriminator_does_not_hold_it(stabilizer):
    assert found_in({"stabilizers": (stabilizer,)}) == ["unregularized_discriminator"]


def test_the_faster_player_is_named():
    slow, fast = Adam(learning_rate=1e-4), Adam(learning_rate=1e-3)
    for rates, faster in ((with_rates(fast, slow), "discriminator"), (with_rates(slow, fast), "generator")):
        config = points_config(**HELD, **rates)
        found = lints_of(assemble(config, open_data(config), Choice("float32", 1, "")))
        assert [each.where for each in found] == [f"{faster}.optimizer.learning_rate"]
        assert "10 times as fast" in found[0].message


def test_the_traps_are_told_the_loss():
    tight = {"stabilizers": (SpectralNormalization(),), "loss": Wasserstein()}
    assert found_in(tight) == ["wasserstein_loss_without_a_gain", "starved_discriminator"]


def looked_at(config, dataset, discriminator=None):
    torch.manual_seed(0)
    networks = config.network.build(Spec(shape=dataset.shape, n_classes=0, z_dim=8))
    return names(Setup(Networks(networks.generator, discriminator or networks.discriminator)), config, dataset)


def test_an_auxiliary_classifier_does_not_hold_the_discriminator():
    config = points_config(network=Dcgan(width=4), stabilizers=(AuxiliaryClassifier(),))
    assert looked_at(config, Dataset("x", IMAGES)) == ["unregularized_discriminator"]


def test_a_network_may_be_normalized_by_its_own_code():
    config = points_config(network=Dcgan(width=4), stabilizers=())
    own = viewer()
    for layer in list(own.modules()):
        if hasattr(layer, "weight"):
            torch_parametrization(layer)
    assert looked_at(config, Dataset("x", IMAGES), own) == []
    assert looked_at(config.with_(loss=Wasserstein()), Dataset("x", IMAGES), own) == []


def test_few_images_want_augmentation():
    config = points_config(network=Dcgan(width=4), stabilizers=(SN,))
    few = Dataset("x", IMAGES[:499])
    assert looked_at(config, few) == ["few_images"]
    assert looked_at(config.with_(augmentations=(Flip(),)), few) == ["few_images"]
    assert looked_at(config.with_(augmentations=(DiffAugment(),)), few) == []
    assert looked_at(config, Dataset("x", IMAGES[:500])) == []
    assert looked_at(points_config(stabilizers=(SN,)), Dataset("x", points())) == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (torch.zeros(600, dtype=torch.int64), "every label is 0, of 3 classes"),
        (torch.full((600,), 2), "every label is 2, of 3 classes"),
        (torch.arange(600) % 2, "no example of bag, of 3 classes"),
        (torch.arange(600) % 3, None),
        (None, None),
    ],
)
def test_labels_name_every_class(labels, said):
    config = points_config(network=Dcgan(width=4), stabilizers=(SN,))
    networks = config.network.build(Spec(shape=(1, 8, 8), z_dim=8))
    found = lint(Setup(networks), config, Dataset("x", IMAGES, labels, CLASSES if labels is not None else ()))
    assert [each.message.split(";")[0] for each in found] == ([said] if said else [])


def test_dropout_under_a_gradient_penalty():
    penalized, plain = (points_config(stabilizers=(each,)) for each in (R1(), WeightClipping()))
    name, dropping, real = "dropout_under_gradient_penalty", judge(nn.Dropout(0.5)), Dataset("x", points())
    assert name in names(setup(dropping), penalized, real)
    assert name not in names(setup(dropping), plain, real)
    assert name not in names(setup(judge(nn.Dropout(0.0))), penalized, real)
    assert name not in names(setup(normalized(dropping, 2.0)), penalized, real)  # the audit's trap says it
