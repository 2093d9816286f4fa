import sys

import pytest

from steadygan.cli import main


@pytest.fixture
def steadygan(monkeypatch, capsys, tmp_path):
    """Runs the command line in this process, in an empty directory: arguments -> (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["steadygan", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def tiny():
    """Options that make any image run tiny."""
    settings = {
        "steps": 4,
        "batch_size": 4,
        "network.width": 4,
        "precision": "float32",
        "threads": 1,
        "monitoring.every": 2,
        "checkpoints.every": 2,
        "evaluation.every": 0,
        "evaluation.n": 8,
        "evaluation.extractor": "pixels",
    }
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
