"""How a report looks: one style sheet for a phone, a desktop and paper, in light and in dark."""

from __future__ import annotations

from sdl_cli.report.html.drawing import GRID, INK, MUTED, PAPER, SERIES

_LIGHT = {"paper": PAPER, "ink": INK, "muted": MUTED, "grid": GRID, "raised": "#f2f3f0", "good": "#0d7257", "bad": "#b3321a"}
_DARK = {
    "paper": "#14161b",
    "ink": "#e4e7ec",
    "muted": "#9aa3b3",
    "grid": "#353b47",
    "raised": "#1d2027",
    "good": "#57c7a3",
    "bad": "#f08a70",
}
_DARK_SERIES = ("#6bb1f0", "#ee8b58", "#4fc3a1", "#cf90cb", "#d4ab41", "#98a5ee")

_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);
  font:1rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
  overflow-wrap:anywhere;font-variant-numeric:lining-nums}
.page{max-width:46rem;margin:0 auto;padding:2.25rem 1.25rem 4rem}
a{color:var(--series-0);text-underline-offset:.15em}
header{margin-bottom:1.5rem}
.kicker{margin:0 0 .35rem;color:var(--muted);font-size:.875rem}
h1{margin:0;font-size:1.5rem;line-height:1.25;font-weight:650;letter-spacing:-.012em;text-wrap:balance}
.verdict{margin:1.5rem 0 0;padding:.2rem 0 .2rem 1.1rem;border-left:.25rem solid var(--series-0)}
.verdict p{margin:.55rem 0 0}
.verdict p:first-child{margin:0;font-size:1.3rem;line-height:1.42;font-weight:500;letter-spacing:-.005em;text-wrap:pretty}
.facts{display:flex;flex-wrap:wrap;gap:.3rem 1.75rem;margin:1.4rem 0 0;padding:0;list-style:none;color:var(--muted);
  font-size:.9rem}
.facts b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}
nav{margin:0 0 1rem;font-size:.9rem}
nav h2{margin:0 0 .3rem;padding:0;border:0;font-size:.875rem;font-weight:400;color:var(--muted);letter-spacing:0}
nav ol{display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;margin:0;padding:0;list-style:none}
nav a{display:inline-block;padding:.2rem 0;color:var(--ink);text-decoration-color:var(--grid)}
nav a:hover{text-decoration-color:currentColor}
section{margin-top:3rem}
main>section:first-child{margin-top:1.75rem}
h2{margin:0 0 .4rem;padding-top:.9rem;border-top:1px solid var(--grid);font-size:1.25rem;line-height:1.3;font-weight:650;
  letter-spacing:-.01em}
h3{margin:1.6rem 0 .3rem;font-size:1rem;line-height:1.4;font-weight:650}
p,ul,ol{margin:.6rem 0}
ul,ol{padding-left:1.25rem}
li{margin:.25rem 0}
.lead{margin-top:0;color:var(--muted);max-width:40rem}
.muted,small{color:var(--muted)}
figure{margin:1.25rem 0}
figcaption{margin-top:.5rem;max-width:38rem;color:var(--muted);font-size:.875rem;line-height:1.5}
svg{display:block;width:100%;height:auto;fill:var(--ink);font-family:inherit;overflow:visible}
svg *{stroke-linejoin:round;stroke-linecap:butt}
svg text{stroke:none;white-space:pre;font-variant-numeric:tabular-nums}
img{max-width:100%;height:auto;vertical-align:middle;border-radius:3px}
img.coarse{image-rendering:pixelated}
.pictures{display:flex;flex-wrap:wrap;gap:1.25rem 1rem;margin:1.25rem 0}
.pictures figure{margin:0}
.pictures figcaption{font-size:.8125rem;line-height:1.4;margin-top:.35rem}
.scroll{overflow-x:auto;margin:1rem 0;-webkit-overflow-scrolling:touch}
.scroll:focus-visible,summary:focus-visible,a:focus-visible{outline:2px solid var(--series-0);outline-offset:2px}
table{border-collapse:collapse;min-width:60%;font-size:.9rem;line-height:1.4;font-variant-numeric:tabular-nums}
th,td{padding:.42rem 1.4rem .42rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid);font-weight:400;
  overflow-wrap:normal;max-width:24rem}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--muted);font-size:.8125rem;vertical-align:bottom;border-bottom-color:var(--muted)}
tbody th{font-weight:550}
.number{text-align:right}
td.number,.short,tbody .short{white-space:nowrap}
thead .short{white-space:normal;min-width:5rem}
.words{min-width:8rem}
.long{min-width:13rem;overflow-wrap:anywhere}
pre{margin:.75rem 0;padding:.85rem 1rem;background:var(--raised);border-radius:6px;overflow-x:auto;
  font-size:.84rem;line-height:1.5}
pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
pre.wrapped{white-space:pre-wrap}
code{font-size:.9em}
summary{cursor:pointer;color:var(--muted);padding:.35rem 0}
.findings{list-style:none;padding:0}
.findings li{margin:.9rem 0;padding-left:1rem;border-left:.2rem solid var(--grid)}
.findings .leak{border-color:var(--bad)}
.findings .warning{border-color:var(--series-4)}
.findings p{margin:.15rem 0 0}
.findings .leak b:first-child{color:var(--bad)}
.good{color:var(--good)}
.bad{color:var(--bad)}
footer{margin-top:3.5rem;padding-top:.9rem;border-top:1px solid var(--grid);color:var(--muted);font-size:.875rem}
@media (max-width:30rem){
  .page{padding:1.5rem 1rem 3rem}
  .verdict p:first-child{font-size:1.15rem}
  h1{font-size:1.35rem}
  section{margin-top:2.4rem}
}
@media (min-width:75rem){
  .page{display:grid;grid-template-columns:10.5rem minmax(0,46rem);column-gap:4rem;max-width:63rem;align-items:start}
  .page>*{grid-column:2}
  .page>nav{grid-column:1;grid-row:1/span 40;position:sticky;top:2.4rem;margin:0;font-size:.875rem;line-height:1.4}
  .page>nav ol{display:block}
  .page>nav li{margin:.3rem 0}
}
@media print{
  body{font-size:10.5pt}
  .page{display:block;max-width:none;padding:0}
  nav{display:none}
  section{margin-top:1.6rem}
  h2,h3{break-after:avoid}
  figure,tr,.findings li{break-inside:avoid}
  .scroll,pre{overflow:visible}
  pre{white-space:pre-wrap}
}
"""


def style_sheet() -> str:
    """The whole style sheet; it holds nothing from data."""
    light = {**_LIGHT, **{f"series-{k}": colour for k, colour in enumerate(SERIES)}}
    dark = {**_DARK, **{f"series-{k}": colour for k, colour in enumerate(_DARK_SERIES)}}
    rules = ":root{color-scheme:light dark;" + _variables(light) + "}\n"
    # paper stays white, whatever the screen was
    return rules + "@media screen and (prefers-color-scheme:dark){:root{" + _variables(dark) + "}}" + _RULES


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{colour}" for name, colour in colours.items())
