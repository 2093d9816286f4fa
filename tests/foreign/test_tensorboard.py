"""TensorBoard event files, written by its own writers."""

import warnings

import pytest
from torch.utils.tensorboard import SummaryWriter

from steadygan.errors import DataError
from steadygan.foreign import Wish, read_logs
from steadygan.foreign.tensorboard import Events


@pytest.fixture
def events(tmp_path):
    """`events(folder, {tag: {step: value}})` writes an event file."""

    def make(folder, tags, walltime=None, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            writer = SummaryWriter(str(tmp_path / folder), **options)
            for tag, values in tags.items():
                for step, value in values.items():
                    writer.add_scalar(tag, value, step, walltime=walltime and walltime(step))
            writer.add_text("words", "hello", 1)
            writer.close()
        return tmp_path / folder

    return make


def series(n, value=0.5, every=50, start=0):
    return {start + every * i: value for i in range(n)}


def test_scalars_of_one_run(events, read):
    folder = events("run", {"Loss/D": series(20), "Loss/G": series(20, float("nan"))})
    for place in (folder, folder.parent, *folder.iterdir()):
        run = read(place)
        assert list(run.naming.chosen) == ["Loss/D", "Loss/G"]
        assert run.history.steps().tolist() == list(range(0, 1000, 50))


def test_each_tag_has_its_own_steps(events, read):
    run = read(events("run", {"d_loss": series(20), "fid": {500: 30.0}}))
    assert run.history.steps("score/fid").tolist() == [500]


def test_a_later_session_overrides(events, read):
    events("run", {"d_loss": series(40, 1.0), "g_loss": series(40, 1.0)}, filename_suffix=".1")
    run = read(events("run", {"d_loss": series(10, 2.0, start=1000)}, purge_step=1000, filename_suffix=".2"))
    assert run.history.steps("loss/discriminator")[-1] == 1450
    assert run.history["loss/discriminator"].tolist() == [1.0] * 20 + [2.0] * 10
    assert run.history.steps("loss/generator")[-1] == 950  # purged, and not logged again
    assert any("loss/generator ends" in note for note in run.notes) is False  # it ends soon enough before the rest


def test_folders_of_add_scalars_belong_to_their_run(events, read):
    events("run", {"d_loss": series(20)})
    events("run/score_real", {"score": series(20, 2.0)})
    run = read(events("run/score_fake", {"score": series(20, -2.0)}).parent)
    assert {column: guess.series for column, guess in run.naming.chosen.items()} == {
        "d_loss": "loss/discriminator",
        "score_real/score": "logit/real",
        "score_fake/score": "logit/fake",
    }


def test_several_runs_are_read_one_by_one(events):
    events("runs/a", {"d_loss": series(20)})
    events("runs/deep/b", {"d_loss": series(30)})
    runs = read_logs(events("runs/empty", {}).parent / "a") + read_logs(events("runs/c", {"g_loss": series(10)}))
    assert [len(run.history) for run in runs] == [20, 10]
    folder = events("two/a", {"d_loss": series(20)}).parent
    events("two/deep/b", {"d_loss": series(30)})
    assert [(run.name, len(run.history)) for run in read_logs(folder)] == [("a", 20), ("deep/b", 30)]


def test_the_halves_that_keras_makes_are_one_run(events, read):
    events("logs/validation", {"d_loss": series(20, 9.0)})
    run = read(events("logs/train", {"d_loss": series(20)}).parent)
    assert set(run.history["loss/discriminator"]) == {0.5}
    assert list(run.naming.chosen) == ["train/d_loss"]
    assert list(run.naming.left_out) == ["validation/d_loss"]


def test_steps_that_take_minutes_are_epochs(events, read):
    folder = events("run", {"d_loss": series(30, every=1)}, walltime=lambda step: 1e9 + 300 * step)
    run = read(folder)
    assert run.history.steps()[-1] == 29_000
    assert run.notes[0] == "A step took 300 seconds, so it is read as an epoch; --map step=step says it is none."
    assert read(folder, {"step": "step"}).history.steps()[-1] == 29


def test_steps_of_stylegan_are_thousands_of_images(events, read):
    run = read(events("run", {"Loss/D/loss": series(30, every=4), "Progress/kimg": series(30, every=4)}))
    assert run.history.steps()[1] == 125


def test_numbers_in_tensors_are_read_too(tmp_path, read):
    import numpy as np
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(tmp_path))
    for step in range(0, 1000, 50):
        for tag, tensor in (
            ("d_loss", TensorProto(dtype=1, tensor_content=np.float32(0.25).tobytes())),
            ("g_loss", TensorProto(dtype=1, float_val=[0.75])),
            ("kid", TensorProto(dtype=2, double_val=[1.5])),
            ("grad_norm_d", TensorProto(dtype=1, tensor_content=np.zeros(2, np.float32).tobytes())),
        ):
            value = Summary.Value(tag=tag, tensor=tensor)
            value.metadata.plugin_data.plugin_name = "scalars"
            writer.add_event(Event(step=step, wall_time=step, summary=Summary(value=[value])))
    writer.close()
    run = read(tmp_path)
    assert set(run.history["loss/discriminator"]) == {0.25}
    assert set(run.history["loss/generator"]) == {0.75}
    assert set(run.history["score/kid"]) == {1.5}
    assert np.isnan(run.history["grad_norm/discriminator"]).all()


@pytest.mark.parametrize("content", [b"", b"\x07" * 500])
def test_event_files_without_events(write, read, content):
    with pytest.raises(DataError, match="no numbers in it"):
        read(write("events.out.tfevents.1", content))


def test_an_event_file_that_was_cut_short(events, read):
    folder = events("run", {"d_loss": series(40)})
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-300])
    assert 10 < len(read(folder).history) < 40


def test_event_files_that_grow_are_read_on(tmp_path):
    def add(writer, start):
        for step in range(start, start + 500, 50):
            writer.add_scalar("d_loss", float(start), step)
        writer.flush()
        news = reader.read()
        return news, reader.logs()[0].columns["d_loss"].read()[1].tolist()

    reader = Events(tmp_path, Wish({}, follow=True))
    assert not reader.read()
    first = SummaryWriter(str(tmp_path), filename_suffix=".1")
    assert add(first, 0) == (True, [0.0] * 10)
    assert add(first, 500) == (True, [0.0] * 10 + [500.0] * 10)
    assert not reader.read()
    second = SummaryWriter(str(tmp_path), filename_suffix=".2")
    assert add(second, 700)[1] == [0.0] * 10 + [500.0] * 4 + [700.0] * 10
    first.close()
    second.close()
