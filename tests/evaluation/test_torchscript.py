import warnings

import pytest
import torch
from torch import nn

from steadygan.errors import ConfigError, EvaluationError
from steadygan.evaluation import EXTRACTORS, TorchScriptFile


class Means(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean((2, 3))


class Twins(nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images, images


class Rows(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean(1)


class Demanding(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().flatten(1) @ torch.ones(7, 1)


@pytest.fixture
def saved(tmp_path):
    def save(module: nn.Module) -> str:
        path = tmp_path / f"{type(module).__name__}.pt"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch would have people use torch.export
            torch.jit.script(module).save(path)
        return str(path)

    return save


@pytest.fixture
def images():
    return torch.randint(0, 256, (5, 1, 6, 6), dtype=torch.uint8)


@pytest.mark.parametrize(("range_", "scale", "shift"), [("uint8", 255, 0), ("0..1", 1, 0), ("-1..1", 2, -1)])
def test_features_are_what_the_file_makes_of_the_images(saved, images, range_, scale, shift):
    extractor = TorchScriptFile(path=saved(Means()), input=range_, batch_size=2)
    expected = (images / 255 * scale + shift).mean((2, 3)).expand(-1, 3)
    # means of 36 float32 values of up to 255
    torch.testing.assert_close(extractor.features(images)["head"], expected, rtol=1e-5, atol=1e-5)
    assert extractor.title == "TorchScript Means.pt"


def test_channels_can_be_left_as_they_are(saved, images):
    assert TorchScriptFile(path=saved(Means()), rgb=False).features(images)["tap"].shape == (5, 1)


def test_images_are_resized_first(saved, images):
    assert TorchScriptFile(path=saved(nn.Flatten()), rgb=False, size=3).features(images)["head"].shape == (5, 9)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Twins(), "got tuple"),
        (Rows(), r"must return \[N, D\], got \[5, 6, 6\]"),
        (Demanding(), r"fails on torch.uint8 \[5, 3, 6, 6\]"),
    ],
)
def test_a_module_of_another_form_is_named(saved, images, module, said):
    with pytest.raises(EvaluationError, match=said):
        TorchScriptFile(path=saved(module)).features(images)


def test_a_missing_and_a_foreign_file_are_named(tmp_path, images):
    with pytest.raises(EvaluationError, match="no file"):
        TorchScriptFile(path=str(tmp_path / "none.pt")).features(images)
    foreign = tmp_path / "letter.pt"
    foreign.write_text("hello")
    with pytest.raises(EvaluationError, match="is not a TorchScript module"):
        TorchScriptFile(path=str(foreign)).features(images)


def test_the_path_must_be_given():
    with pytest.raises(ConfigError, match=r"extractor\.path"):
        EXTRACTORS.build("torchscript")
