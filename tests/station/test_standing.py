"""A model's jobs of one health window are condemned together."""

from agent.station.job import Standing


def test_the_earlier_job_of_a_window_is_condemned_with_the_later_one() -> None:
    """The recipe was edited in the window: parts that wait have the job of before the edit."""
    first = Standing(watched=True)
    second = Standing(watched=True, earlier=first)
    Standing(watched=True, earlier=second).condemn("it does worse", 7)
    assert (first.condemned, first.condemned_utc_us) == ("it does worse", 7)
    assert second.condemned == "it does worse"
