from typing import Literal

import pytest

from steadygan.errors import ConfigError
from steadygan.losses import LOSSES, Hinge
from steadygan.parts import Part, Table


class Animal(Part):
    pass


class Cat(Animal):
    name: Literal["cat"] = "cat"
    lives: int = 9


ANIMALS = Table("animal", Animal, {"cat": Cat})


@pytest.mark.parametrize("asked", [Cat(lives=7), {"name": "cat", "lives": 7}])
def test_the_same_part_in_two_ways(asked):
    assert ANIMALS.build(asked) == Cat(lives=7)


def test_a_part_goes_to_a_mapping_and_back():
    assert ANIMALS.build(Cat(lives=3).spec()) == Cat(lives=3)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("cta", r"animal: no such animal as 'cta'; did you mean 'cat'\?"),
        ({"name": "cat", "lifes": 7}, r"animal.lifes: there is no such setting; did you mean 'lives'\?"),
        ({"name": "cat", "lives": "many"}, r"animal.lives: input should be a valid integer.*, got 'many'"),
        (7, r"expected a animal name or a mapping"),
        ("nowhere.py:Dog", r"animal: no file 'nowhere.py'"),
    ],
)
def test_mistakes_are_named(asked, said):
    with pytest.raises(ConfigError, match=said):
        ANIMALS.build(asked)


def test_parts_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Cat().lives = 3


def test_a_class_of_ones_own(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from steadygan.losses import Hinge\nclass Wide(Hinge):\n    margin: float = 3.0\n")
    loss = LOSSES.build({"name": f"{file}:Wide", "margin": 4.0})
    assert isinstance(loss, Hinge)
    assert loss.margin == 4
    assert LOSSES.build(loss.spec()).spec() == loss.spec()
    with pytest.raises(ConfigError, match="has no Loss named 'Narrow'"):
        LOSSES.build(f"{file}:Narrow")
