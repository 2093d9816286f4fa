"""How many cells at once, and which GPUs each worker sees. No GPU is needed: torch is made to say what there is."""

import os
import subprocess
import sys

import pytest
from study_cells import task_of, tiny

from steadygan.study import room
from steadygan.study.local import Local
from steadygan.study.room import cards, dealt, workers_for


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many cores and GPUs, and memory for whatever."""

    def have(cores=16, gpus=0, visible=None):
        monkeypatch.setattr(room, "cores", lambda: cores)
        monkeypatch.setattr(room, "free_memory", lambda: 2**40)
        monkeypatch.setattr("torch.cuda.is_available", lambda: gpus > 0)
        monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return have


@pytest.mark.parametrize(
    ("gpus", "asked", "found"),
    [
        (0, None, (16, "16 cores")),
        (1, None, (1, "1 GPU")),
        (2, None, (2, "2 GPUs")),
        (16, None, (16, "16 cores")),
        (40, None, (16, "16 cores")),
        (0, 4, (4, "as asked")),
        (4, 4, (4, "as asked")),
        (1, 4, (4, "as asked, sharing 1 GPU")),
        (2, 99, (16, "99 asked for, but 16 cores, sharing 2 GPUs")),
    ],
)
def test_no_two_cells_share_a_gpu_unless_that_is_asked_for(machine, gpus, asked, found):
    machine(gpus=gpus)
    assert workers_for(asked) == found


def test_cells_that_use_no_gpu_have_all_cores(machine):
    machine(gpus=1)
    assert workers_for(None, on_gpu=False) == (16, "16 cores")
    assert workers_for(4, on_gpu=False) == (4, "as asked")


def test_memory_limits_workers_too(machine, monkeypatch):
    machine()
    monkeypatch.setattr(room, "free_memory", lambda: room.LEFT + 2 * room.EACH)
    assert workers_for(None)[0] == 2


@pytest.mark.parametrize(
    ("gpus", "visible", "found"),
    [
        (0, None, []),
        (3, None, ["0", "1", "2"]),
        (2, "5, 3", ["5", "3"]),
        (1, "GPU-ab,-1,2", ["GPU-ab"]),  # CUDA itself passes over what follows a name that is none
        (0, "", []),
        (0, "-1", []),
    ],
)
def test_gpus_are_known_by_the_names_that_are_visible_already(machine, gpus, visible, found):
    machine(gpus=gpus, visible=visible)
    assert cards() == found


@pytest.mark.parametrize("gpus", range(1, 9))
@pytest.mark.parametrize("workers", range(1, 9))
def test_workers_have_gpus_of_their_own_and_as_many_each(gpus, workers):
    names = [f"GPU-{number}" for number in range(gpus)]
    shares = [dealt(names, slot, workers) for slot in range(workers)]
    held = [name for share in shares for name in share]
    assert {len(share) for share in shares} == {max(gpus // workers, 1)}
    assert max(map(held.count, held)) == -(-workers // gpus)


@pytest.fixture
def begun(monkeypatch):
    """The environments of the worker processes that were begun; the processes themselves only wait for their end."""
    seen, popen = [], subprocess.Popen

    def begin(command, *, env, **how):
        seen.append(env)
        return popen([sys.executable, "-c", "input()"], env=env, **how)

    monkeypatch.setattr("steadygan.study.local.subprocess.Popen", begin)
    return seen


@pytest.mark.parametrize(("visible", "first", "second"), [(None, "0", "1"), ("6,4", "6", "4")])
def test_each_worker_process_sees_its_gpu_alone_and_one_in_its_place_the_same(machine, begun, tmp_path, visible, first, second):
    machine(gpus=2, visible=visible)
    study, backend = tiny(), Local(2, tmp_path)
    one, two, three = study.cells()[:3]
    try:
        backend.submit(task_of(study, one, tmp_path))
        backend.submit(task_of(study, two, tmp_path))
        backend.kill(two)
        backend.submit(task_of(study, three, tmp_path))
        assert [env["CUDA_VISIBLE_DEVICES"] for env in begun] == [first, second, second]
        assert {env["OMP_NUM_THREADS"] for env in begun} == {"1"}
    finally:
        backend.kill(one)
        backend.kill(three)
        backend.close()


@pytest.mark.parametrize("visible", [None, "", "-1"])
def test_without_gpus_a_worker_sees_what_its_driver_sees(machine, begun, tmp_path, visible):
    machine(visible=visible)
    study, backend = tiny(), Local(2, tmp_path)
    try:
        backend.submit(task_of(study, study.cells()[0], tmp_path))
        assert begun[0].get("CUDA_VISIBLE_DEVICES") == visible == os.environ.get("CUDA_VISIBLE_DEVICES")
    finally:
        backend.kill(study.cells()[0])
        backend.close()


def test_listing_claims_counts_no_gpus():
    listed = "import sys; from steadygan.cli.study import list_claims; list_claims()"
    program = f"{listed}; sys.exit('steadygan.study.room' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
