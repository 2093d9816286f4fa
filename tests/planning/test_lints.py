import json
import warnings
from pathlib import Path

import pytest
import torch
from config_lint_cases import CONFIG_CASES, HELD
from lint_setups import (
    B,
    Own,
    adam,
    chain,
    images,
    judge,
    names,
    normalized,
    painter,
    points,
    points_config,
    setup,
    swapped,
    viewer,
)
from network_lint_cases import NETWORK_CASES
from torch import nn
from torch.nn.utils import spectral_norm as torch_hook
from torch.nn.utils.parametrizations import spectral_norm as torch_parametrization

from steadygan.assembly import assemble, open_data
from steadygan.cli import check
from steadygan.game import Networks
from steadygan.launch import linted_start, lints_of
from steadygan.losses import Hinge
from steadygan.networks import Mlp
from steadygan.planning.lints import CONFIG_LINTS, NETWORK_LINTS, OUTPUT_LINTS, Setup, lint
from steadygan.recipes import RECIPES
from steadygan.training.loop import train_steps
from steadygan.training.precision import Choice

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
