"""The audit's rows against numpy, torch and closed forms; what it leaves behind; its table and its JSON."""

import copy
import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils import spectral_norm as torch_hook
from torch.nn.utils import weight_norm as weight_norm_hook
from torch.nn.utils.parametrizations import orthogonal, weight_norm
from torch.nn.utils.parametrizations import spectral_norm as torch_norm

from steadygan.spectral import SpectralNorm, spectral_norm
from steadygan.spectral.audit import audit
from steadygan.spectral.auditing import slopes
from steadygan.spectral.auditing.decomposition import gram_values, methods_for, spectrum_of


def row_of(found, layer):
    return next(row for row in found.rows if row.layer == layer)


def norms(weight):
    """Singular values of a weight as the paper reads it, by numpy."""
    return np.linalg.svd(weight.detach().double().flatten(1).numpy(), compute_uv=False)


def test_a_plain_network_against_numpy():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 1))
    found = audit(net, (3, 8, 8))
    values, row = norms(net[0].weight), row_of(found, "0")
    shares = values / values.sum()
    assert row.sigma == pytest.approx(values[0], rel=1e-10)
    assert row.condition == pytest.approx(values[0] / values[-1], rel=1e-8)
    assert row.rank == pytest.approx(math.exp(-(shares * np.log(shares)).sum()), abs=1e-5)
    assert (row.kind, row.shape, row.full, row.method) == ("Conv2d", (8, 3, 3, 3), 8, "full")
    assert (row.covered, row.reason, row.believed, row.error) == ("", "nothing normalizes it", None, None)
    assert row_of(found, "3").operator == row_of(found, "3").sigma
    assert found.warnings == ()
    assert found.parameters == sum(p.numel() for p in net.parameters())


def test_the_operator_norm_of_a_convolution_against_its_dense_matrix():
    net = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.Flatten(), nn.Linear(27, 1))
    columns = torch.eye(2 * 36).reshape(-1, 2, 6, 6)
    dense = F.conv2d(columns, net[0].weight.detach(), stride=2, padding=1).flatten(1)
    row = row_of(audit(net, (2, 6, 6)), "0")
    assert row.operator == pytest.approx(float(torch.linalg.matrix_norm(dense.double(), 2)), rel=1e-4)
    assert row.operator_method == "exact"


def test_convolutions_beyond_the_budget_have_a_bound_instead(monkeypatch):
    """The cheapest are measured first, and no bound is below the norm."""
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 2, 4, 2))
    exact = audit(net, (2, 9, 9)).rows
    costs = [slopes.PRODUCTS * products for products in (54 * 81, 256 * 25, 216 * 49)]  # weights times places of the input
    methods = []
    for budget in (0, costs[0], costs[0] + costs[1], sum(costs)):
        monkeypatch.setattr(slopes, "BUDGET", budget)
        rows = audit(net, (2, 9, 9)).rows
        methods.append([row.operator_method for row in rows])
        for row, known in zip(rows, exact, strict=True):
            assert row.operator >= known.operator * (1 - 1e-7)
    assert [found.count("exact") for found in methods] == [0, 1, 2, 3]
    assert methods[1:3] == [["exact", "bound", "bound"], ["exact", "bound", "exact"]]
    monkeypatch.setattr(slopes, "BUDGET", 0)
    bounded = audit(net, (2, 9, 9))
    assert "≤" in bounded.table()
    assert {row.share for row in bounded.rows} == {None}  # bounds are not equally loose: their shares would mislead
    assert [row.operator_method for row in audit(net, (2, 9, 9), exact=True).rows] == ["exact"] * 3


def test_ours_believes_what_it_divides_by_and_promises_the_coefficient():
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1))
    norm = spectral_norm(net, 3.0)
    norm.refresh(100)
    found = audit(net)
    for name in ("0", "2"):
        row = row_of(found, name)
        assert (row.covered, row.promised) == ("ours", 3.0)
        assert row.believed == pytest.approx(norm.sigma[name], rel=1e-6)
        assert row.believed == pytest.approx(norms(net[int(name)]._parameters["weight"])[0], rel=1e-5)
        assert row.sigma == pytest.approx(3.0, rel=1e-5)
        assert abs(row.error) < 1e-5
    assert found.warnings == ()


def test_modes_promise_what_they_keep():
    def only(**settings):
        layer = nn.Linear(6, 5)
        with torch.no_grad():
            layer.weight.mul_(0.5 / torch.linalg.matrix_norm(layer.weight, 2))
        spectral_norm(layer, **settings).refresh(100)
        return layer, audit(layer).rows[0]

    assert only(coefficient=2.0, mode="soft")[1].promised == pytest.approx(0.5, rel=1e-5)
    assert only(mode="initial")[1].promised == pytest.approx(0.5, rel=1e-5)
    _, both = only(mode="bidirectional")
    assert (both.promised, both.error) == (None, None)
    _, measured = only(mode="measure")
    assert (measured.covered, measured.reason) == ("", "measured only")
    assert measured.believed == pytest.approx(0.5, rel=1e-5)
    layer, _ = only(mode="gain")
    with torch.no_grad():
        layer.weight_gain.fill_(-7.0)
    assert audit(layer).rows[0].promised == 7.0
    assert abs(audit(layer).rows[0].error) < 1e-5


def test_ours_by_the_operator_norm_promises_that_one():
    net = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Flatten(), nn.Linear(108, 1))
    norm = spectral_norm(net, 2.0, norm="operator", input_shape=(2, 6, 6))
    norm.refresh(300)
    row = audit(net, (2, 6, 6)).rows[0]
    assert (row.covered, row.promised) == ("ours", 2.0)
    assert row.operator == pytest.approx(2.0, rel=1e-4)
    assert abs(row.error) < 1e-4
    assert row.sigma < 1.9  # as a matrix it may be anything
    assert row.believed == pytest.approx(norm.sigma["0"], rel=1e-6)
    assert audit(net).rows[0].error is None  # without an input shape there is no operator norm to compare with


def test_queries_keys_and_values_have_a_row_each():
    net = nn.MultiheadAttention(8, 2)
    spectral_norm(net).refresh(100)
    rows = audit(net).rows
    assert [row.layer for row in rows] == ["in_proj_weight[q]", "in_proj_weight[k]", "in_proj_weight[v]", "out_proj"]
    assert {row.kind for row in rows} == {"MultiheadAttention", "Linear"}
    for row in rows:
        assert row.sigma == pytest.approx(1, rel=1e-4)
        assert row.full == 8


@pytest.mark.parametrize("k", [1, 50])
def test_torchs_parametrization_and_its_hook_alike(k):
    """After k forward passes in training mode both believe u'Wv, and are as steep as the exact norm over that."""
    raw = torch.randn(16, 12)
    for form, by in ((torch_norm, "torch"), (torch_hook, "torch hook")):
        layer = nn.Linear(12, 16)
        layer.weight.data.copy_(raw)
        net = nn.Sequential(form(layer))
        for _ in range(k):
            net(torch.zeros(1, 12))
        row = audit(net).rows[0]
        assert (row.covered, row.promised, row.kind) == (by, 1.0, "Linear")
        assert row.sigma == pytest.approx(norms(raw)[0] / row.believed, rel=1e-5)
        assert row.error == pytest.approx(row.sigma - 1, abs=1e-12)
        assert row.error >= -1e-6  # u'Wv never exceeds sigma
        if k == 50:
            assert row.error < 1e-3


def test_a_hooked_weight_is_that_of_the_next_pass_not_of_the_last():
    net = nn.Sequential(torch_hook(nn.Linear(4, 4)))
    for _ in range(50):
        net(torch.zeros(1, 4))
    with torch.no_grad():
        net[0].weight_orig.copy_(torch.randn(4, 4))  # as an optimizer's step or a load leaves it: `weight` is still the old one
    row, layer = audit(net).rows[0], net[0]
    assert row.believed == pytest.approx(float(layer.weight_u @ layer.weight_orig.detach() @ layer.weight_v), rel=1e-5)
    assert row.sigma == pytest.approx(norms(layer.weight_orig)[0] / abs(row.believed), rel=1e-5)


def test_layers_that_normalize_in_their_own_code():
    """As BigGAN-PyTorch does: one iteration on the stored u in each pass, then W / sigma."""

    class OwnConv(nn.Conv2d):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.register_buffer("u0", torch.randn(1, self.weight.shape[0]))
            self.register_buffer("sv0", torch.ones(1))

        def normalized(self):
            matrix = self.weight.flatten(1)
            v = F.normalize(self.u0 @ matrix)
            u = F.normalize(v @ matrix.T)
            return self.weight / (v @ matrix.T @ u.T).squeeze()

        def forward(self, x):
            return F.conv2d(x, self.normalized(), self.bias)

    net = nn.Sequential(OwnConv(3, 8, 3))
    row = audit(net, (3, 6, 6)).rows[0]
    assert (row.covered, row.kind) == ("BigGAN", "Conv2d")
    assert row.sigma == pytest.approx(norms(net[0].normalized())[0], rel=1e-5)
    plain = nn.Conv2d(3, 8, 3)
    plain.weight.data.copy_(net[0].normalized())
    assert row.operator == pytest.approx(audit(nn.Sequential(plain), (3, 6, 6)).rows[0].operator, rel=1e-4)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning", "ignore:Lazy modules:UserWarning")
def test_what_is_not_covered_says_why():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.gamma, self.weight = nn.Parameter(torch.zeros(1, 2, 2)), nn.Parameter(torch.randn(3, 2))

    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.gamma = nn.Parameter(torch.zeros(()))

    layers = {
        "batch": nn.BatchNorm2d(3),
        "instance": nn.InstanceNorm2d(3),
        "layer": nn.LayerNorm(3),
        "lstm": nn.LSTM(3, 4),
        "slopes": nn.PReLU(),
        "weightnorm": weight_norm(nn.Linear(3, 3)),
        "hook": weight_norm_hook(nn.Linear(3, 3)),
        "orthogonal": orthogonal(nn.Linear(3, 3)),
        "own": Own(),
        "bare": Bare(),
        "lazy": nn.LazyLinear(3),
        "meta": nn.Linear(3, 3, device="meta"),
        "complex": nn.Linear(3, 3, dtype=torch.complex64),
        "relu": nn.ReLU(),
    }
    found = audit(nn.ModuleDict(layers))
    reasons = {row.layer: row.reason for row in found.rows}
    assert "batch" in reasons["batch"]
    assert "each sample" in reasons["instance"]
    assert "each sample" in reasons["layer"]
    assert "recurrent" in reasons["lstm.weight_ih_l0"]
    assert reasons["weightnorm"] == reasons["hook"]
    assert "weight norm" in reasons["hook"]
    assert "slopes" in reasons["slopes"]
    assert "own code" in reasons["bare.gamma"]
    assert "lazy" in reasons["lazy"]
    assert "meta" in reasons["meta"]
    assert "complex" in reasons["complex"]
    assert "relu" not in reasons
    assert row_of(found, "own").sigma == pytest.approx(norms(layers["own"].weight)[0], rel=1e-6)
    assert row_of(found, "orthogonal").covered == "orthogonal"
    assert row_of(found, "orthogonal").error == pytest.approx(0, abs=1e-5)
    assert row_of(found, "batch").sigma is None


class Restless(nn.Module):
    """Everything in it changes when it is called, and some of it when a weight is read."""

    def __init__(self):
        super().__init__()
        self.parametrized, self.hooked = torch_norm(nn.Conv2d(3, 4, 3)), torch_hook(nn.Conv2d(4, 4, 1))
        self.norm, self.drop, self.ours = nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(1))
        self.count, self.seen = 0, []
        spectral_norm(self.ours)

    def forward(self, x):
        self.calls += 1
        self.count += 1
        self.seen.append(x.shape)
        x = x + 0.01 * torch.randn_like(x)  # noise as in StyleGAN: not only in training
        return self.ours(self.drop(self.norm(self.hooked(self.parametrized(x)))).mean((2, 3)))


def test_it_leaves_no_trace():
    net = Restless()
    net.norm.eval()
    net(torch.randn(2, 3, 6, 6)).sum().backward()
    with torch.no_grad():
        net.ours._parameters["weight"].add_(0.1)  # as an optimizer does: u and v are due for a refresh
    before, random = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    gradients = {name: p.grad.clone() for name, p in net.named_parameters()}
    modes = [module.training for module in net.modules()]
    weight, versions = net.hooked.weight, {name: value._version for name, value in net.state_dict(keep_vars=True).items()}
    refreshes = SpectralNorm.of(net).weights[0].group.refreshes
    audit(net, (3, 6, 6))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.state_dict().keys() == before.keys()
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(p.grad, gradients[name]) for name, p in net.named_parameters())
    assert [module.training for module in net.modules()] == modes
    assert net.hooked.weight is weight
    assert (net.count, len(net.seen)) == (1, 1)
    assert SpectralNorm.of(net).weights[0].group.refreshes == refreshes
    untouched = {name for name in versions if name != "calls"}
    assert all(net.state_dict(keep_vars=True)[name]._version == versions[name] for name in untouched)
    assert not any(module._forward_hooks for module in net.modules())


def test_an_audit_between_forward_and_backward_does_not_harm():
    net = Restless()
    loss = net(torch.randn(2, 3, 6, 6)).sum()
    audit(net, (3, 6, 6))
    loss.backward()


def test_a_network_that_cannot_be_called_still_has_rows():
    class Picky(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, one, two, three):
            raise AssertionError

    found = audit(Picky(), (3, 8, 8))
    assert found.bounds is None
    assert found.rows[0].sigma > 0
    assert found.rows[0].operator is None
    assert "TypeError" in found.notes[0]


def test_a_network_that_cannot_be_called_with_other_batches_still_has_rows():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            if len(x) != 2:
                raise SystemError("two, please")
            return self.layer(x)

    found = audit(Two(), (3,))
    assert found.bounds is None
    assert found.notes == ("No bounds: SystemError: two, please",)
    assert found.rows[0].operator > 0


def test_nothing_to_look_at():
    assert "There are no weights to look at." in audit(nn.ReLU()).table()
    assert audit(nn.Sequential()).rows == ()


def test_labels_and_indices_are_tried():
    class Conditional(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.embedding = nn.Conv2d(3, 4, 3), nn.Embedding(5, 4)

        def forward(self, x, label):
            return (self.conv(x).mean((2, 3)) * self.embedding(label)).sum(1)

    assert audit(Conditional(), (3, 8, 8)).rows[0].operator > 0
    text = nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(12, 1))
    assert "forward pass" not in " ".join(audit(text, (4,)).notes)


def test_layers_that_are_not_called_are_named():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(3, 1), nn.Linear(3, 1)

        def forward(self, x):
            return self.used(x)

    assert audit(Half(), (3,)).notes == ("Not called in the forward pass: idle.",)


def test_shares_add_up_and_go_to_the_layers_that_stretch():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    for layer, norm in zip(net, (4.0, 0.5, 2.0), strict=True):
        layer.weight.data.copy_(norm * torch.eye(3))
    shares = [row.share for row in audit(net).rows]
    assert shares == pytest.approx([2 / 3, 0, 1 / 3])
    for layer in net:
        layer.weight.data.copy_(1.0005 * torch.eye(3))
    assert [row.share for row in audit(net).rows] == [None] * 3  # nothing to be shared out


def test_methods_by_size_and_budget():
    sizes = [(1, 64, 64), (1, 1024, 9216), (1, 8192, 8192)]
    assert methods_for(sizes) == ["full", "gram", "power"]
    assert methods_for(sizes, math.inf) == ["full"] * 3
    assert methods_for(sizes, 0) == ["power"] * 3
    assert methods_for([(1, 2048, 2048)] * 60).count("gram") in range(1, 60)  # a budget for all together


def test_the_gram_matrix_agrees_with_the_decomposition_and_admits_what_it_cannot_see():
    matrix = torch.randn(1, 40, 90, dtype=torch.float64)
    exact = torch.linalg.svdvals(matrix)
    torch.testing.assert_close(gram_values(matrix), exact, rtol=1e-10, atol=0)
    torch.testing.assert_close(gram_values(matrix.mT), exact, rtol=1e-10, atol=0)
    nearly = torch.diag(torch.tensor([1.0, 1e-9], dtype=torch.float64)).unsqueeze(0)
    assert spectrum_of(nearly, "full").condition == pytest.approx(1e9)
    assert spectrum_of(nearly, "gram").condition == math.inf


def test_power_iteration_is_an_estimate_from_below_and_knows_no_rank():
    matrix = torch.randn(1, 60, 80)
    exact, estimate = spectrum_of(matrix, "full"), spectrum_of(matrix, "power")
    assert estimate.sigma == pytest.approx(exact.sigma, rel=1e-3)
    assert estimate.sigma <= exact.sigma * (1 + 1e-6)
    assert (estimate.condition, estimate.rank) == (None, None)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("method", ["full", "gram"])
def test_extreme_scales(scale, method):
    found = spectrum_of(torch.eye(3, dtype=torch.float64).unsqueeze(0) * scale, method)
    assert found.sigma == pytest.approx(scale)
    assert found.condition == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_types_of_numbers(dtype):
    layer = nn.Linear(4, 3, dtype=dtype)
    exact = np.linalg.svd(layer.weight.detach().double().numpy(), compute_uv=False)[0]
    assert audit(layer).rows[0].sigma == pytest.approx(exact, rel=1e-6)


def test_json_is_json_with_finite_numbers():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    net[0].weight.data.fill_(math.nan)
    net[1].weight.data.copy_(torch.diag(torch.tensor([1.0, 1.0, 0.0])))
    found = audit(net, (3,))
    assert found.rows[1].condition == math.inf
    read = json.loads(found.json(), parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert read["rows"][0]["sigma"] is None
    assert read["rows"][1]["condition"] is None
    assert read["input_shape"] == [3]
    assert {"place", "trap", "why", "advice"} == set(read["warnings"][0])
    assert read == found.as_dict()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_table_keeps_to_its_width_and_names_what_it_leaves_out(width):
    net = nn.ModuleDict({"a_layer_with_a_rather_long_name_for_a_table": torch_norm(nn.Conv2d(256, 512, 4))})
    net["bn"], net["last"] = nn.BatchNorm2d(512), nn.Linear(512, 1)
    table = audit(net).table(width)
    lines = table.splitlines()
    assert max(map(len, lines)) <= width
    for word in ("Conv2d 512×256×4×4", "torch", "no¹", "divides by the deviation of the batch", "! uncovered last layer: last"):
        assert word in table
    assert ("Left out for lack of room" in table) == ("believed" not in lines[2])
    assert any("…" in line and "for_a_table" in line for line in lines) == (width < 120)


def test_shortened_names_stay_apart():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2)

    net = nn.ModuleDict({"transformer_encoder": nn.ModuleDict({"layers": nn.ModuleList(Block() for _ in range(12))})})
    for width in (60, 80, 100):
        found = audit(net)
        lines = found.table(width).splitlines()
        names = [line.split()[0] for line in lines[4 : 4 + len(found.rows)]]
        assert len(set(names)) == len(found.rows) == 48
        assert max(map(len, lines)) <= width


def test_the_bounds_of_the_network_are_those_of_lipschitz():
    net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    net[0].weight.data.copy_(2 * torch.eye(3))
    net[1].weight.data.copy_(3 * torch.eye(3))
    found = audit(net, (3,))
    assert found.bounds.upper == pytest.approx(6, rel=1e-6)
    assert found.bounds.lower == pytest.approx(6, rel=1e-3)
    assert "at most 6.000 (certified)" in found.table()
    assert audit(net).bounds is None


def test_what_has_no_bound_is_named_by_reason():
    net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Linear(4, 4), nn.Dropout())
    table = audit(net, (4,)).table()
    assert "no upper bound, because of" in table
    assert "- 1 (Dropout), 3 (Dropout): " in table
    assert "(certified)" in audit(net.eval(), (4,)).table()


def test_paint_changes_nothing_but_colour():
    net = nn.Sequential(torch_norm(nn.Linear(3, 3)), nn.Linear(3, 1))
    found, used = audit(net), set()

    def paint(text, style):
        used.add(style)
        return f"<{text}>"

    assert found.table(100, paint).replace("<", "").replace(">", "") == found.table(100).replace("<", "").replace(">", "")
    assert {"good", "warning", "faint", "strong"} <= used


def test_progress_counts_to_its_total():
    told = []
    audit(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), (3, 8, 8), progress=lambda *numbers: told.append(numbers))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert {total for _, total in told} == {len(told)}


def test_a_parametrization_of_ones_own_is_named():
    class Halved(nn.Module):
        def forward(self, weight):
            return weight / 2

    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Halved())
    row = audit(layer).rows[0]
    assert row.reason == "parametrized by Halved"
    assert row.sigma == pytest.approx(norms(layer.weight)[0], rel=1e-6)
