"""A heat map over the part's picture."""

from collections.abc import Mapping

from markupsafe import Markup

from agent.quality.heat import Heat, strength
from agent.web.charts.svg import mark, picture, tag

LONGER_PX = 640
"""The drawing's longer side, in its own px."""


def heat_chart(heat: Heat, tips: Mapping[tuple[int, int], str], label: str, under: str = "") -> Markup:
    """Cells over the picture at the address `under`; an empty one leaves the ground blank."""
    scale = LONGER_PX / max(heat.width_px, heat.height_px)
    width, height = heat.width_px * scale, heat.height_px * scale
    across, down = width / heat.columns, height / heat.rows
    drawn: list[Markup] = [tag("rect", class_="ground", x=0, y=0, width=width, height=height)]
    if under:
        drawn.append(tag("image", class_="under", href=under, x=0, y=0, width=width, height=height))
    for (column, row), count in sorted(heat.cells.items(), key=lambda cell: (cell[0][1], cell[0][0])):
        opacity = f"{0.25 + 0.65 * strength(count, heat.most):.2f}"
        x, y = column * across, row * down
        cell = tag("rect", class_="cell", fill_opacity=opacity, x=x, y=y, width=across, height=down)
        drawn.append(mark(tips[column, row], [cell]))
    return picture(width, height, label, "heat", drawn)
