"""Lights and shades that artists lay over shapes: with outlines, or as paper, they would be shapes of their own."""

from __future__ import annotations

import re

_GRADIENT = re.compile(r'<(?:linear|radial)Gradient\b[^>]*?\bid="([^"]+)".*?</(?:linear|radial)Gradient>', re.DOTALL)
_FILTER = re.compile(r'<filter\b[^>]*?\bid="([^"]+)".*?</filter>', re.DOTALL)
_OPACITY = re.compile(r'stop-opacity="([0-9.]+)"')
_TAG = re.compile(r"<(?:path|circle|ellipse|rect|polygon|g|use)\b[^>]*?(?=/?>)")
_PAINT = re.compile(r'\b(?:fill|stroke|filter)="url\(#([^)]+)\)"')


def overlays(body: str) -> set[str]:
    """Return the names of gradients that fade out and of filters that blur a whole shape."""
    fading = {
        found[1]
        for found in _GRADIENT.finditer(body)
        if any(float(opacity) < 0.5 for opacity in _OPACITY.findall(found[0]))
    }
    return fading | {found[1] for found in _FILTER.finditer(body) if "foregroundBlur" in found[0]}


def marked(body: str, name: str, value: str) -> str:
    """Return SVG elements in which every overlay has this attribute."""
    known = overlays(body)

    def mark(found: re.Match[str]) -> str:
        tag = found[0]
        if not any(paint in known for paint in _PAINT.findall(tag)):
            return tag
        return re.sub(rf' {name}="[^"]*"', "", tag) + f' {name}="{value}"'

    return _TAG.sub(mark, body) if known else body
