"""Tables of numbers, however they are written."""

import codecs
import math

import pytest

from steadygan.errors import DataError
from steadygan.foreign import read_logs
from steadygan.foreign.sniffing import form_of, number

HEAD = "step,d_loss,g_loss\n"


def values(run, series):
    return dict(zip(run.history.steps(series).tolist(), run.history[series].tolist(), strict=True))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "  ", " , "])
def test_any_separator(write, read, rows, separator):
    run = read(write("log.csv", HEAD.replace(",", separator) + rows(20, separator=separator)))
    assert [guess.series for guess in run.naming.chosen.values()] == ["loss/discriminator", "loss/generator"]
    assert len(run.history) == 20
    assert run.history.steps()[-1] == 950


def test_decimal_commas(write, read):
    run = read(write("log.csv", "step;d_loss;g_loss\n" + "".join(f"{50 * i};0,5;1,25\n" for i in range(20))))
    assert set(run.history["loss/generator"]) == {1.25}


def test_mixed_separators(write, read):
    text = HEAD + "".join(";\t,"[i % 3].join((str(50 * i), "0.5", "0.6")) + "\n" for i in range(30))
    run = read(write("log.csv", text))
    assert len(run.history) == 30
    assert set(run.history["loss/generator"]) == {0.6}


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
    ],
)
def test_encodings_and_ends_of_lines(write, read, rows, encode):
    run = read(write("log.csv", encode("step,Verlust_é,损失,d_loss\n" + rows(20).replace("\n", ",0.5\n"))))
    assert len(run.history) == 20
    assert list(run.naming.left_out) == ["Verlust_é", "损失"]


def test_names_that_are_no_utf8(write, read, rows):
    run = read(write("log.csv", "step,perte_é,d_loss\n" + rows(20), encoding="latin-1"))
    assert list(run.naming.left_out) == ["perte_é"]


def test_a_heading_behind_a_hash_comments_and_a_heading_that_comes_again(write, read, rows):
    text = (
        "# step d_loss g_loss\n"
        + rows(10, separator=" ")
        + "# resumed\nstep d_loss g_loss\n"
        + rows(10, start=500, separator=" ")
    )
    run = read(write("log.txt", text))
    assert len(run.history) == 20
    assert run.notes == []


def test_words_and_dates_beside_the_numbers(write, read, rows):
    text = "when,step,d_loss,g_loss,note\n" + "".join(f"2026-01-01 10:00:00,{row},fine\n" for row in rows(20).splitlines())
    assert len(read(write("log.csv", text)).history) == 20


def test_quotes_blanks_and_names_that_come_twice(write, read):
    text = '"step" , "d_loss", "d_loss", ""\n' + "".join(f'"{50 * i}", "0.5", 0.6 ,7\n' for i in range(20))
    run = read(write("log.csv", text))
    assert run.naming.left_out == {"d_loss (2)": "loss/discriminator is d_loss", "column 4": ""}
    assert set(run.history["loss/discriminator"]) == {0.5}


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        ("tensor(0.25, grad_fn=<X>)", 0.25),
        ("12%", 12.0),
        ("-inf", -math.inf),
        ("1.#INF", math.inf),
    ],
)
def test_numbers(cell, found):
    assert number(cell) == found


@pytest.mark.parametrize("cell", ["nan", "NaN", "-nan(ind)", "1.#QNAN", "tensor(nan)"])
def test_what_is_not_a_number(cell):
    assert math.isnan(number(cell))


@pytest.mark.parametrize("cell", ["", " ", "None", "null", "N/A", "-"])
def test_what_is_missing(cell):
    assert number(cell) is None


@pytest.mark.parametrize("cell", ["x", "1,5", "0x10", "1.2.3"])
def test_what_is_none(cell):
    with pytest.raises(ValueError):
        number(cell)


def test_an_empty_cell_is_missing_and_nan_is_a_number_that_was_logged(write, read):
    text = HEAD + "0,0.5,0.6\n50,,nan\n100,0.7,\n"
    run = read(write("log.csv", text))
    assert values(run, "loss/discriminator") == {0: 0.5, 100: 0.7}
    assert list(values(run, "loss/generator")) == [0, 50]
    assert math.isnan(values(run, "loss/generator")[50])


def test_lines_that_are_no_rows_are_counted(write, read, rows):
    run = read(write("log.csv", HEAD + rows(10) + "oops\n" + rows(10, start=500) + "1000,0."))
    assert len(run.history) == 20
    assert "2 lines were passed over as no rows, the first is line 12." in run.notes


def test_without_a_heading_columns_are_numbered(write, read, rows):
    path = write("log.csv", rows(20))
    with pytest.raises(DataError, match=r"log.csv: none of its columns is known by its name: column 1, column 2, column 3"):
        read(path)
    run = read(path, {"step": "column 1", "loss/discriminator": "column 2"})
    assert run.history.steps()[-1] == 950


def test_one_column_counts_its_rows(write, read):
    run = read(write("log.csv", "d_loss\n" + "0.5\n0.6\n" * 50))
    assert run.history.steps().tolist() == list(range(1, 101))
    assert any("rows are counted" in note for note in run.notes)


def test_three_rows(write, read, rows):
    assert len(read(write("log.csv", HEAD + rows(3))).history) == 3


def test_a_resume_and_steps_twice(write, read):
    text = HEAD + "".join(f"{50 * i},1,1\n" for i in range(40)) + "".join(f"{50 * i},2,2\n" for i in range(20, 50))
    run = read(write("log.csv", text))
    found = values(run, "loss/discriminator")
    assert list(found) == [50 * i for i in range(50)]
    assert all(value == (1 if step < 1000 else 2) for step, value in found.items())
    assert "'step' goes back to 1,000: what was logged before from there on is left out." in run.notes


def test_batches_that_start_over_in_each_epoch(write, read):
    text = "epoch,iter,d_loss\n" + "".join(f"{e},{i},{e}\n" for e in range(5) for i in range(0, 1000, 100))
    run = read(write("log.csv", text))
    assert run.history.steps().tolist() == list(range(0, 5000, 100))
    assert run.history["loss/discriminator"].tolist() == [e for e in range(5) for _ in range(10)]


def test_batches_that_start_over_without_an_epoch_are_counted(write, read):
    run = read(write("log.csv", "iter,d_loss\n" + "".join(f"{i % 10},0.5\n" for i in range(300))))
    assert run.history.steps().tolist() == list(range(1, 301))
    assert any("starts over" in note for note in run.notes)


def test_epochs_that_stay_the_same_over_many_rows_are_counted(write, read):
    run = read(write("log.csv", "epoch,d_loss\n" + "".join(f"{i // 100},0.5\n" for i in range(300))))
    assert len(run.history) == 300


@pytest.mark.parametrize("order", [lambda n: range(n - 1, -1, -1), lambda n: [i * 7 % n for i in range(n)]])
def test_rows_in_no_order(write, read, order):
    run = read(write("log.csv", HEAD + "".join(f"{50 * i},{i},0\n" for i in order(100))))
    assert run.history["loss/discriminator"].tolist() == list(range(100))
    assert any("put in order" in note for note in run.notes)


def test_steps_that_are_none(write, read, rows):
    run = read(write("log.csv", HEAD + rows(20) + "nan,1,1\n1e300,1,1\n,1,1\n"))
    assert len(run.history) == 20
    assert "3 rows without a number in 'step' were passed over." in run.notes


def test_an_export_of_wandb(write):
    names = [f"{run} - d_loss{end}" for run in ("run-a", "b - c") for end in ("", "__MIN", "__MAX")]
    head = ",".join(f'"{name}"' for name in ("Step", *names)) + "\n"
    path = write("export.csv", head + "".join(f'"{50 * i}","1","0","2","{3 if i < 9 else ""}","3","3"\n' for i in range(20)))
    runs = read_logs(path)
    assert [run.name for run in runs] == ["b - c", "run-a"]
    assert [len(run.history) for run in runs] == [9, 20]
    assert all(list(run.naming.chosen) == ["d_loss"] and not run.naming.left_out for run in runs)
    (one,) = read_logs(path, {"loss/generator": "run-a - d_loss"})
    assert set(one.history["loss/generator"]) == {1.0}


def test_of_nothing_there_is_no_form():
    assert form_of([]) is None
    assert form_of(["hello", "you there"]) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (b"step,d_loss\n", "no rows of numbers"),
        (b"once upon a time\nthere was\n", "no rows of numbers"),
        (b"\0\1\2\3" * 100, "this is no text"),
        (b"\x89PNG\r\n\x1a\n", "PNG image; folders of images go to --samples"),
        (b"PK\x03\x04abc", "zip archive"),
        (b"\x80\x04\x95" + b"a" * 50, "pickle"),
        (b"step,time\n" + b"1,2\n" * 9, "none of its columns is known"),
        (b"step\n" + b"1\n" * 9, "no numbers in it but steps"),
    ],
)
def test_what_cannot_be_judged(write, content, words):
    path = write("log.csv", content)
    with pytest.raises(DataError, match=words) as raised:
        read_logs(path)
    assert str(path) in raised.value.problem
    assert raised.value.hint


def test_a_large_file_is_read_in_blocks(write, read, monkeypatch):
    monkeypatch.setattr("steadygan.foreign.text.BLOCK", 1000)
    monkeypatch.setattr("steadygan.foreign.tables.PART", 7)
    text = "step,d_loss,n\n" + "".join(f"{50 * i},{i},ü\n" for i in range(400))
    run = read(write("log.csv", text))
    assert run.history["loss/discriminator"].tolist() == list(range(400))


def test_a_line_without_end_is_no_log(write, read, monkeypatch):
    monkeypatch.setattr("steadygan.foreign.text.LONGEST_LINE", 1000)
    with pytest.raises(DataError, match="this is no log"):
        read(write("log.csv", "1," * 1000))
