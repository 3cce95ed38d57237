"""Small SVG drawings with all that the sets have: named colours, gradients, lights laid over, inner shades, ink."""

from typing import Any

from pretraining.data.drawing import Drawing, drawing_of

_FLAT = (
    '<path fill="#d33" d="M6 6h24v24H6z"/><circle cx="13" cy="15" r="3" fill="white"/><circle cx="23" cy="15" r="3"/>'
    '<path fill="none" stroke="#2266aa" stroke-width="2" d="M12 24h12"/>'
)
_GLOSSY = (
    '<g fill="none"><g filter="url(#in)"><path fill="url(#base)" d="M4 4h24v24H4z"/></g>'
    '<g filter="url(#light)"><path fill="#ffffff" d="M8 6h6v3H8z"/></g>'
    '<path fill="url(#fade)" d="M4 16h24v12H4z"/><circle cx="16" cy="16" r="5" fill="#2040c0"/><defs>'
    '<linearGradient id="base" x2="0" y2="32" gradientUnits="userSpaceOnUse"><stop stop-color="#ffd040"/>'
    '<stop offset="1" stop-color="#c02020"/></linearGradient>'
    '<linearGradient id="fade" y1="16" x2="0" y2="28" gradientUnits="userSpaceOnUse"><stop stop-color="#300" '
    'stop-opacity="0"/><stop offset="1" stop-color="#300"/></linearGradient>'
    '<filter id="in" width="26" height="26" x="3" y="3" filterUnits="userSpaceOnUse">'
    '<feBlend in="SourceGraphic" result="shape"/><feColorMatrix in="SourceAlpha" result="hardAlpha" values="0 0 0 0 0 '
    '0 0 0 0 0 0 0 0 0 0 0 0 0 127 0"/><feOffset dy="-1"/><feGaussianBlur stdDeviation="1"/><feComposite '
    'in2="hardAlpha" k2="-1" k3="1" operator="arithmetic"/>'
    '<feColorMatrix values="0 0 0 0 0.1 0 0 0 0 0.5 0 0 0 0 0.8 0 0 0 1 0"/>'
    '<feBlend in2="shape"/></filter>'
    '<filter id="light" width="10" height="7" x="6" y="4" filterUnits="userSpaceOnUse">'
    '<feGaussianBlur result="effect1_foregroundBlur" stdDeviation="1"/></filter></defs></g>'
)
_INK = '<path fill="currentColor" d="M8 8h48v48H8zm10 10v28h28V18z"/>'

ICONS: dict[str, Any] = {
    "icons": {
        "flat": {"body": _FLAT, "width": 36, "height": 36},
        "glossy": {"body": _GLOSSY, "width": 32, "height": 33},
        "ink": {"body": _INK, "width": 64, "height": 64},
    },
    "aliases": {"flat-face": {"parent": "flat"}},
}


def small_drawing(name: str) -> Drawing:
    """Return the drawing called "flat", "glossy" or "ink"."""
    drawing = drawing_of(ICONS, name)
    assert drawing is not None
    return drawing
