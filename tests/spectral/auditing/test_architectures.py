"""Five networks as people publish them, built by hand at small size: the audit must read each of them right."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm as torch_hook
from torch.nn.utils.parametrizations import spectral_norm as torch_norm
from torch.nn.utils.parametrizations import weight_norm

from steadygan.spectral import spectral_norm
from steadygan.spectral.audit import audit


class Residual(nn.Module):
    """A block of BigGAN's discriminator: Brock et al. 2019, arXiv:1809.11096, appendix B."""

    def __init__(self, n_in, n_out, activation):
        super().__init__()
        self.activation = activation
        self.conv1 = torch_norm(nn.Conv2d(n_in, n_out, 3, padding=1))
        self.conv2 = torch_norm(nn.Conv2d(n_out, n_out, 3, padding=1))
        self.shortcut = torch_norm(nn.Conv2d(n_in, n_out, 1))

    def forward(self, x):
        h = self.conv2(self.activation(self.conv1(self.activation(x))))
        return F.avg_pool2d(h, 2) + F.avg_pool2d(self.shortcut(x), 2)


class Attention(nn.Module):
    """Zhang et al. 2019, arXiv:1805.08318."""

    def __init__(self, n):
        super().__init__()
        self.query, self.key = (torch_norm(nn.Conv2d(n, n // 4, 1, bias=False)) for _ in range(2))
        self.values, self.out = torch_norm(nn.Conv2d(n, n // 2, 1, bias=False)), torch_norm(nn.Conv2d(n // 2, n, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        query, key, values = self.query(x).flatten(2), F.max_pool2d(self.key(x), 2).flatten(2), F.max_pool2d(self.values(x), 2)
        weights = torch.bmm(query.transpose(1, 2), key).softmax(-1)
        mixed = torch.bmm(values.flatten(2), weights.transpose(1, 2))
        return x + self.gamma * self.out(mixed.reshape(len(x), -1, *x.shape[2:]))


class BigGan(nn.Module):
    """Residual blocks, attention, and a projection of the class: Miyato & Koyama 2018, arXiv:1802.05637."""

    def __init__(self, activation, embedding=torch_norm):
        super().__init__()
        self.blocks = nn.Sequential(Residual(3, 8, activation), Attention(8), Residual(8, 16, activation))
        self.activation, self.linear = nn.ReLU(), torch_norm(nn.Linear(16, 1))
        self.embedding = embedding(nn.Embedding(10, 16))

    def forward(self, x, label):
        h = self.activation(self.blocks(x)).sum((2, 3))
        return self.linear(h).flatten() + (self.embedding(label) * h).sum(1)


def names(found):
    return {(caution.trap, caution.place) for caution in found.warnings}


def rows(found):
    return {row.layer: row for row in found.rows}


def settled(network, *inputs):
    """Forward passes in training mode until torch's u and v stand still."""
    with torch.no_grad():
        for _ in range(60):
            network(*inputs)
    return network


def test_biggan():
    net = settled(BigGan(nn.ReLU()), torch.randn(2, 3, 16, 16), torch.zeros(2, dtype=torch.long))
    found = audit(net, (3, 16, 16))
    assert names(found) == {("dot-product attention", "blocks.1")}
    table = rows(found)
    assert len(table) == 3 + 5 + 3 + 2
    matrices = [row for row in found.rows if row.sigma is not None]
    assert {row.covered for row in matrices} == {"torch"}
    assert max(abs(row.error) for row in matrices) < 0.05
    assert table["blocks.1.gamma"].reason.startswith("a parameter")
    assert table["blocks.0.conv1"].operator > 1.05 * table["blocks.0.conv1"].sigma  # 3x3: a norm of 1 as a matrix is more
    assert table["blocks.0.shortcut"].operator == pytest.approx(table["blocks.0.shortcut"].sigma, rel=1e-6)  # 1x1: the same
    assert (table["embedding"].kind, table["embedding"].operator) == ("Embedding", None)
    assert found.bounds is not None


def test_biggan_as_it_should_not_be():
    """The activation in place in front of a skip, and the embedding left out."""
    net = settled(BigGan(nn.ReLU(True), nn.Identity()), torch.randn(2, 3, 16, 16), torch.zeros(2, dtype=torch.long))
    assert names(audit(net, (3, 16, 16))) == {
        ("dot-product attention", "blocks.1"),
        ("uncovered embedding", "embedding"),
        ("in-place operation on a skip path", "blocks.0.activation"),
        ("in-place operation on a skip path", "blocks.2.activation"),
    }


def patch_gan(norm):
    """Isola et al. 2017, arXiv:1611.07004; `norm` makes what stands behind the inner convolutions."""
    layers, sizes = [nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2, True)], [(8, 16, 2), (16, 32, 1)]
    for n_in, n_out, stride in sizes:
        layers += [nn.Conv2d(n_in, n_out, 4, stride, 1), norm(n_out), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(32, 1, 4, 1, 1))


def test_patch_gan():
    found = audit(patch_gan(nn.InstanceNorm2d), (3, 32, 32))
    assert names(found) == set()  # nothing is bounded, so nothing is voided
    assert [row.layer for row in found.rows] == ["0", "2", "3", "5", "6", "8"]
    assert {row.reason for row in found.rows} == {"nothing normalizes it", "divides by the deviation of each sample"}
    assert all(row.operator > 0 for row in found.rows if row.kind == "Conv2d")


@pytest.mark.parametrize(("norm", "trap"), [(nn.InstanceNorm2d, "instance norm"), (nn.BatchNorm2d, "batch norm")])
def test_patch_gan_with_both_norms(norm, trap):
    net = patch_gan(norm)
    spectral_norm(net).refresh(50)
    assert names(audit(net, (3, 32, 32))) == {(f"{trap} under spectral norm", place) for place in ("3", "6")}


class Scale(nn.Module):
    """One scale of HiFi-GAN's multi-scale discriminator: Kong et al. 2020, arXiv:2010.05646; strided and grouped."""

    def __init__(self, norm):
        super().__init__()
        shapes = [(1, 8, 15, 1, 1, 7), (8, 8, 41, 2, 4, 20), (8, 16, 41, 4, 8, 20), (16, 16, 5, 1, 1, 2)]
        self.convs = nn.ModuleList(norm(nn.Conv1d(a, b, k, s, p, groups=g)) for a, b, k, s, g, p in shapes)
        self.last = norm(nn.Conv1d(16, 1, 3, 1, 1))

    def forward(self, x):
        features = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.1)
            features.append(x)
        return self.last(x).flatten(1), features


class Period(nn.Module):
    """One period of its multi-period discriminator: the wave folded to [T / p, p]."""

    def __init__(self, period, norm):
        super().__init__()
        self.period = period
        self.convs = nn.ModuleList(norm(nn.Conv2d(a, b, (5, 1), (3, 1), (2, 0))) for a, b in ((1, 4), (4, 8)))
        self.last = norm(nn.Conv2d(8, 1, (3, 1), 1, (1, 0)))

    def forward(self, x):
        if x.shape[-1] % self.period:
            x = F.pad(x, (0, self.period - x.shape[-1] % self.period), "reflect")
        x = x.unflatten(-1, (-1, self.period))
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.1)
        return self.last(x).flatten(1), []


class HifiGan(nn.Module):
    """Three scales, the first under spectral norm and the others under weight norm, as published; and two periods."""

    def __init__(self):
        super().__init__()
        self.scales = nn.ModuleList(Scale(norm) for norm in (torch_hook, weight_norm, weight_norm))
        self.periods = nn.ModuleList(Period(period, weight_norm) for period in (2, 3))
        self.pool = nn.AvgPool1d(4, 2, 2)

    def forward(self, wave):
        outputs = [period(wave) for period in self.periods]
        for scale in self.scales:
            outputs.append(scale(wave))
            wave = self.pool(wave)
        return outputs


def test_hifi_gan():
    net = settled(HifiGan(), torch.randn(1, 1, 640))
    found = audit(net, (1, 640))
    table = rows(found)
    assert len(table) == 3 * 5 + 2 * 3
    assert sum(row.covered == "torch hook" for row in found.rows) == 5
    assert all("weight norm" in row.reason for row in found.rows if not row.covered)
    assert names(found) == {
        ("mostly uncovered", "scales.1.convs.0, scales.1.convs.1, scales.1.convs.2 and 13 more"),
        ("one sigma for several maps", "scales.0.convs.1"),
        ("one sigma for several maps", "scales.0.convs.2"),
    }
    assert table["scales.0.convs.1"].error < -0.02  # one sigma for all groups: smaller than promised
    assert abs(table["scales.0.convs.0"].error) < 0.02
    assert all(row.operator > 0 for row in found.rows)
    assert table["scales.0.convs.2"].shape == (16, 1, 41)


class Reward(nn.Module):
    """The shaped reward of AIRL, g(s, a) + gamma h(s') - h(s): Fu et al. 2018, arXiv:1710.11248."""

    def __init__(self, n_state=4, n_action=2):
        super().__init__()
        self.n_state = n_state
        self.reward = nn.Sequential(nn.Linear(n_state + n_action, 16), nn.Tanh(), nn.Linear(16, 1))
        self.shaping = nn.Sequential(nn.Linear(n_state, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, transition):
        both, after = transition[:, : -self.n_state], transition[:, -self.n_state :]
        return (self.reward(both) + 0.99 * self.shaping(after) - self.shaping(both[:, : self.n_state])).flatten()


def test_a_reward_network():
    net = Reward()
    plain = audit(net, (10,))
    assert names(plain) == set()
    assert [row.covered for row in plain.rows] == [""] * 4
    spectral_norm(net).refresh(100)
    found = audit(net, (10,), optimizer=torch.optim.Adam(net.parameters(), weight_decay=1e-4))
    assert names(found) == {("weight decay under spectral norm", "reward.0, reward.2, shaping.0 and 1 more")}
    for row in found.rows:
        assert row.covered == "ours"
        assert row.operator == pytest.approx(1, rel=1e-5)
        assert row.condition == pytest.approx(plain.rows[found.rows.index(row)].condition, rel=1e-4)  # division keeps it


class Vit(nn.Module):
    """A vision transformer that judges: Lee et al. 2021, arXiv:2107.04589, but with dot products."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.token, self.positions = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 17, 16))
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 1)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.encoder(x)[:, 0])).flatten()


def test_a_transformer():
    net = Vit()
    spectral_norm(net).refresh(100)
    found = audit(net, (3, 16, 16))
    table = rows(found)
    for index in (0, 1):
        block = f"encoder.layers.{index}"
        for part in "qkv":
            row = table[f"{block}.self_attn.in_proj_weight[{part}]"]
            assert (row.covered, row.full, row.kind) == ("ours", 16, "MultiheadAttention")
            assert row.sigma == pytest.approx(1, rel=1e-4)
        assert table[f"{block}.self_attn.out_proj"].covered == "ours"
        assert table[f"{block}.norm1"].sigma is None
    assert table["token"].reason == table["positions"].reason != ""
    traps = {trap for trap, _ in names(found)}
    assert traps == {"dot-product attention", "layer norm under spectral norm", "dropout under spectral norm"}
    assert ("dot-product attention", "encoder.layers.1.self_attn") in names(found)
    assert len([place for trap, place in names(found) if trap.startswith("layer norm")]) == 5
    assert not any(note.startswith("Not called") for note in found.notes)


def test_a_transformer_under_torchs_norm():
    net = Vit()
    for layer in net.modules():
        if isinstance(layer, nn.MultiheadAttention):
            torch_norm(layer, "in_proj_weight")
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            torch_norm(layer)
    found = audit(net, (3, 16, 16))
    assert ("one sigma for several maps", "encoder.layers.0.self_attn.in_proj_weight") in names(found)
    parts = [row for row in found.rows if row.layer.startswith("encoder.layers.0.self_attn.in_proj_weight")]
    assert len(parts) == 3
    assert max(row.sigma for row in parts) < 1.0  # the stack has norm 1, so each part has less
