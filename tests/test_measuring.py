import torch
from torch import nn

from steadygan.measuring import Meter, untouched


def test_means_since_the_last_reading():
    meter = Meter()
    for value in (1.0, 2.0, 6.0):
        meter.add({"loss": torch.tensor(value)})
    meter.add({"penalty": torch.tensor(5.0)})
    assert meter.read() == {"loss": 3.0, "penalty": 5.0}
    assert meter.read() == {}


def test_a_meter_goes_through_notes_bit_for_bit():
    whole, first = Meter(), Meter()
    values = torch.randn(20) / 3
    for value in values:
        whole.add({"x": value})
    for value in values[:7]:
        first.add({"x": value})
    second = Meter.of(first.notes(), torch.device("cpu"))
    for value in values[7:]:
        second.add({"x": value})
    assert second.read() == whole.read()


def test_untouched_gives_buffers_back():
    norm = nn.BatchNorm1d(3)
    before = norm.running_mean.clone()
    with untouched(norm):
        norm(torch.randn(8, 3) + 5)
        assert not torch.equal(norm.running_mean, before)
    assert torch.equal(norm.running_mean, before)
