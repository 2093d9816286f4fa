"""A study as one self-contained HTML page, and as Markdown with the same facts. It shows, and computes no verdict."""

from steadygan.study.report.page import write_study_report

__all__ = ["write_study_report"]
