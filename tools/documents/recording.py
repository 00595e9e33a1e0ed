"""Owns the recordings of README and docs/recovery.md: the session of the page, played as a picture.

The session is the page's block that begins at the prompt. The test `readme` holds it to a real machine, so the picture
shows what a machine said. The SVG shows its lines one after another, once. All of them stay visible afterwards, and are
visible at once wherever nothing is animated. It brings its own background, so it is readable on light and dark pages,
and gives each line its length, so any monospaced font fits.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

PROMPT = "baton$ "
SESSION = re.compile(rf"^```\n((?:{re.escape(PROMPT)})(?:.*\n)*?)```$", re.MULTILINE)
TITLE = "./baton run"
LETTER, LINE, MARGIN, BAR = 7.2, 18, 14, 26  # pixels, for 12-pixel text; BAR: the height of the title
COMMAND_SECONDS, ANSWER_SECONDS = 1.2, 0.4  # before a command, and before its answer, appear
STYLE = """\
text { fill: #d4d4d4; animation: appear 1ms backwards }
.title { fill: #999; animation: none }
.prompt { fill: #7ec87e }
.command { fill: #fff; font-weight: bold }
@keyframes appear { from { opacity: 0 } }
@media (prefers-reduced-motion: reduce) { text { animation: none } }"""


def session(page: str) -> list[str]:
    """The lines of the page's session; empty if it does not have exactly one."""
    found = SESSION.findall(page)
    return found[0].splitlines() if len(found) == 1 else []


def draw_line(line: str, y: float, seconds: float) -> str:
    command = line.removeprefix(PROMPT)
    words = escape(line) if command == line else \
        f'<tspan class="prompt">{PROMPT}</tspan><tspan class="command">{escape(command)}</tspan>'
    return (f'<text x="{MARGIN}" y="{y:g}" textLength="{len(line) * LETTER:g}" style="animation-delay: {seconds:.1f}s">'
            f'{words}</text>')


def draw(lines: list[str]) -> str:
    """The recording as SVG."""
    width = 2 * MARGIN + max(len(line) for line in lines) * LETTER
    height = BAR + len(lines) * LINE + MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} '
           f'{height:g}" font-family="monospace" font-size="12" xml:space="preserve">',
           f"<title>A session of {TITLE}</title>",
           f"<style>\n{STYLE}\n</style>",
           f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="6" fill="#1e1e1e" stroke="#777"/>',
           f'<text class="title" x="{width / 2:g}" y="18" text-anchor="middle">{TITLE}</text>']
    seconds = 0.0
    for number, line in enumerate(lines, 1):
        seconds += COMMAND_SECONDS if line.startswith(PROMPT) else ANSWER_SECONDS
        out.append(draw_line(line, BAR + number * LINE, seconds))
    return "\n".join([*out, "</svg>"]) + "\n"
