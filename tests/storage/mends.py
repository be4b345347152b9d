"""What stores are given that mends them where they have lost something."""


def alarmed(key, mine, theirs, seen, written):
    """Be asked to mend a store that has lost nothing."""
    raise AssertionError(key, mine, theirs, seen, written)


def greatest(key, mine, theirs, seen, written):
    """Take the greater count, whichever was written later."""
    return max(mine, theirs or b"", key=lambda one: int(one.split()[0]) if one else 0)
