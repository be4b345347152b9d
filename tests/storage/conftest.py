"""Works to try stores with."""

import pytest

from postpress_async.storage.sqlite.images import SqliteImages


class Work:
    """Do what a function of images and time says."""

    def __init__(self, keys, run):
        self.keys = tuple(keys)
        self.run = run


def adding(key="k", size=0):
    def run(images, now):
        total = int((images[key] or b"0").split()[0]) + 1
        return {key: b"%d " % total + bytes(size)}, total

    return Work([key], run)


def reading(key="k"):
    return Work([key], lambda images, now: ({}, int((images[key] or b"0").split()[0])))


def telling():
    return Work([], lambda images, now: ({}, now))


@pytest.fixture
def works():
    class Works:
        work, add, read, tell = Work, staticmethod(adding), staticmethod(reading), telling

    return Works


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made" / "counts.db"


@pytest.fixture
async def open_at(path):
    opened = []

    def open_at(where=path, **options):
        opened.append(SqliteImages(str(where), **options))
        return opened[-1]

    yield open_at
    for images in opened:
        await images.aclose()
