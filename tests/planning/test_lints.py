import json
import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm as torch_hook
from torch.nn.utils.parametrizations import spectral_norm as torch_parametrization

from steadygan.assembly import assemble, open_data
from steadygan.augmentation import DiffAugment, Flip
from steadygan.cli import check
from steadygan.config import Config, Player
from steadygan.data.source import Dataset
from steadygan.data.toy import Ring
from steadygan.game import Networks
from steadygan.launch import linted_start, lints_of
from steadygan.losses import Hinge, LeastSquares, Wasserstein
from steadygan.networks import Dcgan, Mlp
from steadygan.networks.base import Spec
from steadygan.planning.lints import CONFIG_LINTS, NETWORK_LINTS, OUTPUT_LINTS, Setup, lint
from steadygan.planning.lints.networks import typical_distance
from steadygan.recipes import RECIPES
from steadygan.spectral import spectral_norm
from steadygan.stabilizers import (
    R1,
    AuxiliaryClassifier,
    GradientPenalty,
    InstanceNoise,
    Orthogonality,
    SpectralNormalization,
    WeightClipping,
)
from steadygan.training.loop import train_steps
from steadygan.training.optimizers import Adam, AdamW
from steadygan.training.precision import Choice

B = 32


class Own(nn.Module):
    """A network whose forward pass is `function(self, x)`."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x, label=None):
        return self.function(self, x)


def points(spacing=1.0):
    """[B, 2], standard normal times `spacing`: two of them lie about 1.7 * spacing apart."""
    return spacing * torch.randn(B, 2, generator=torch.Generator().manual_seed(0))


def images(low=-1.0, high=1.0):
    return torch.rand(B, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * (high - low) + low


def chain(*layers):
    torch.manual_seed(0)
    return Own(lambda self, x: self.body(x), body=nn.Sequential(*layers))


def judge(*middle, end=None):
    """A discriminator of points."""
    return chain(nn.Linear(2, 16), nn.ReLU(), *middle, nn.Linear(16, 1), *((nn.Flatten(0),) if end is None else end))


def viewer(*middle):
    """A discriminator of images."""
    return chain(nn.Conv2d(1, 4, 3), nn.ReLU(), *middle, nn.Flatten(), nn.Linear(144, 1), nn.Flatten(0))


def normalized(network, coefficient=1.0, **options):
    spectral_norm(network, coefficient, **options)
    return network


def setup(discriminator=None, generator=None, real=None, optimizers=(None, None), loss="hinge"):
    real = points(20.0) if real is None else real
    generator = generator or chain(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    z = torch.randn(len(real), 2, generator=torch.Generator().manual_seed(1)) * 20
    return Setup(Networks(generator, discriminator or judge()), optimizers, real, None, z, loss)


def painter(*end, gain=1.0):
    """A generator of images from points."""
    layers = (nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8)), *end)
    return Own(lambda self, z: gain * self.body(z) if gain != 1 else self.body(z), body=nn.Sequential(*layers))


def adam(network, **options):
    return torch.optim.Adam(network.parameters(), **options)


def decayed(**groups):
    """A normalized discriminator and Adam with the weight decay of each kind of its parameters."""
    network = normalized(judge(), 2.0)
    kinds = {"weight": [], "bias": []}
    for name, parameter in network.named_parameters():
        kinds[name.rpartition(".")[2]].append(parameter)
    parameters = [{"params": kinds[kind], "weight_decay": decay} for kind, decay in groups.items()]
    return setup(network, optimizers=(torch.optim.Adam(parameters), None))


def swapped(network):
    return network.eval()


def by_mode(self, x):
    return self.body(x) + 10 * self.training


def in_code(self, x):
    features = self.first(x)
    return self.last(F.batch_norm(features, None, None, training=True)).flatten()


def momentum(beta1):
    network = judge()
    return setup(network, optimizers=(adam(network, betas=(beta1, 0.9)), None))


# lint -> (a setup that it speaks of, setups that it is silent about)
NETWORK_CASES = {
    "batch_norm_in_discriminator": (
        setup(judge(nn.BatchNorm1d(16))),
        [setup(judge(nn.LayerNorm(16))), setup(generator=chain(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)))],
    ),
    "instance_norm_under_spectral_norm": (
        setup(normalized(viewer(nn.InstanceNorm2d(4)), 2.0), painter(nn.Tanh()), images()),
        [setup(viewer(nn.InstanceNorm2d(4)), painter(nn.Tanh()), images())],
    ),
    "dropout_under_spectral_norm": (
        setup(normalized(judge(nn.Dropout(0.5)), 2.0)),
        [setup(normalized(judge(nn.Dropout(0.0)), 2.0)), setup(judge(nn.Dropout(0.5)))],
    ),
    "weight_decay_under_spectral_norm": (decayed(weight=0.1, bias=0.0), [decayed(weight=0.0, bias=0.1)]),
    "wasserstein_loss_without_a_gain": (
        setup(normalized(judge()), loss="wasserstein"),
        [setup(normalized(judge()), loss="hinge"), setup(normalized(judge(), 2.0), loss="wasserstein")],
    ),
    "high_momentum": (momentum(0.9), [momentum(0.5), momentum(0.89)]),
    "uneven_transposed_convolution": (
        setup(generator=painter(nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1))),
        [
            setup(generator=painter(nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1))),
            setup(generator=painter(nn.ConvTranspose2d(1, 1, 3, padding=1))),
            setup(generator=painter(nn.Conv2d(1, 1, 3, stride=2))),
        ],
    ),
    "evaluation_mode": (
        setup(generator=swapped(chain(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)))),
        [setup(swapped(judge())), setup(generator=chain(nn.Linear(2, 8), swapped(nn.BatchNorm1d(8)), nn.Linear(8, 2)))],
    ),
    "starved_discriminator": (
        setup(normalized(judge()), real=points()),
        [
            setup(normalized(judge(), 2.0), real=points()),
            setup(normalized(judge()), real=points(10.0)),
            setup(normalized(judge(), mode="gain"), real=points()),
            setup(normalized(judge(), exclude=("body.2",)), real=points()),
            setup(judge(), real=points()),
        ],
    ),
    "output_range": (
        setup(viewer(), painter(nn.Tanh()), images(0, 255)),
        [
            setup(viewer(), painter(nn.Tanh()), images()),
            setup(viewer(), painter(nn.Sigmoid()), images(0, 1)),
            setup(viewer(), painter(nn.Tanh()), images(-1.04, 1.04)),
            setup(viewer(), painter(nn.Tanh(), gain=255.0), images(0, 255)),
        ],
    ),
    "logits_not_flat": (setup(judge(end=())), [setup(judge()), setup(chain(nn.Linear(2, 2)))]),
    "probabilities_for_logits": (
        setup(judge(end=(nn.Sigmoid(), nn.Flatten(0)))),
        [setup(judge(nn.Sigmoid())), setup(judge(end=(nn.Tanh(), nn.Flatten(0))))],
    ),
    "unsteady_logits": (
        setup(judge(nn.Dropout(0.5))),
        [
            setup(judge(nn.Dropout(0.001))),
            setup(judge(nn.BatchNorm1d(16))),
            setup(judge(swapped(nn.Dropout(0.5)))),
        ],
    ),
    "logits_change_with_mode": (
        setup(Own(by_mode, body=judge())),
        [
            setup(Own(lambda self, x: self.body(x) + 10, body=judge())),
            setup(Own(by_mode, body=judge(nn.BatchNorm1d(16)))),
            setup(Own(by_mode, body=judge(nn.Dropout(0.5)))),
        ],
    ),
}


def names(*arguments):
    return [each.name for each in lint(*arguments)]


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


def points_config(**changes):
    return Config(**{"data": Ring(count=1000), "network": Mlp(width=16), "threads": 1, "precision": "float32", **changes})


def with_rates(first, second):
    return {"discriminator": Player(optimizer=first), "generator": Player(optimizer=second)}


SN = SpectralNormalization(coefficient=2.0)
IMAGES = torch.zeros(600, 1, 8, 8, dtype=torch.uint8)
CLASSES = ("shirt", "shoe", "bag")
HELD = {"stabilizers": (SN,)}

# lint -> (settings and data that it speaks of, some that it is silent about)
CONFIG_CASES = {
    "unregularized_discriminator": (
        {"stabilizers": ()},
        [
            HELD,
            {"stabilizers": (R1(),)},
            {"stabilizers": (InstanceNoise(),)},
            {"stabilizers": (Orthogonality(on="both"),)},
            {"stabilizers": (), "discriminator": Player(optimizer=AdamW())},
            {"stabilizers": (), "loss": Wasserstein()},
        ],
    ),
    "wasserstein_without_lipschitz": (
        {"stabilizers": (InstanceNoise(), Orthogonality(on="discriminator")), "loss": Wasserstein()},
        [
            {"stabilizers": (InstanceNoise(),), "loss": LeastSquares()},
            *({"stabilizers": (each,), "loss": Wasserstein()} for each in (SN, WeightClipping(), R1(), GradientPenalty())),
        ],
    ),
    "tight_gradient_penalty": (
        {"stabilizers": (GradientPenalty(),)},
        [
            {"stabilizers": (GradientPenalty(weight=1.0),)},
            {"stabilizers": (GradientPenalty(target=4.0),)},
            {"stabilizers": (R1(),)},
            {"stabilizers": (GradientPenalty(),), "data": Ring(count=1000, radius=100.0, std=1.0)},
        ],
    ),
    "learning_rates_far_apart": (
        with_rates(Adam(learning_rate=1e-3), Adam(learning_rate=1e-4)),
        [
            with_rates(Adam(learning_rate=4e-4), Adam(learning_rate=1e-4)),
            with_rates(AdamW(learning_rate=1e-3), Adam(learning_rate=1e-4)),
        ],
    ),
    "small_batch": ({"batch_size": 7}, [{"batch_size": 8}]),
}


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


HEALTHY = ("fashion", "small", "ring", "grid", "ring_r1r2", "grid_r1r2", "r3gan", "wgan", "wgan_gp", "sngan")


@pytest.mark.parametrize("recipe", RECIPES)
def test_nothing_is_said_of_our_own_recipes_but_the_baseline(recipe):
    config = RECIPES[recipe]().with_(device="cpu", threads=1, precision="float32")
    game = assemble(config, open_data(config), Choice("float32", 1, ""))
    found = [each.name for each in lints_of(game, 8 if recipe == "sngan" else 32)]
    assert found == ([] if recipe in HEALTHY else ["batch_norm_in_discriminator", "unregularized_discriminator"])


STATEFUL = {
    "ours": lambda: normalized(judge()),
    "ours, not automatic": lambda: normalized(judge(), automatic=False),
    "torch": lambda: chain(torch_parametrization(nn.Linear(2, 8)), nn.Linear(8, 1), nn.Flatten(0)),
    "torch hook": lambda: chain(torch_hook(nn.Linear(2, 8)), nn.Linear(8, 1), nn.Flatten(0)),
    "batch norm": lambda: judge(nn.BatchNorm1d(16)),
    "dropout": lambda: judge(nn.Dropout(0.5)),
    "fails": lambda: Own(lambda self, x: 1 / 0, norm=nn.BatchNorm1d(2)),
    "mixed modes": lambda: judge(swapped(nn.BatchNorm1d(16)), nn.Dropout(0.5)),
}


@pytest.mark.parametrize("kind", STATEFUL)
def test_lints_leave_no_trace(kind):
    networks = Networks(chain(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2)), STATEFUL[kind]())
    optimizers = tuple(adam(each) for each in (networks.discriminator, networks.generator))
    for network in (networks.generator, networks.discriminator):
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)

    def state():
        both = nn.ModuleList([networks.generator, networks.discriminator])
        grads = [parameter.grad.clone() for parameter in both.parameters()]
        flags = [(layer.training, sorted(layer.__dict__)) for layer in both.modules()]
        values = [value.clone() for value in both.state_dict().values()]
        versions = [each._version for each in both.parameters()]
        plain = [
            layer.weight.detach().clone()
            for layer in both.modules()
            if isinstance(getattr(layer, "weight", None), torch.Tensor)
        ]
        return [torch.get_rng_state(), *grads, *values, *plain], [flags, versions]

    looked = setup(networks.discriminator, networks.generator, points(), optimizers, "wasserstein")
    state()
    before, lints, after = state(), lint(looked), state()
    assert lints or kind not in ("batch norm", "dropout")
    assert all(map(torch.equal, before[0], after[0]))
    assert before[1] == after[1]


def test_a_game_goes_on_as_if_nobody_had_looked():
    config = points_config(**HELD, network=Mlp(width=16, norm_generator="batch"))
    weights = []
    for looks in (False, True):
        game = assemble(config, open_data(config), Choice("float32", 1, ""))
        random = torch.get_rng_state()
        if looks:
            lints_of(game)
        assert torch.equal(torch.get_rng_state(), random)
        list(train_steps(game.state, game.stream, game.method, 3))
        weights.append(
            [*game.state.networks.discriminator.state_dict().values(), *game.state.networks.generator.state_dict().values()]
        )
    assert all(map(torch.equal, *weights))


def test_a_lint_that_fails_costs_itself_only():
    broken = Own(lambda self, x: {"logits": x[0]}, body=nn.Linear(2, 1), norm=nn.BatchNorm1d(3))
    found = names(setup(broken, Own(lambda self, z: 1 / 0), optimizers=(adam(broken, betas=(0.9, 0.99)), None)))
    assert found == ["batch_norm_in_discriminator", "high_momentum"]


@pytest.mark.parametrize("real", [torch.full((B, 2), torch.nan), torch.zeros(B, 2), torch.zeros(0, 2), torch.ones(1, 2)])
def test_strange_data_break_nothing(real):
    assert {"output_range"} >= set(names(setup(real=real)))


def test_what_is_not_known_is_not_spoken_of():
    networks = Networks(painter(nn.Tanh()), viewer())
    assert names(Setup(networks)) == []
    assert names(Setup(networks, real=images(0, 255))) == []
    assert names(Setup(networks, z=points())) == []


def test_a_network_that_warns_is_looked_at_all_the_same():
    def warning(self, x):
        warnings.warn("old", stacklevel=1)
        return torch.sigmoid(self.body(x))

    assert names(setup(Own(warning, body=judge()))) == ["probabilities_for_logits"]


def test_a_network_without_labels_and_one_that_needs_them():
    class Conditional(nn.Linear):
        def forward(self, x, label):
            return torch.sigmoid(super().forward(x)).flatten()

    labelled = Setup(Networks(nn.Linear(2, 2), Conditional(2, 1)), real=points(), label=torch.zeros(B, dtype=torch.int64))
    assert names(labelled) == ["probabilities_for_logits"]
    assert names(Setup(Networks(nn.Linear(2, 2), nn.Linear(2, 1)), real=points())) == ["logits_not_flat"]


def test_a_run_writes_them_down(tmp_path):
    config = points_config(stabilizers=(), loss=Hinge())
    run, lints = linted_start(config, tmp_path / "run")
    assert [each.name for each in lints] == ["unregularized_discriminator"]
    assert "- `unregularized_discriminator` at `stabilizers`: nothing" in run.directory.plan.read_text()
    assert run.directory.log.read_text() == f"info: {lints[0]}\n"
    assert not run.directory.findings.exists()
    assert run.findings == []


def test_a_run_without_lints_says_nothing(tmp_path):
    run, lints = linted_start(points_config(**HELD), tmp_path / "run")
    assert lints == ()
    assert "##" not in run.directory.plan.read_text()
    assert not run.directory.log.exists()


def test_check_shows_them(capsys):
    check.run(recipe="dcgan", settings=["batch_size=64"])
    assert capsys.readouterr().out.count("\ninfo       ") == 2
    check.run(recipe="dcgan", as_json=True)
    assert json.loads(capsys.readouterr().out)["lints"][0]["name"] == "batch_norm_in_discriminator"
    check.run(recipe="ring", settings=["data.count=1000"])
    assert "nothing that is known to go wrong" in capsys.readouterr().out
    check.run()
    assert "setup" not in capsys.readouterr().out


def test_every_lint_states_its_source():
    for each in (*NETWORK_LINTS, *OUTPUT_LINTS, *CONFIG_LINTS):
        assert each.__doc__
        assert any(word in each.__doc__ for word in ("ure", "measured", "argument")), each.__name__


def test_the_page_knows_every_lint():
    page = (Path(__file__).parents[2] / "docs" / "concepts" / "lints.md").read_text(encoding="utf-8")
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    others = {"dropout_under_gradient_penalty", "few_images", "missing_classes"}
    assert listed == {*NETWORK_CASES, *CONFIG_CASES} | others
