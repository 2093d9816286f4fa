"""An audit as a table for a person and as JSON for a program."""

import json
import math

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm as torch_norm

from steadygan.spectral.audit import audit


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
