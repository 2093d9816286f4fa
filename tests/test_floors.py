"""A module imports only from floors above it in this list, or from its own folder."""

import ast
from pathlib import Path

import pytest

FLOORS = [
    {"errors"},
    {"parts", "history", "share", "yaml12"},
    {"images"},
    {"spectral", "losses", "augmentation", "game"},
    {"networks", "stabilizers", "data", "monitoring", "diagnosis", "evaluation"},
    {"training", "planning", "overrides", "config"},
    {"recipes", "environment", "directory", "status", "tracking", "sampling", "scoring", "measuring"},
    {"report"},
    {"assembly", "configure", "custom", "outcome", "rollback", "run", "launch", "monitor", "foreign", "card", "study"},
    {"applications"},
    {"cli", "__init__", "__main__"},
]
SAME_FLOOR_ALLOWED = ({"config", "overrides", "training", "planning"}, *FLOORS[6:])
WITHOUT_TORCH = {"errors", "parts", "history", "share", "diagnosis", "report", "status", "directory", "foreign", "card"}
SOURCE = Path(__file__).parents[1] / "src" / "steadygan"


def imports_of(path: Path) -> set[str]:
    """The first name below steadygan of everything that a file imports, and other libraries by their name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[1] if name.startswith("steadygan.") else name.split(".")[0] for name in names}
    return found


def place_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def floor_of(place: str) -> int:
    return next(number for number, places in enumerate(FLOORS) if place in places)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_floors(path):
    place = place_of(path)
    known = set().union(*FLOORS)
    for other in imports_of(path) & known - {place}:
        same = any({place, other} <= floor for floor in SAME_FLOOR_ALLOWED)
        assert floor_of(other) < floor_of(place) or same, f"{place} imports {other} from its own floor or one below"


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_size_and_torch(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    if place_of(path) in WITHOUT_TORCH:
        assert "torch" not in imports_of(path)


def test_spectral_stands_alone():
    for path in (SOURCE / "spectral").rglob("*.py"):
        assert imports_of(path) & set().union(*FLOORS) <= {"spectral", "errors"}
