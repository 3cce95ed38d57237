"""A citation that code can carry."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paper:
    """The paper behind a method.

    Attributes:
        title: Title as published.
        arxiv: Identifier with version, e.g. "2404.05256v2".
        code: Official code as "owner/repository", or empty.
    """

    title: str
    arxiv: str
    code: str = ""
