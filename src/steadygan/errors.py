"""Every exception of the package. Drawn as a tree:

SteadyganError
├── UsageError            what the user asked for cannot be done as asked
│   ├── ConfigError       a setting, a part or a recipe
│   └── DataError         a data source or a file in it
├── NetworkError          a network that breaks the contract of shapes
├── CheckpointError       a checkpoint that is missing, damaged or of another run
└── EvaluationError       a score that cannot be computed
"""


class SteadyganError(Exception):
    """Base of all errors raised on purpose: `where: what is wrong; what to do`.

    Args:
        problem: the place and what was found there, one line in lower case.
        hint: what to do about it; the command line prints it on a line of its own.
    """

    exit_code = 1

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem}; {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class UsageError(SteadyganError):
    """What was asked for cannot be done as asked."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting, a part or a recipe is unknown, misspelt or of the wrong type."""


class DataError(UsageError):
    """A data source, or a file in it, cannot be used."""


class NetworkError(SteadyganError):
    """A network breaks the contract of shapes."""


class CheckpointError(SteadyganError):
    """A checkpoint is missing, damaged, unsafe or belongs to another run."""


class EvaluationError(SteadyganError):
    """A score cannot be computed from the samples given."""
