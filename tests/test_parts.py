from typing import Annotated, Literal

import pytest
from pydantic import BeforeValidator, ValidationError

from steadygan.errors import ConfigError
from steadygan.losses import LOSSES, Hinge
from steadygan.parts import Part, Settings, Table, explain, settings_at


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


class Toy(Settings):
    colour: str = "red"


class Bag(Settings):
    first: Toy = Toy()
    listed: list[Toy]
    rows: tuple[Toy, ...] = ()
    named: dict[str, Toy]
    deep: dict[str, tuple[Toy, ...]]
    made: dict[str, Annotated[Toy, BeforeValidator(lambda value: value)]]
    number: int = 3


class House(Settings):
    bag: Bag
    bags: tuple[Bag, ...] = ()


@pytest.mark.parametrize("way", [("first",), ("listed", 2), ("rows", 0), ("named", "x"), ("deep", "x", 0), ("made", "x")])
def test_the_settings_inside_lists_and_mappings_are_found(way):
    assert settings_at(Bag, way) == ["colour"]
    assert settings_at(House, ("bags", 1, *way)) == settings_at(House, ("bag", *way)) == ["colour"]


def test_where_there_is_no_model_the_settings_above_are_named():
    assert settings_at(Bag, ()) == settings_at(House, ("bags", 0)) == list(Bag.model_fields)
    assert settings_at(Bag, ("number",)) == settings_at(Bag, ("nowhere", 3)) == list(Bag.model_fields)


class Strict(Settings):
    colour: str


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"color": "red"}, ("bag.color: there is no such setting", "did you mean 'colour'? settings here: colour")),
        ({}, ("bag.colour: field required", "")),
        ({"colour": 3}, ("bag.colour: input should be a valid string, got 3", "")),
    ],
)
def test_a_misspelt_setting_is_told_before_the_one_that_it_leaves_missing(settings, said):
    with pytest.raises(ValidationError) as caught:
        Strict(**settings)
    assert explain(caught.value, Strict, "bag") == said
