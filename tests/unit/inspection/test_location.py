"""Where a pause is: the frame that calls, or the one that raised."""

import sys

import pytest

from lager.inspection.frames.location import Place


def names(place: Place) -> list[str]:
    return [frame.f_code.co_name for frame, _ in place.stack]


def test_here_is_the_frame_that_is_running_and_all_that_led_to_it() -> None:
    def outer() -> Place:
        value = "seen"
        place = Place.here(sys._getframe())
        assert value
        return place

    place = outer()
    assert names(place)[-2:] == ["test_here_is_the_frame_that_is_running_and_all_that_led_to_it", "outer"]
    assert names(place)[0] == "<module>"
    assert place.line == outer.__code__.co_firstlineno + 2
    assert place.namespace()["value"] == "seen"


def test_an_error_is_where_it_was_raised_though_its_frames_have_ended() -> None:
    def inner() -> None:
        reading = 1.5
        try:
            raise ValueError(reading)
        finally:
            reading = 0.0

    with pytest.raises(ValueError, match=r"1\.5") as caught:
        inner()
    place = Place.of_error(caught.tb)
    assert names(place)[-2:] == ["test_an_error_is_where_it_was_raised_though_its_frames_have_ended", "inner"]
    assert place.line == inner.__code__.co_firstlineno + 3
    assert place.namespace()["reading"] == 0.0


def test_the_namespace_is_a_copy() -> None:
    value = 1
    place = Place.here(sys._getframe())
    place.namespace()["value"] = 2
    assert value == 1
