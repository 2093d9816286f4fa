import pytest

from steadygan.errors import ConfigError
from steadygan.overrides import assign


def settings():
    return {"a": {"b": 1}, "parts": [{"name": "r1", "gamma": 1.0}, "flip"], "n": 3}


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("a.b=2", ("a", "b"), 2),
        ("a.new=true", ("a", "new"), True),
        ("c.d=1e-4", ("c", "d"), 1e-4),
        ("parts.r1.gamma=0.5", ("parts", 0, "gamma"), 0.5),
        ("parts.1=diffaugment", ("parts", 1), "diffaugment"),
        ("parts.flip.p=0.5", ("parts", 1), {"name": "flip", "p": 0.5}),
        ("n=[1, two]", ("n",), [1, "two"]),
        ("n=a=b", ("n",), "a=b"),
    ],
)
def test_assignments(assignment, path, value):
    place = settings()
    assign(place, assignment)
    for key in path:
        place = place[key]
    assert place == value


@pytest.mark.parametrize("wrong", ["a", "=3", "n.x=1", "n=[1", "n={a: 'b}", "parts.r2.gamma=1", "parts.7=1"])
def test_mistakes(wrong):
    with pytest.raises(ConfigError):
        assign(settings(), wrong)
