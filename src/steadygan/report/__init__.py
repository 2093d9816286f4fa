"""A run directory as one self-contained HTML page. Shows what was measured and judged; computes nothing."""

from steadygan.report.page import write_report

__all__ = ["write_report"]
