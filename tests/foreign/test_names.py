"""Which column is which series, by how people spell them."""

import pytest

from steadygan.errors import UsageError
from steadygan.foreign.log import place_of
from steadygan.foreign.names import check_given, guess, naming
from steadygan.foreign.words import words_of

SPELLINGS = {
    "loss/discriminator": "d_loss loss_D errD D_loss lossD Loss/D/loss disc_loss critic_loss discriminator_loss DLoss lossd "
    "dis_loss loss_critic D_cost train/d_loss dcgan/d_loss netD_loss d_loss_step train_d_loss_epoch losses.loss_D",
    "loss/generator": "g_loss errG lossG Loss/G/loss gen_loss GLoss gloss G_cost loss_G_GAN Generator_Loss G_total_loss",
    "logit/real": "D(x) D_real real_logits scores/real Loss/scores/real real_score d_out_real real_validity D_x critic_real",
    "logit/fake": "D(G(z)) D(G(z))_1 D_G_z1 D_fake fake_logits scores/fake Loss/scores/fake fake_score d_out_fake logits/fake",
    "logit/held_out": "val_real_score real_logits_val heldout_real_score",
    "logit_std/real": "real_logits_std d_real_std scores/real/std",
    "accuracy/discriminator": "disc_acc d_acc D_accuracy discriminator_accuracy dacc",
    "accuracy/real": "real_acc disc_acc_expert acc_real d_acc_real Loss/signs/real",
    "accuracy/fake": "fake_acc disc_acc_gen Loss/signs/fake",
    "grad_norm/discriminator": "grad_norm_d grad_norm/D d_grad_norm gradnorm_D gradient_norm_discriminator",
    "grad_norm/generator": "g_grad_norm generator_grad_norm grad_norm_G",
    "learning_rate/generator": "lr_g LR/G learning_rate_g lrg G_lr lr_gen",
    "learning_rate/discriminator": "lr_d d_learning_rate",
    "penalty/r1": "r1 R1 r1_penalty Loss/r1_penalty r1_loss",
    "penalty/gradient_penalty": "gp gradient_penalty wgan_gp",
    "score/fid": "fid FID fid50k_full val_fid metrics/fid",
    "score/kid": "kid KID",
    "sigma/D.conv1": "sigma/D.conv1",
    "gap/logits": "gap/logits",
}
NOT_KNOWN = (
    "loss lr acc accuracy grad_norm step loss_D_real d_loss_fake loss_G_L1 G_L1 cycle_A loss_G_A val_d_loss d_loss_test "
    "disc_entropy disc_proportion_expert_pred Loss/pl_penalty Loss/D/reg generator D_val D_grad real fake time 损失 EMA_d_loss"
)


@pytest.mark.parametrize(("series", "column"), [(series, one) for series, many in SPELLINGS.items() for one in many.split()])
def test_a_common_spelling_is_understood(series, column):
    found = guess(column)
    assert found is not None
    assert found.series == series


@pytest.mark.parametrize("column", NOT_KNOWN.split())
def test_what_is_something_else_or_not_plain_is_not_guessed(column):
    assert guess(column) is None


def test_signs_are_known_as_signs():
    assert guess("Loss/signs/real").kind == "sign"
    assert guess("real_acc").kind == "as it is"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("D(G(z))_1", ["d", "g", "z", "1"]),
        ("trainDLoss", ["train", "d", "loss"]),
        ("Verlust-D", ["verlust", "d"]),
        ("损失_G", ["损失", "g"]),
        ("R1_penalty", ["r1", "penalty"]),
        ("", []),
    ],
)
def test_words(name, words):
    assert words_of(name) == words


def test_never_two_columns_for_one_series_and_the_plainest_is_taken():
    found = naming(["train_d_loss_epoch", "d_loss", "g_loss", "D(G(z))_2", "D(G(z))_1", "foo"], {})
    assert {column: one.series for column, one in found.chosen.items()} == {
        "d_loss": "loss/discriminator",
        "g_loss": "loss/generator",
        "D(G(z))_1": "logit/fake",
    }
    assert found.left_out == {
        "train_d_loss_epoch": "loss/discriminator is d_loss",
        "D(G(z))_2": "logit/fake is D(G(z))_1",
        "foo": "",
    }


def test_what_the_user_says_comes_first():
    found = naming(["d_loss", "other", "epoch"], {"loss/discriminator": "other"})
    assert {column: one.series for column, one in found.chosen.items()} == {"other": "loss/discriminator"}
    assert found.given == {"other"}
    assert found.left_out == {"d_loss": "loss/discriminator is other"}


def test_d_real_beside_g_gan_is_a_part_of_a_loss():
    assert list(naming(["G_GAN", "G_L1", "D_real", "D_fake"], {}).chosen) == []
    assert list(naming(["g_loss", "D_real", "D_fake"], {}).chosen) == ["g_loss", "D_real", "D_fake"]


def test_a_column_that_is_not_there_is_an_error_with_a_near_miss():
    with pytest.raises(UsageError, match=r"no such column; did you mean 'd_loss'\? columns: d_loss, g_loss"):
        naming(["d_loss", "g_loss"], {"loss/discriminator": "dloss"})


def test_a_series_that_no_rule_knows_is_an_error_with_a_near_miss():
    with pytest.raises(UsageError, match="did you mean 'loss/discriminator'"):
        check_given({"loss/discriminatr": "d_loss"})
    check_given({"step": "it", "sigma/D.mine": "s", "loss/generator": "g"})


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(
            (name, "step")
            for name in ("step", "Step", "_step", "global_step", "trainer/global_step", "iteration", "iter", "n_iter")
        ),
        *(("Progress/kimg", "kimg"), ("cur_nimg", "images"), ("epoch", "epoch"), ("Epoch", "epoch"), ("batches_done", "step")),
    ],
)
def test_what_says_where_a_reading_stands(name, unit):
    assert place_of(name)[1] == unit


@pytest.mark.parametrize("name", ["d_loss", "timestamp", "wall_time", "steps_per_second", "epoch_loss", ""])
def test_what_does_not(name):
    assert place_of(name) is None
