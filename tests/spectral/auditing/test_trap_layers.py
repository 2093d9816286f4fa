"""Layers whose slope no norm of a weight bounds are traps where something is normalized, and nowhere else."""

import pytest
import torch
import torch.nn.functional as F
from spectral_audits import converged, normed, traps
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm as torch_norm

from steadygan.spectral.audit import audit


@pytest.mark.parametrize(
    ("layer", "trap"),
    [
        (nn.BatchNorm2d(8), "batch norm under spectral norm"),
        (nn.SyncBatchNorm(8), "batch norm under spectral norm"),
        (nn.InstanceNorm2d(8), "instance norm under spectral norm"),
        (nn.GroupNorm(2, 8), "layer norm under spectral norm"),
        (nn.LayerNorm([8, 6, 6]), "layer norm under spectral norm"),
        (nn.Dropout2d(0.3), "dropout under spectral norm"),
    ],
)
def test_layers_that_void_the_bound_only_where_there_is_one(layer, trap):
    with_norm = converged(normed(nn.Conv2d(3, 8, 3), layer, nn.Flatten(), nn.Linear(8 * 36, 1)))
    assert traps(with_norm, (3, 8, 8)) == [(trap, "1")]
    assert traps(nn.Sequential(nn.Conv2d(3, 8, 3), layer, nn.Flatten(), nn.Linear(8 * 36, 1)), (3, 8, 8)) == []


def test_dropout_that_drops_nothing_is_none():
    assert traps(converged(normed(nn.Linear(3, 3), nn.Dropout(0.0), nn.Linear(3, 1))), (3,)) == []


@pytest.mark.parametrize(
    ("operation", "trap"),
    [
        (lambda x: F.batch_norm(x, None, None, training=True), "batch norm under spectral norm"),
        (lambda x: F.instance_norm(x), "instance norm under spectral norm"),
        (lambda x: F.dropout(x, 0.3, False), "dropout under spectral norm"),
        (lambda x: F.dropout(x, 0.0, False), None),
        (F.relu, None),
    ],
)
def test_the_same_in_a_networks_own_code_is_seen_in_a_forward_pass(operation, trap):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = normed(nn.Conv2d(3, 8, 3))

        def forward(self, x):
            return operation(self.body(x))

    net = converged(Own())
    assert traps(net, (3, 8, 8)) == ([(trap, "(the network)")] if trap else [])
    assert traps(net) == []


def test_batch_norm_says_what_it_multiplies_by():
    net = normed(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2, eps=0))
    net[1].running_var.copy_(torch.tensor([0.25, 100.0]))
    net[1].weight.data.copy_(torch.tensor([1.5, -1.0]))
    assert "by up to 3 in evaluation" in next(each.why for each in audit(net).warnings if "batch norm" in each.trap)


def test_layer_norm_says_how_steep_it_can_be():
    net = normed(nn.Linear(3, 3), nn.LayerNorm(3, eps=1e-4))
    assert "at 100" in next(each.why for each in audit(net).warnings if "layer norm" in each.trap)


class Attention(nn.Module):
    """As in SAGAN; `scores` makes logits of queries and keys."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores
        self.query, self.key, self.value = (torch_norm(nn.Linear(8, 8)) for _ in range(3))
        self.softmax = nn.Softmax(-1)

    def forward(self, x):
        return self.softmax(self.scores(self.query(x), self.key(x))) @ self.value(x)


def test_dot_product_attention():
    name = "dot-product attention"
    own = nn.Sequential(Attention(lambda q, k: q @ k.mT))
    built_in = nn.Sequential(nn.MultiheadAttention(8, 2))
    torch_norm(built_in[0], "in_proj_weight")
    torch_norm(built_in[0].out_proj)
    fused = nn.Sequential(Attention(lambda q, k: F.scaled_dot_product_attention(q, k, k)))
    for network, shape in ((own, (5, 8)), (own, None), (built_in, None), (fused, (8, 8))):
        assert (name, "0") in traps(network, shape)
    gate = nn.Sequential(converged(torch_norm(nn.Linear(8, 8))), nn.Softmax(-1))
    assert traps(gate, (5, 8)) == []
    bare = Attention(lambda q, k: q @ k.mT)
    for layer in (bare.query, bare.key, bare.value):
        parametrize.remove_parametrizations(layer, "weight")
    assert traps(bare, (5, 8)) == []  # nothing is bounded there, so nothing is voided
