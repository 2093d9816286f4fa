"""From a log to a history, with everything said that was done to it."""

import math
import random

import numpy as np
import pytest

from steadygan.errors import DataError, UsageError
from steadygan.foreign import read_logs


def table(columns, n=40, every=50):
    """A CSV of columns: name -> function of the row."""
    head = ",".join(["step", *columns])
    return head + "\n" + "".join(f"{every * i},{','.join(str(make(i)) for make in columns.values())}\n" for i in range(n))


def test_probabilities_become_logits(write, read):
    run = read(write("log.csv", table({"D(x)": lambda i: 0.5 + i / 100, "D(G(z))": lambda i: 0 if i == 3 else 0.25})))
    share = np.array([0.5 + i / 100 for i in range(40)])
    np.testing.assert_allclose(run.history["logit/real"], np.log(share / (1 - share)))
    assert run.history["logit/fake"][3] == pytest.approx(math.log(1e-6), rel=1e-5)
    assert run.notes == [
        "'D(x)' and 'D(G(z))' lie between 0 and 1, so they are read as probabilities p: the logit is log(p / (1 - p))."
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"D_real": lambda i: 0.5, "D_fake": lambda i: -0.5},  # one side leaves 0..1
        {"real_logits": lambda i: 0.5, "fake_logits": lambda i: 0.4},  # they say that they are logits
        {"D_real": lambda i: "nan", "D_fake": lambda i: 0.4},
    ],
)
def test_logits_stay_logits(write, read, columns):
    run = read(write("log.csv", table(columns)))
    assert not run.notes
    assert run.history["logit/fake"][0] in (-0.5, 0.4)


def test_the_spread_of_probabilities_is_no_spread_of_logits(write, read):
    run = read(write("log.csv", table({"D_real": lambda i: 0.6, "D_fake": lambda i: 0.4, "D_real_std": lambda i: 0.1})))
    assert "logit_std/real" not in run.history


def test_percent(write, read):
    run = read(write("log.csv", table({"d_acc": lambda i: 75.0, "real_acc": lambda i: 0.75})))
    assert set(run.history["accuracy/discriminator"]) == {0.75}
    assert set(run.history["accuracy/real"]) == {0.75}
    assert run.notes == ["'d_acc' is read as percent."]


def test_what_goes_beyond_one_is_no_accuracy(write, read):
    run = read(write("log.csv", table({"d_acc": lambda i: -3.0, "real_acc": lambda i: 1e300, "d_loss": lambda i: 1.0})))
    assert not run.history.names("accuracy/")
    assert len(run.notes) == 2
    assert run.notes[0] == "'d_acc' goes beyond 0 and 1, so it is no share of right answers: it is left out."


def test_accuracies_of_both_sides_make_that_of_the_discriminator(write, read):
    run = read(write("log.csv", table({"real_acc": lambda i: 0.9, "fake_acc": lambda i: 0.7})))
    assert run.history["accuracy/discriminator"][0] == pytest.approx(0.8)


def test_a_log_of_every_step_is_joined_and_said_so(write, read):
    noise = random.Random(0)
    run = read(
        write("log.csv", table({"D_real": lambda i: noise.gauss(1, 0.1), "D_fake": lambda i: noise.gauss(-1, 0.1)}, 2000, 1))
    )
    assert len(run.history) == 40
    assert "2,000 readings are joined to 40, of 50 steps each, by their means." in run.notes
    assert any("wobble is a lower bound" in note for note in run.notes)
    assert run.history["wobble/logits"].mean() == pytest.approx(1, abs=0.1)


def test_a_short_log_of_steps_may_be_one_of_epochs(write, read):
    path = write("log.csv", table({"d_loss": lambda i: 0.5}, 200, 1))
    assert read(path).notes[-1] == "If 'step' counts epochs, say --map epoch=step."
    run = read(path, {"epoch": "step"})
    assert len(run.history) == 200
    assert run.step(3000) == "step 3,000 (epoch 3)"
    assert run.notes == ["An epoch counts as 1,000 steps: step 1,000 is epoch 1."]


def test_images_are_counted_in_batches(write, read):
    run = read(write("log.csv", table({"d_loss": lambda i: 0.5, "g_loss": lambda i: 0.5}, 20, 3200)), {"images": "step"})
    assert run.history.steps().tolist() == list(range(0, 2000, 100))


def test_images_that_make_less_than_a_step_each(write, read):
    run = read(write("log.csv", table({"d_loss": lambda i: i}, 100, 16)), {"images": "step"})
    assert run.history.steps().tolist() == list(range(50))
    assert run.history["loss/discriminator"].tolist() == list(range(1, 100, 2))


def test_a_series_that_ends_early_is_told(write, read):
    run = read(write("log.csv", table({"d_loss": lambda i: 0.5, "g_loss": lambda i: 0.5 if i < 50 else ""}, 100)))
    assert run.notes == ["loss/generator ends at step 2,450 of 4,950. If it became NaN there, the log left that out."]


def test_columns_that_were_given(write, read):
    path = write("log.csv", table({"a": lambda i: 1.0, "b": lambda i: 2.0, "d_loss": lambda i: 3.0}))
    run = read(path, {"loss/discriminator": "a", "sigma/D.all": "b"})
    assert set(run.history["loss/discriminator"]) == {1.0}
    assert set(run.history["sigma/D.all"]) == {2.0}
    assert run.naming.left_out == {"d_loss": "loss/discriminator is a"}
    with pytest.raises(UsageError, match=r"--map loss/generator=c: there is no such column; columns: "):
        read(path, {"loss/generator": "c"})
    with pytest.raises(UsageError, match="no such column"):
        read(path, {"step": "iteration"})


def test_a_column_of_words_cannot_be_given(write, read):
    path = write("log.csv", table({"a": lambda i: "x"}))
    with pytest.raises(DataError, match="a hold no numbers"):
        read(path, {"loss/discriminator": "a"})


def test_a_column_that_is_given_for_the_steps(write, read):
    run = read(write("log.csv", "schritt,d_loss\n" + "".join(f"{100 * i},0.5\n" for i in range(20))), {"step": "schritt"})
    assert run.history.steps()[-1] == 1900
    assert not run.notes


def test_huge_and_tiny_numbers_are_no_problem(write):
    path = write("log.csv", table({"d_loss": lambda i: f"1e{i * 30 - 600}", "D_real": lambda i: f"-1e{i * 30 - 600}"}, 40, 1))
    (run,) = read_logs(path)
    assert len(run.history) == 1
