import numpy as np
import odd_losses
import pytest
from study_cells import odd, tiny

from steadygan.configure import Request, configure
from steadygan.errors import ConfigError
from steadygan.study.cells import Cell
from steadygan.study.configs import Configs, auto_of, beginning, fingerprint, note_auto, shape_of
from steadygan.study.study import Study


def study(base=None, arms=None, settings=None, **more):
    """A study of nothing but what is asked for; each arm and setting as in YAML."""
    measures = {"modes": {"of": "score/modes"}}
    return Study.of(
        {"name": "t", "base": base, "arms": arms or {"a": []}, "settings": settings or {"s": []}, "metrics": measures, **more}
    )


def config(arm="a", setting="s", **how):
    return Configs(study(**how)).pair(arm, setting)


@pytest.mark.parametrize(
    ("base", "arm", "setting", "steps"),
    [
        ([], [], [], 8000),
        (["steps=1"], [], [], 1),
        (["steps=1"], ["steps=2"], [], 2),
        (["steps=1"], ["steps=2"], ["steps=3"], 3),
    ],
)
def test_a_setting_overrules_an_arm_and_an_arm_the_base(base, arm, setting, steps):
    found = config(base={"recipe": "ring", "set": base}, arms={"a": arm}, settings={"s": setting})
    assert found.steps == steps


def test_an_assignment_sees_what_those_before_it_made():
    found = config(base={"recipe": "ring", "set": ["stabilizers+=r1"]}, arms={"a": ["stabilizers.r1.gamma=3"]})
    assert [each.name for each in found.stabilizers] == ["spectral_norm", "r1"]
    assert found.stabilizers[1].gamma == 3


@pytest.mark.parametrize(
    ("base", "arm", "setting", "recipe"),
    [
        ({"recipe": "ring"}, {}, {}, "ring"),
        ({"recipe": "ring"}, {"recipe": "grid"}, {}, "grid"),
        ({"recipe": "ring"}, {"recipe": "grid"}, {"recipe": "ring_r1r2"}, "ring_r1r2"),
        ({}, {}, {"recipe": "grid"}, "grid"),
    ],
)
def test_the_recipe_nearest_to_the_cell_decides_where_it_begins(base, arm, setting, recipe):
    assert config(base=base, arms={"a": arm}, settings={"s": setting}).recipe == recipe


def test_data_and_recipe_are_taken_from_wherever_they_are_named():
    found = config(base={"recipe": "ring"}, settings={"s": {"data": "grid"}})
    assert (found.recipe, found.data.name) == ("ring", "grid")


def test_data_without_a_recipe_begin_with_their_plan():
    found = config(base={"data": "ring", "set": ["steps=7"]})
    assert (found.recipe, found.data.name, found.steps) == ("plan", "ring", 7)


@pytest.fixture
def images(tmp_path):
    """A file of 80 images, whose plan differs between processor and GPU."""
    file = tmp_path / "images.npy"
    np.save(file, np.random.default_rng(0).integers(0, 256, (80, 16, 16, 3), dtype=np.uint8))
    return str(file)


@pytest.fixture
def has_gpu(monkeypatch):
    """Make this machine one with a GPU, or without."""
    return lambda there: monkeypatch.setattr("torch.cuda.is_available", lambda: there)


@pytest.mark.parametrize(("device", "network"), [("cpu", "dcgan"), ("cuda", "resnet"), ("cuda:1", "resnet")])
@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("where", ["base", "arm", "setting"])
def test_data_are_planned_for_the_device_that_is_named_whatever_there_is_here(images, has_gpu, device, network, here, where):
    has_gpu(here)
    made = {name: [f"device={device}"] if name == where else [] for name in ("base", "arm", "setting")}
    found = config(base={"data": images, "set": made["base"]}, arms={"a": made["arm"]}, settings={"s": made["setting"]})
    assert (found.network.name, found.device) == (network, device)


def test_each_arm_is_planned_for_its_own_device(images):
    found = Configs(study(base={"data": images, "set": ["device=cuda"]}, arms={"a": [], "b": ["device=cpu"]}))
    assert [found.pair(arm, "s").network.name for arm in "ab"] == ["resnet", "dcgan"]


@pytest.mark.parametrize("base", [[], ["device=auto"]])
def test_where_no_device_is_named_data_are_planned_for_this_machine_as_train_does(images, has_gpu, base):
    for here, network in ((True, "resnet"), (False, "dcgan")):
        has_gpu(here)
        found = config(base={"data": images, "set": base})
        assert found.network.name == network
        trained = configure(Request(data=images, settings=("threads=1", "precision=float32")))[0]
        assert found.mapping() == trained.mapping()


def test_a_study_that_goes_on_elsewhere_means_what_it_meant_where_it_began(images, has_gpu, tmp_path):
    note, asked, cell = tmp_path / "planned.json", study(base={"data": images}), Cell("a", "s", 0)
    assert auto_of(note) == ""
    has_gpu(True)
    began = Configs(asked, auto_of(note))
    note_auto(note, began)
    has_gpu(False)
    assert Configs(asked, auto_of(note)).fingerprint(cell) == began.fingerprint(cell) != Configs(asked).fingerprint(cell)
    assert Configs(asked, auto_of(note)).pair("a", "s").device == "auto"


@pytest.mark.parametrize("text", ["", "[]", "{}", "cuda"])
def test_a_note_that_says_nothing_is_refused(tmp_path, text):
    (tmp_path / "planned.json").write_text(text)
    with pytest.raises(ConfigError, match=r"planned\.json: does not say for which device .*write \{\"auto\": \"cpu\"\}"):
        auto_of(tmp_path / "planned.json")


def test_whether_any_cell_uses_a_gpu_is_known_from_its_device():
    assert Configs(tiny()).on_gpu()
    assert Configs(tiny(arms={"a": ["device=cpu"], "b": []})).on_gpu()
    assert not Configs(tiny(arms={"a": ["device=cpu"], "b": ["device=cpu"]})).on_gpu()


def test_nothing_is_chosen_by_timing_unless_an_arm_asks_for_it():
    assert (config(base={"recipe": "ring"}).threads, config(base={"recipe": "ring"}).precision) == (1, "float32")
    assert config(base={"recipe": "ring"}, arms={"a": ["precision=bfloat16"]}).precision == "bfloat16"


def test_a_cell_changes_no_setting_of_another():
    study = tiny(arms={"a": ["stabilizers.spectral_norm.coefficient=7"], "b": [], "c": ["stabilizers+=r1"]})
    found = Configs(study)
    mappings = {arm: found.mapping(Cell(arm, "as-is", 0)) for arm in "abc"}
    assert [len(mappings[arm]["stabilizers"]) for arm in "abc"] == [1, 1, 2]
    assert [mappings[arm]["stabilizers"][0]["coefficient"] for arm in "abc"] == [7, 2, 2]
    assert beginning(None, "ring")["stabilizers"][0]["coefficient"] == 2


def test_cells_differ_in_their_seed_and_share_a_fingerprint():
    found = Configs(tiny())
    one, two = (found.mapping(Cell("sn", "as-is", seed)) for seed in (0, 5))
    assert (one.pop("seed"), two.pop("seed")) == (0, 5)
    assert one == two
    assert found.fingerprint(Cell("sn", "as-is", 0)) == found.fingerprint(Cell("sn", "as-is", 5))


def test_a_fingerprint_differs_where_anything_but_the_seed_does():
    arms = {"a": [], "b": ["steps=61"], "c": ["discriminator.optimizer.learning_rate=3.0000001e-3"], "d": ["stabilizers+=r1"]}
    found = Configs(tiny(arms=arms, settings={"s": [], "t": ["ema=0.5"]}))
    marks = {found.fingerprint(Cell(arm, setting, 0)) for arm in arms for setting in "st"}
    marks.add(Configs(tiny(arms=arms, command=["train.py"])).fingerprint(Cell("a", "as-is", 0)))
    assert len(marks) == 9


def test_a_fingerprint_is_the_same_in_another_process_and_whatever_the_arm_is_called():
    assert Configs(tiny()).fingerprint(Cell("sn", "as-is", 0)) == Configs(tiny(arms={"x": []})).fingerprint(
        Cell("x", "as-is", 3)
    )
    assert fingerprint({"b": 1.5, "a": [None, "ü"]}) == fingerprint({"a": [None, "ü"], "b": 1.5}) == "1ff3804b29f64121"


def test_a_part_of_ones_own_that_was_changed_is_another_part(tmp_path):
    file, marks = tmp_path / "mine.py", []
    text = "from steadygan.losses import NonSaturating\nclass Mine(NonSaturating):\n    pass\n"
    for addition in ("", "    def twice(self):\n        return 2\n", ""):
        file.write_text(text + addition)
        marks.append(Configs(tiny(arms={"a": [f"loss={file}:Mine"]})).fingerprint(Cell("a", "as-is", 0)))
    assert marks[0] == marks[2] != marks[1]


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("stepz=3", r"stepz: there is no such setting; did you mean 'steps'\?"),
        ("steps=many", r"steps: input should be a valid integer.*, got 'many'"),
        ("stabilizers=[weigth_norm]", r"stabilizers\[0\]: no such stabilizer as 'weigth_norm'; did you mean 'weight_norm'\?"),
        ("stabilizers=[{name: r1, gama: 1}]", r"gama: there is no such setting; did you mean 'gamma'\?"),
        ("stabilizers.r1.gamma=3", r"stabilizers\.r1\.gamma: no 'r1' in the list; it holds spectral_norm"),
        ("stabilizers=[{name: r1", r"'\[\{name: r1' is not readable as YAML"),
        ("steps.x=3", r"steps\.x: there is nothing below"),
        ("steps", r"expected key=value"),
        ("loss=nowhere.py:Mine", r"loss: no file 'nowhere\.py'"),
    ],
)
@pytest.mark.parametrize("where", ["base", "arm", "setting"])
def test_an_assignment_that_cannot_be_made_names_its_arm_and_setting(assignment, said, where):
    made = {name: [assignment] if name == where else [] for name in ("base", "arm", "setting")}
    base = {"recipe": "ring", "set": made["base"]}
    with pytest.raises(ConfigError, match=rf"^arm 'sn' at setting 'A': .*{said}"):
        config("sn", "A", base=base, arms={"sn": made["arm"]}, settings={"A": made["setting"]})


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ({"recipe": "rign"}, r"'rign'; did you mean 'ring'\?"),
        ({"data": "nowhere/"}, "nowhere"),
    ],
)
def test_a_recipe_or_data_that_are_not_there_name_the_arm_too(base, said):
    with pytest.raises(ConfigError, match=rf"^arm 'a' at setting 's': .*{said}"):
        config(base=base)


def test_each_pair_is_made_once_however_many_seeds_there_are(monkeypatch):
    made, one = [], config(base={"recipe": "ring"})
    monkeypatch.setattr(Configs, "_build", lambda self, arm, setting: made.append((arm, setting)) or one)
    found = Configs(tiny(seeds=50, settings={"s": [], "t": []}))
    for cell in found.study.cells():
        found.mapping(cell)
        found.fingerprint(cell)
    assert sorted(made) == [("none", "s"), ("none", "t"), ("sn", "s"), ("sn", "t")]
    assert next(found.all())[:2] == ("none", "s")


def test_what_can_be_built_at_all_does_not_depend_on_rates():
    found = Configs(tiny(arms={"a": [], "b": ["discriminator.optimizer.learning_rate=1"], "c": ["stabilizers=[]"]}))
    shapes = [shape_of(found.pair(arm, "as-is")) for arm in "abc"]
    assert shapes[0] == shapes[1] != shapes[2]


def test_an_odd_loss_is_a_part_like_any_other():
    found = Configs(tiny(arms={"a": odd("Counted", calls="calls.txt")})).pair("a", "as-is")
    assert found.loss.spec() == {"name": f"{odd_losses.__file__}:Counted", "calls": "calls.txt"}
