"""The audit calls a network: it leaves no trace, and gives rows where it cannot call it."""

import copy

import torch
from torch import nn
from torch.nn.utils import spectral_norm as torch_hook
from torch.nn.utils.parametrizations import spectral_norm as torch_norm

from steadygan.spectral import SpectralNorm, spectral_norm
from steadygan.spectral.audit import audit


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


def test_progress_counts_to_its_total():
    told = []
    audit(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), (3, 8, 8), progress=lambda *numbers: told.append(numbers))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert {total for _, total in told} == {len(told)}
