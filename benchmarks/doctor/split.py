"""Which part each family of the suite belongs to: f for fit, t for tune, s for sealed, - for not played.

A family is a data set with a method; its injections are in its own part. It is written down here and never drawn. A judge may
learn from `fit`, choose by `tune`, and is scored once on `sealed`. Some methods are sealed wherever they are played, so that
part of the score is on games of a kind that was never seen. So is all of the expert's motion, which came after the judge was
fitted: of that set nothing is to be learnt or chosen by.
"""

PARTS = {"f": "fit", "t": "tune", "s": "sealed"}

SPLIT = """
method           ring grid cloud clothes digits imitation

plain            f    t    s     f       s      s
sn1              f    s    f     t       f      s
sn8              t    f    s     f       t      s
sn32             f    s    t     s       f      -
hinge_plain      t    f    f     s       f      -
hinge_sn8        f    t    f     t       f      -
hinge_sn32       s    f    -     f       s      s
wgan_plain       f    s    f     f       s      -
wgan_sgd         s    f    -     f       -      -
ls_plain         f    f    s     t       f      s
ls_sn8           s    s    s     s       s      -
ls_r1            f    t    -     f       t      s
minimax          t    s    f     f       s      -
minimax_r1       s    f    -     -       -      s
d_fast           f    s    t     s       f      -
d_fast_r1        t    f    s     f       t      -
g_fast           s    f    f     f       s      s
g_fast_sn32      f    t    -     -       -      -
both_fast        f    s    f     t       f      s
both_x100        t    f    s     s       f      s
g_slow           f    s    t     f       s      -
beta9            s    f    f     s       f      s
beta9_r1         f    s    s     f       s      -
adam09_sn8       f    t    -     t       f      -
adam09_r1        t    f    -     f       t      -
batch16_sn32     s    f    t     f       s      -
batch16_r1       f    t    f     t       f      -
batch32_sn8      f    s    -     s       f      -
batch32_r1       s    f    f     -       -      s
slow_sn8         s    s    s     s       s      -
slow_r1          f    t    f     f       t      s
decay_r1         t    f    s     f       s      -
decay_plain      f    f    -     -       -      -
r1               f    s    t     f       s      s
r1_weak          -    -    -     f       t      -
r1_strong        f    t    f     s       f      -
r1_sn8           s    f    f     f       s      -
bn_d             f    s    f     t       f      -
gp1              s    f    f     -       -      s
gp10             f    s    t     s       f      -
gp1_critic5      f    t    -     -       -      -
dragan           s    s    s     s       s      -
rel_r1r2         t    f    s     t       f      -
rel_plain        f    s    -     -       -      -
narrow_d         s    f    f     f       s      -
wide_r1          f    f    -     -       -      -
few              f    s    f     f       s      -
few_r1           s    f    -     -       -      -
few_sn8          -    -    -     s       f      -
sgd_r1           f    t    -     -       -      -
noise_r1         s    f    f     -       -      -
label_plain      -    -    -     f       s      -
label_r1         -    -    -     f       t      -
label_sn8        -    -    -     s       f      -
label_hinge_sn8  -    -    -     t       s      -
label_few        -    -    -     f       s      -
"""

# families that are stable by themselves; those of each data set are in all three parts, but for the one that is all sealed
INJECTED = {
    "ring": ("r1", "rel_r1r2", "gp1", "sn32"),
    "grid": ("sn8", "adam09_sn8", "sn32", "rel_r1r2"),
    "cloud": ("gp1", "sn8", "gp10"),
    "clothes": ("r1", "hinge_sn8", "label_sn8"),
    "digits": ("label_sn8", "sn8", "r1"),
    "imitation": ("ls_r1", "hinge_sn32"),
}


def families() -> dict[tuple[str, str], str]:
    """(data set, method) -> part, row by row."""
    header, *rows = (line.split() for line in SPLIT.split("\n") if line.strip())
    cells = ((data, row[0], letter) for row in rows for data, letter in zip(header[1:], row[1:], strict=True))
    return {(data, method): PARTS[letter] for data, method, letter in cells if letter != "-"}
