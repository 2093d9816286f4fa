"""What training loops print for people."""

import numpy as np
import pytest

from steadygan.errors import DataError
from steadygan.foreign import Wish, readers
from steadygan.foreign.phrases import phrase

PREAMBLE = "Namespace(lr=0.0002, n_epochs=200, b1=0.5)\nLoading /data/x\n  (0): Conv2d(3, 64, kernel_size=(4, 4))\n"
LOSSES = {"loss/discriminator", "loss/generator"}
# A line for reading i of 400, and the steps of the first two readings and of the last one.
FORMS = {
    "PyTorch-GAN": (
        lambda i: f"[Epoch {i // 10 + 1}/200] [Batch {90 * (i % 10)}/938] [D loss: 0.63] [G loss: 1.2]",
        (0, 90, 39 * 938 + 810),
    ),
    "DCGAN": (
        lambda i: f"[{i // 10}/25][{90 * (i % 10)}/938]\tLoss_D: 0.6\tLoss_G: 1.2\tD(x): 0.6\tD(G(z)): 0.3 / 0.2",
        (0, 90, 39 * 938 + 810),
    ),
    "a header": (
        lambda i: ("" if i % 10 else f"Epoch {i // 10 + 1}/40\n") + f"  batch {90 * (i % 10)}/938: D loss 0.6 G loss 1.2",
        (0, 90, 39 * 938 + 810),
    ),
    "a bar": (
        lambda i: f"Epoch {i // 10}:  42%|#6   | {90 * (i % 10)}/938 [00:12<00:15, 33.1it/s, d_loss=0.6, g_loss=1.2]\r",
        (0, 90, 39 * 938 + 810),
    ),
    "plain": (lambda i: f"step {50 * i} d_loss=0.63 g_loss=1.20", (0, 50, 19950)),
    "a mapping": (lambda i: f"{{'loss_d': 0.63, 'loss_g': 1.2, 'step': {50 * i}}}", (0, 50, 19950)),
    "numpy": (
        lambda i: f"{{'step': {50 * i}, 'loss_d': np.float64(0.6), 'loss_g': tensor(1., device='cuda:0')}}",
        (0, 50, 19950),
    ),
    "a logger": (
        lambda i: f"2024-01-01 12:00:{i % 60:02d},123 - INFO - Iteration {50 * i}: loss D 0.6, loss G 1.2.",
        (0, 50, 19950),
    ),
    "Keras-GAN": (lambda i: f"{50 * i} [D loss: 0.63, acc.: 50.00%] [G loss: 1.2]", (0, 50, 19950)),
    "BigGAN": (lambda i: f"{i}/1000 (0.1%) (TE/ET1k: 0:12 / 1:33) itr: {50 * i}, G_loss : +1.2, D_loss : -0.3", (0, 50, 19950)),
    "mimicry": (
        lambda i: f"INFO: [Epoch 1/128][Global Step: {50 * i}/100000] | D(G(z)): 0.4 | errD: 0.6 | errG: 1.2 | (0.3 sec/idx)",
        (0, 50, 19950),
    ),
    "colours": (lambda i: f"\x1b[32m[{50 * i}]\x1b[0m d_loss: 0.6 | g_loss: 1.2", (0, 50, 19950)),
    "JSON": (lambda i: f'INFO:root:{{"step": {50 * i}, "d_loss": 0.6, "g_loss": 1.2}}', (0, 50, 19950)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("preamble", ["", PREAMBLE])
def test_forms(write, read, form, preamble):
    line, steps = FORMS[form]
    run = read(write("train.log", preamble + "".join(f"{line(i)}\n" for i in range(400))))
    found = run.history.steps()
    assert (len(found), found[0], found[1], found[-1]) == (400, *steps)
    assert {one.series for one in run.naming.chosen.values()} >= LOSSES
    assert not any("passed over" in note for note in run.notes)


def test_epochs_alone(write, read):
    run = read(write("train.log", "".join(f"Epoch: {i}, Generator loss: 1.2, Discriminator loss: 0.6\n" for i in range(40))))
    assert run.log.unit == "epoch"
    assert len(run.history) == 40


def test_what_is_not_finite_is_seen(write, read):
    lines = [f"step {50 * i} d_loss={0.6 if i < 30 else 'nan'} g_loss=-inf" for i in range(40)]
    history = read(write("log.txt", "\n".join(lines))).history
    assert np.isnan(history["loss/discriminator"]).sum() == 10
    assert set(history["loss/generator"]) == {-np.inf}


def test_numbers_that_are_none():
    said = phrase("12:30:05 v1.2.3, 33.1it/s ETA 0:12:33 'cuda:0' 2024-01-01 loss=0.5x d_loss=.5.", lambda name: True)
    assert said.values == {"d_loss": 0.5}


def test_names_that_nobody_knows_are_named(write, read):
    path = write("train.log", PREAMBLE + "".join(f"[Batch {50 * i}] verlust_a: 0.6, verlust_b: 1.2\n" for i in range(40)))
    with pytest.raises(DataError, match="verlust_a, verlust_b; say what they are"):
        read(path)
    run = read(path, {"loss/discriminator": "verlust_a"})
    assert run.history["loss/discriminator"].tolist() == [0.6] * 40
    assert run.naming.left_out == {"verlust_b": ""}


def test_one_printed_log_in_a_folder(write, read, tmp_path):
    text = "".join(f"step {50 * i} d_loss=0.6\n" for i in range(40))
    write("run/train.log", text)
    write("run/notes.txt", "remember the milk\n")
    assert len(read(tmp_path / "run").history) == 40
    write("run/again.log", text)
    with pytest.raises(DataError, match=r"there are 2 logs in it: again.log, train.log"):
        read(tmp_path / "run")


def test_a_table_is_no_printed_log(write, read, rows):
    assert len(read(write("table.txt", "# lr_g: 0.0002\nstep d_loss g_loss\n" + rows(40, separator=" "))).history) == 40
    tensors = "".join(f"{50 * i},\"tensor(0.5, device='cuda:0')\",0.9\n" for i in range(40))
    assert read(write("tensors", "step,d_loss,g_loss\n" + tensors)).history["loss/discriminator"].tolist() == [0.5] * 40


def test_one_that_grows(write):
    path = write("train.log", PREAMBLE)
    reader = readers(path, Wish({}, follow=True))[""]
    reader.read()
    assert reader.logs() == []
    with path.open("a") as file:
        file.write("Epoch 1/3\nstep 0 d_loss=1\nstep 50 d_lo")
    reader.read()
    assert reader.logs()[0].columns["d_loss"].read()[1].tolist() == [1]
    with path.open("a") as file:
        file.write("ss=2\n")
    reader.read()
    assert reader.logs()[0].columns["d_loss"].read()[0].tolist() == [0, 50]
