"""What a store holds from before is read; what a newer version wrote is refused with the remedy."""

import msgspec
import pytest

from postpress_async import ConfigurationError, Limit, Limits
from postpress_async.scheduler import image
from postpress_async.scheduler.lane import Setting
from postpress_async.scheduler.line import Place
from postpress_async.scheduler.mending import mend
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


def test_the_place_of_what_is_each_process_own_says_nothing():
    fields = msgspec.msgpack.decode(written())
    assert fields[5] is False
    fields[5] = True
    book = image.load(msgspec.msgpack.encode(fields), "acc_1", RULES, SETTING, NOW)
    assert not book.lane.resigned
    assert image.dump(book, NOW) == written()


def test_an_image_of_the_first_format_is_read_and_written_in_the_new_one():
    data = changed(written(), version=1, last={123_456: NOW - 3.0})  # who was served last
    book = image.load(data, "acc_1", RULES, SETTING, NOW)
    assert book.lane.ready_at(book.tally("profile", NOW), 5, NOW) > NOW  # one of five is done
    assert not book.line.places
    again = image.parse(image.write(image.parse(data, "acc_1")), "acc_1")
    assert again.version == image.VERSION
    assert image.dump(book, NOW) != data


@pytest.mark.parametrize("version", [0, image.VERSION + 1, "2"])
def test_an_image_of_another_version_is_refused(version):
    data = changed(written(), version=version, last={"of": "another kind"})
    with pytest.raises(ConfigurationError, match=r"counts of acc_1 .* newer version") as caught:
        image.parse(data, "acc_1")
    assert caught.value.scope == "account"
    with pytest.raises(ConfigurationError, match="counts of all accounts together") as caught:
        image.load_everyone(msgspec.msgpack.encode([version, {}]))
    assert caught.value.scope == "setup"


@pytest.mark.parametrize(
    "data", [b"", b"garbage", b"\x90", b"\x91\x02", msgspec.msgpack.encode([2, 7, "x"]), "odd"]
)
def test_what_is_no_image_says_whose_counts_cannot_be_read(data):
    if data == "odd":  # its shape is right, and what it holds is not
        fields = msgspec.msgpack.decode(written())
        fields[6]["profile"] = [b"abc", b"", b""]
        data = msgspec.msgpack.encode(fields)
    for read in (
        lambda: image.load(data, "acc_1", RULES, SETTING, NOW),
        lambda: mend("acc_1", written(), data, NOW, NOW - 1),
    ):
        with pytest.raises(ConfigurationError, match="counts of acc_1 cannot be read") as caught:
            read()
        assert caught.value.scope == "account"
    with pytest.raises(ConfigurationError, match="counts of all accounts together cannot be read"):
        image.load_everyone(data)


def test_an_image_of_all_accounts_of_the_first_format_is_read():
    data = msgspec.msgpack.encode([1, {}, {}, [], 86_400.0, NOW])
    everyone = image.load_everyone(data)
    assert everyone.longest == 86_400.0
    assert not everyone.lines
