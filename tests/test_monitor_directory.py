"""Where a monitor writes: going on, going back, and what it refuses; and networks as other libraries wrap them."""

import json
import math
from itertools import chain

import pytest
import torch
from torch import distributed, nn

from steadygan.errors import NetworkError, UsageError
from steadygan.history import History, read_jsonl
from steadygan.monitor import Monitor
from steadygan.monitor.account import Account
from steadygan.monitor.wrapped import is_main_process, refuse_sharded, unwrapped
from steadygan.monitoring import Spectrum


def watching(out=None, **more):
    return Monitor(nn.Linear(3, 6), nn.Linear(6, 1), out, **{"every": 2, **more})


def fed(monitor, steps, value=1.0):
    for _ in range(steps):
        with torch.no_grad():  # a player that stands still is a finding
            for parameter in chain(*monitor._reader.parameters.values()):
                parameter.add_(0.01)
        monitor.step(real_logits=torch.full((8,), value), fake_logits=torch.zeros(8))
    return monitor


def test_a_directory_is_continued(tmp_path):
    first = fed(watching(tmp_path), 7)
    seconds = first.history.last("time/seconds")
    second = watching(tmp_path)
    assert (second.steps, len(second.history)) == (6, 3)  # the seventh step was in no reading yet
    fed(second, 2)
    assert [record["step"] for record in read_jsonl(tmp_path / "history.jsonl")] == [2, 4, 6, 8]
    assert second.history.last("images_seen") == 64
    assert second.history.last("time/seconds") > seconds


def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(tmp_path):
    fed(watching(tmp_path), 4)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"step": 6, "logit/re')
    fed(watching(tmp_path), 2)
    assert History.read(tmp_path / "history.jsonl").steps("logit/real").tolist() == [2, 4, 6]


def test_going_back_to_a_checkpoint(tmp_path):
    monitor = fed(fed(watching(tmp_path), 10), 4, value=float("nan"))
    assert monitor.verdict.failed
    assert len(read_jsonl(tmp_path / "findings.jsonl")) == 1
    monitor.rewind(9)
    assert (monitor.steps, monitor.history.last("step"), monitor.verdict.failed) == (9, 8, False)
    assert read_jsonl(tmp_path / "findings.jsonl") == []
    assert json.loads((tmp_path / "outcome.json").read_text())["verdict"] == "WARMING-UP"
    fed(monitor, 1)
    assert [record["step"] for record in read_jsonl(tmp_path / "history.jsonl")] == [2, 4, 6, 8, 10]
    monitor.rewind(100)  # ahead: nothing is dropped
    assert (monitor.steps, len(monitor.history)) == (100, 5)
    with pytest.raises(UsageError, match="at least 0"):
        monitor.rewind(-1)


@pytest.mark.parametrize("name", ["history.jsonl", "environment.json", "outcome.json"])
def test_what_no_monitor_wrote_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text('{"step": 1}\n')
    with pytest.raises(UsageError, match=f"no monitor wrote \\({name}\\).*name another out"):
        watching(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == '{"step": 1}\n'


def test_other_files_beside_it_are_no_matter(tmp_path):
    (tmp_path / "config.yaml").write_text("steps: [")
    (tmp_path / "model.pt").write_bytes(b"\x80")
    fed(watching(tmp_path), 2)
    assert (tmp_path / "config.yaml").read_text() == "steps: ["


def test_a_place_that_cannot_be_written_to_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written to"):
        watching(tmp_path / "file")
    fed(watching(tmp_path / "run"), 4)
    lines = (tmp_path / "run" / "history.jsonl").read_text()
    (tmp_path / "run" / "history.jsonl").write_text("garbage\n" + lines)
    with pytest.raises(UsageError, match=r"history\.jsonl: damaged"):
        watching(tmp_path / "run")


@pytest.mark.parametrize("settings", [{"every": 0}, {"budget": 0}, {"budget": float("nan")}])
def test_settings_out_of_range(settings):
    with pytest.raises(UsageError, match="every must be at least 1 and budget above 0"):
        watching(**settings)


def test_only_networks_are_networks():
    with pytest.raises(UsageError, match=r"discriminator must be a torch module, got a list; put several .*ModuleList"):
        Monitor(nn.Identity(), [nn.Identity()])
    pair = Monitor(nn.Identity(), nn.ModuleList([nn.Linear(2, 1), nn.Linear(3, 1)]), every=1, budget=1e9)
    pair.step()
    assert pair.history.names("sigma/") == ["sigma/D.0", "sigma/D.1"]


def compiled(network):
    return torch.compile(network, backend="eager")


def test_wrappers_are_taken_off():
    network = nn.Sequential(nn.Linear(6, 1))
    for wrapped in (nn.DataParallel(network), compiled(network), compiled(nn.DataParallel(network))):
        assert unwrapped("discriminator", wrapped) is network
    own = nn.Module()
    own.module, own.scale = network, nn.Parameter(torch.ones(()))
    assert unwrapped("discriminator", own) is own  # it has a parameter of its own: no wrapper
    monitor = Monitor(nn.Identity(), compiled(network), every=1, budget=1e9)
    monitor.step()
    assert monitor.history.names("sigma/") == ["sigma/D.0"]


@pytest.fixture
def one_process(tmp_path):
    distributed.init_process_group("gloo", store=distributed.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_distributed_networks(one_process, monkeypatch, tmp_path):
    network = nn.Linear(6, 1)
    assert unwrapped("discriminator", nn.parallel.DistributedDataParallel(network)) is network
    assert is_main_process()
    monkeypatch.setattr(distributed, "get_rank", lambda: 1)
    assert not is_main_process()
    fed(watching(tmp_path / "run"), 4)
    assert not (tmp_path / "run").exists()  # the first process writes


def test_a_sharded_network_is_told_not_waited_for(one_process):
    """To read a shard all processes would have to be there: one alone would wait for ever."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_module, distribute_tensor

    def split(name, module, mesh):
        for key, parameter in list(module.named_parameters(recurse=False)):
            module.register_parameter(key, nn.Parameter(distribute_tensor(parameter.data, mesh, [Shard(0)])))

    network = distribute_module(nn.Linear(6, 4), init_device_mesh("cpu", (1,)), split)
    with pytest.raises(NetworkError, match="sharded"):
        refuse_sharded(network.parameters())
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    monitor = Monitor(nn.Linear(3, 6), network, every=1, budget=1e9)
    fed(monitor, 3)
    told = [finding.rule for finding in monitor.verdict.findings]
    assert told == [f"monitor/{what}" for what in ("grad_norm/discriminator", "update_norm/discriminator", "spectrum")]
    assert "logit/real" in monitor.history


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("price", [0.1, 1.0, 7.0])
def test_the_share_stays_within_the_budget_at_every_moment(price):
    """Steps of 1 s with 4 ms of cheap work, at a budget of 2%: 16 ms a step are left for what is dear."""
    clock = Clock()
    account, bought, shares = Account(0.02, clock), [], []
    for step in range(3000):
        with account:
            clock.now += 0.004
            if account.affords(price):
                clock.now += price
                account.buy(price)
                bought.append(step)
        shares.append(account.share)
        clock.now += 0.996
    apart = math.ceil(price / 0.016)  # steps until the price is saved
    assert len(bought) == pytest.approx(3000 / apart, abs=1)
    assert bought[0] == pytest.approx(apart, abs=1)
    assert max(shares[1:]) <= 0.02


def test_what_was_underestimated_is_owed_and_what_was_saved_is_forgotten():
    """At most what the last purchase took beyond its price is ever spent ahead, and a long pause buys one and not many."""
    clock, bought = Clock(), []
    account = Account(0.02, clock)
    for step in range(4000):
        with account:
            if account.affords(1.0):
                clock.now += 5.0
                account.buy(5.0)
                bought.append(step)
            ahead = account.share * account.seconds - 0.02 * account.seconds
        assert ahead <= 4.0
        clock.now += 1e5 if step == 2000 else 1.0
    assert len(bought) == pytest.approx(4000 / 250, abs=2)


def test_cheap_work_above_the_budget_is_done_and_told(monkeypatch):
    """Nothing dear is bought, nothing cheap is left out, and the history says what it cost."""
    clock, monitor = Clock(), watching(every=1)
    monitor._account.clock = clock
    take = monitor._reader.take_scalars

    def slow(scalars):
        clock.now += 0.1
        take(scalars)

    monkeypatch.setattr(monitor._reader, "take_scalars", slow)
    for _ in range(30):
        fed(monitor, 1)
        clock.now += 0.9
    assert monitor.cost == pytest.approx(0.1, rel=0.05)
    assert monitor.history.last("cost/monitor") == pytest.approx(0.1, rel=0.05)
    assert "sigma/D." not in monitor.history
    assert len(monitor.history.steps("logit/real")) == 30
    assert [finding.verdict for finding in monitor.verdict.findings] == ["MONITOR-COST"]
    assert "above the budget of 2.0%" in monitor.verdict.findings[0].reason


def test_only_the_spectra_are_stretched(monkeypatch):
    """A decomposition of 3 s in a loop of 1 s a step: one in 150 steps at 2%, a pause of a day in between or not; everything
    else at each reading."""
    clock, monitor = Clock(), watching(every=10)
    monitor._account.clock = clock
    measure = Spectrum.measure

    def slow(self, networks, batch):
        clock.now += 3.0
        return measure(self, networks, batch)

    monkeypatch.setattr(Spectrum, "measure", slow)
    for step in range(1600):
        fed(monitor, 1)
        clock.now += 1e5 if step == 900 else 1.0
    assert len(monitor.history.steps("logit/real")) == 160
    apart = monitor.history.steps("sigma/D.")[1:]
    apart = (apart[1:] - apart[:-1]).tolist()
    assert sorted(apart)[0] == 10  # the one that the pause paid for
    assert sorted(apart)[1:] == pytest.approx([150] * (len(apart) - 1), abs=20)
    assert monitor.history["cost/monitor"][20:].max() <= 0.02 + 1e-9
