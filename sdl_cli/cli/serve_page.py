"""What `sdl serve` says of itself: a plain page that loads nothing from anywhere, and its part of the OpenAPI description."""

from __future__ import annotations

import html
import json
from typing import Any

from sdl_cli.phrases import shortened
from sdl_cli.run.answering import Answering

Values = dict[str, Any]
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "pre{overflow-x:auto;padding:.8rem;border:1px solid #8884;border-radius:6px}table{border-collapse:collapse}"
    "td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}"
)
_MOST_LEVELS = 12


def example(run: Answering) -> Any:
    """A request that the run can answer, made of what it knows of its columns."""
    if run.takes == "texts":
        return {"texts": ["a text to classify"]}
    if run.takes == "series":
        channels, steps = (int(size) for size in run.inputs["shape"])
        one = [0.0] * steps
        return {"series": [one if channels == 1 else [one] * channels]}
    ranges = _ranges(run)
    row: Values = {}
    for name in run.names:
        column = next((c for c in run.columns if c.name == name), None)
        low_high = ranges.get(name)
        middle = None if low_high is None else float(f"{(low_high[0] + low_high[1]) / 2:.3g}")
        if column is None or column.kind == "number":
            row[name] = middle
        elif column.kind == "date":
            row[name] = "2024-01-31"
        else:
            row[name] = column.levels[0] if column.levels else None
    return {"rows": [row]}


def openapi_body(run: Answering, most_rows: int) -> Values:
    """The request and the answer of /predict as OpenAPI describes them."""
    answers = {
        "200": {
            "description": "Predictions in the order of the request",
            "content": {"application/json": {"schema": _answer(run)}},
        },
        "4XX": {"description": "What is wrong with the request", "content": {"application/json": {"schema": _ERROR}}},
    }
    if run.takes == "photo":
        binary = {"schema": {"type": "string", "format": "binary"}}
        photos = dict.fromkeys(("image/jpeg", "image/png", "image/webp", "image/tiff", "application/octet-stream"), binary)
        return {"requestBody": {"required": True, "content": photos}, "responses": answers}
    one: Values = {"type": "string"}
    if run.takes == "rows":
        one = {"type": "object", "required": run.names, "properties": {name: _property(run, name) for name in run.names}}
    elif run.takes == "series":
        one = {"type": "array", "items": {}}
    items = {"type": "array", "items": one, "minItems": 1, "maxItems": most_rows}
    schema = {"type": "object", "required": [run.takes], "properties": {run.takes: items}}
    content = {"application/json": {"schema": schema, "example": example(run)}}
    return {"requestBody": {"required": True, "content": content}, "responses": answers}


_ERROR: Values = {
    "type": "object",
    "properties": {"error": {"type": "object", "properties": dict.fromkeys(("kind", "message", "hint"), {"type": "string"})}},
}


def _answer(run: Answering) -> Values:
    number: Values = {"type": "number"}
    one: Values = {"prediction": {"type": "string", "enum": run.classes} if run.classes else number}
    if run.classes:
        one["probabilities"] = {"type": "object", "additionalProperties": {"type": "number"}}
    predictions = {"type": "array", "items": {"type": "object", "properties": one}}
    notes = {"type": "array", "items": {"type": "string"}}
    return {"type": "object", "properties": {"predictions": predictions, "notes": notes}}


def _property(run: Answering, name: str) -> Values:
    column = next((c for c in run.columns if c.name == name), None)
    if column is None or column.kind == "number":
        return {"type": ["number", "null"]}
    if column.kind == "boolean":
        return {"type": ["boolean", "string", "null"], "description": " or ".join(column.levels)}
    known = f"One of: {', '.join(column.levels[:_MOST_LEVELS])}{', ...' if len(column.levels) > _MOST_LEVELS else ''}"
    return {"type": ["string", "number", "null"], "description": "A date" if column.kind == "date" else known}


def _ranges(run: Answering) -> dict[str, list[float]]:
    names = [str(name) for name in run.inputs.get("features") or ()]
    pairs = zip(names, run.inputs.get("ranges") or (), strict=False)
    return {name: found for name, found in pairs if found}


def page(run: Answering, most_rows: int, needs_token: bool, address: str) -> str:
    """The page: what can be asked of the server at `address`, an example to paste, and the columns."""
    kind = {"rows": "rows of a table", "texts": "texts", "series": "series", "photo": "one photo"}[run.takes]
    token = " -H 'Authorization: Bearer TOKEN'" if needs_token else ""
    if run.takes == "photo":
        command = f"curl{token} -H 'Content-Type: image/jpeg' --data-binary @photo.jpg {address}/predict"
    else:
        sent = json.dumps(example(run), ensure_ascii=False)
        quoted = sent.replace("'", "'\\''")
        command = (
            f"curl{token} -H 'Content-Type: application/json' -d '{quoted if len(quoted) < 8000 else '...'}' {address}/predict"
        )
    answers = f"one of {len(run.classes)} classes with the probability of each" if run.classes else "a number"
    parts = [
        f"<h1>sdl serve</h1><p>The run <b>{html.escape(run.run.folder.name)}</b> answers <code>POST /predict</code> with "
        f"{answers}. A request holds {kind}{'' if run.takes == 'photo' else f', at most {most_rows:,}'}.</p>",
        f"<pre>{html.escape(command)}</pre>",
        '<p>The answer: <code>{"predictions": [...], "notes": [...]}</code>. What is wrong with a request is said in '
        '<code>{"error": {"kind", "message", "hint"}}</code>. <code>GET /health</code> says whether the server answers; '
        '<a href="openapi.json">openapi.json</a> describes all this for programs.</p>',
    ]
    if run.classes:
        shown = ", ".join(html.escape(shortened(name)) for name in run.classes[:100])
        parts.append(f"<p>Classes: {shown}{', ...' if len(run.classes) > 100 else ''}</p>")
    if run.takes == "rows":
        parts.append("<table><tr><th>column</th><th>what it holds</th></tr>")
        ranges = _ranges(run)
        for name in run.names[:1000]:
            told = _property(run, name).get("description") or "a number"
            span = ranges.get(name)
            told += f", {span[0]:.6g} to {span[1]:.6g} in training" if span and told == "a number" else ""
            parts.append(f"<tr><td>{html.escape(shortened(name))}</td><td>{html.escape(shortened(told, 300))}</td></tr>")
        parts.append("</table><p><code>null</code> stands for a value that is not known.</p>")
    head = f"<meta charset=utf-8><title>sdl serve</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang=en>{head}{''.join(parts)}</html>\n"
