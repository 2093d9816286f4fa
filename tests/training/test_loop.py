import copy

import torch

from steadygan.losses import Hinge
from steadygan.stabilizers import SpectralNormalization
from steadygan.training import Method, Schedule, train_steps


def weights(state):
    return [p.detach().clone() for network in vars(state.networks).values() for p in network.parameters()]


def test_records_count_steps_and_images(networks, stream, new_state):
    records = list(train_steps(new_state(networks), stream, Method(Hinge(), n_critic=3), 4))
    assert [record.step for record in records] == [1, 2, 3, 4]
    assert [record.images_seen for record in records] == [24, 48, 72, 96]
    assert all(not value.requires_grad for value in records[-1].readings.values())


def test_stopping_and_going_on_is_playing_through(networks, stream, new_state):
    method = Method(Hinge(), (SpectralNormalization(),))
    method.stabilizers[0].prepare(networks)
    state = new_state(networks)
    for record in train_steps(state, stream, method, 6):
        if record.step == 3:
            break
    middle = weights(state)
    list(train_steps(state, stream, method, 6))
    assert state.step == 6
    assert any(not torch.equal(a, b) for a, b in zip(middle, weights(state), strict=True))


def test_the_same_seeds_give_the_same_weights(networks, stream, new_state):
    twin = copy.deepcopy(networks)
    states = [new_state(networks), new_state(twin)]
    for state in states:
        list(train_steps(state, stream, Method(Hinge()), 3))
    assert all(torch.equal(a, b) for a, b in zip(*map(weights, states), strict=True))


def test_the_schedule_is_followed(networks, stream, new_state):
    state = new_state(networks)
    state.schedules = (Schedule(learning_rate=1.0, horizon=4), Schedule(learning_rate=2.0, horizon=4))
    rates = [[o.param_groups[0]["lr"] for o in state.optimizers] for _ in train_steps(state, stream, Method(Hinge()), 4)]
    assert rates == [[1.0, 2.0], [0.75, 1.5], [0.5, 1.0], [0.25, 0.5]]
