"""What a run's reduction left of its columns: which were kept and how they scored, or how much of the variance."""

from __future__ import annotations

from sdl_cli.report.html.opened import OpenedRun
from sdl_cli.report.html.section import Section, escape, short_name, table

_MOST_SHOWN = 60


def build(run: OpenedRun) -> Section | None:
    """The section; None for a run that keeps its columns as they are."""
    found = run.result.reduction
    if found is None:
        return None
    kept, of, title = found["kept"], found["of"], "What the model was given"
    if found["method"] == "pca":
        share = 100 * found.get("variance_fraction", 0.0)
        lead = f"{kept:,} principal components of {of:,} columns, which hold {share:.1f} % of their variance (reduce=pca)."
        body = "<p>Each component is a mixture of all columns, learned from labelled rows only.</p>"
        return Section("reduction", title, body, lead)
    lead = f"{kept:,} of {of:,} columns: those that depend most on the target, each by itself (reduce=select)."
    names, scores = found.get("columns", []), found.get("scores", [])
    pairs = sorted(zip(names, scores, strict=False), key=lambda pair: -(pair[1] or 0.0))
    rows = [[short_name(name, 60), "" if score is None else f"{score:,.4g}"] for name, score in pairs[:_MOST_SHOWN]]
    body = table(["column", "F statistic"], rows, numeric=(1,)) if rows else "<p>These columns have no names.</p>"
    if len(pairs) > _MOST_SHOWN:
        body += f"<p>{escape(f'And {len(pairs) - _MOST_SHOWN:,} more.')}</p>"
    told = "A large F statistic of labelled rows says that the column alone tells the target well, not that it causes it."
    return Section("reduction", title, f"{body}<p>{told}</p>", lead)
