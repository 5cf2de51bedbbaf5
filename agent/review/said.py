"""A review as the control socket's verb `review` takes it."""

from dataclasses import asdict, astuple

from agent.store.values import Review

ANSWER_S = 70.0
"""Longer than the store's own patience."""


def said(review: Review) -> dict[str, object]:
    """The verb's arguments."""
    body = asdict(review)
    del body["id"]
    return body | {"boxes": [list(astuple(box)) for box in review.boxes]}
