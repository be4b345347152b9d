"""What a store holds from before is read; what a newer version wrote is refused with the remedy."""

import msgspec
import pytest

from postpress_async import Limit, Limits, StateUnavailableError
from postpress_async.scheduler import image
from postpress_async.scheduler.lane import Setting
from postpress_async.scheduler.line import Place
from postpress_async.scheduler.rulebook import Rulebook

NOW = 1_770_000_000.0
SETTING = Setting(lambda: 0.0, lambda: 0.0)
RULES = Rulebook(Limits.none().add(Limit("profile", 5)))


def written():
    book = image.load(None, "acc_1", RULES, SETTING, NOW)
    book.logs["profile"] = image.unpacked(image.Events())
    book.logs["profile"].add(1, NOW - 1)
    book.line.stand(Place(7, "profile", NOW + 5), [2, 3], NOW)
    return image.dump(book, NOW)


def changed(data, *, version, last):
    fields = msgspec.msgpack.decode(data)
    return msgspec.msgpack.encode([version, *fields[1:-1], last])


def test_places_in_the_line_are_read_as_they_were_written():
    book = image.load(written(), "acc_1", RULES, SETTING, NOW)
    assert book.line.places == [Place(7, "profile", NOW + 5, 2, 5)]


def test_an_image_of_the_first_format_is_read_and_written_in_the_new_one():
    data = changed(written(), version=1, last={123_456: NOW - 3.0})  # who was served last
    book = image.load(data, "acc_1", RULES, SETTING, NOW)
    assert book.lane.ready_at(book.tally("profile", NOW), 5, NOW) > NOW  # one of five is done
    assert not book.line.places
    assert image.parse(image.write(image.parse(data))).version == image.VERSION
    assert image.dump(book, NOW) != data


@pytest.mark.parametrize("version", [0, image.VERSION + 1, "2"])
def test_an_image_of_another_version_is_refused(version):
    with pytest.raises(StateUnavailableError, match="newer version"):
        image.parse(changed(written(), version=version, last={"of": "another kind"}))


def test_an_image_of_all_accounts_of_the_first_format_is_read():
    data = msgspec.msgpack.encode([1, {}, {}, [], 86_400.0, NOW])
    everyone = image.load_everyone(data)
    assert everyone.longest == 86_400.0
    assert not everyone.lines
