"""A clock that runs faster than the machine's, the same in every process of a campaign.

The product's own terms stay as they are (leases of a minute, looks that are 30 s apart): only time
passes sooner. So no campaign weakens the protocol in order to be short.
"""

import asyncio
import time


class FastClock:
    """Tell a time that runs `speed` times as fast; processes of one machine agree on it.

    Attributes:
        speed: from now on.
        epoch: what the time was when the monotonic one was nought.
        ahead: what the monotonic time was when the machine's was nought.
    """

    def __init__(self, speed, epoch, ahead=0.0):
        self.speed = speed
        self.epoch = epoch
        self.ahead = ahead

    def slow(self, speed):
        """Run slower from now on, without a jump."""
        now = self.monotonic()
        self.speed = speed
        self.ahead = now - time.monotonic() * speed

    def monotonic(self):
        return self.ahead + time.monotonic() * self.speed

    def time(self):
        return self.epoch + self.monotonic()

    def boot(self):
        return time.clock_gettime(time.CLOCK_BOOTTIME) * self.speed

    async def sleep(self, seconds, /):
        await asyncio.sleep(seconds / self.speed)

    def call_at(self, when, f, /):
        loop = asyncio.get_running_loop()
        return loop.call_later(max((when - self.monotonic()) / self.speed, 0.0), f)


def hasten(sandbox, speed):
    """Have a sandbox live by a fast clock, and return that one."""
    clock = FastClock(speed, sandbox.clock.time())
    clock.epoch -= clock.monotonic()
    sandbox.clock.monotonic = clock.monotonic  # its own hands: it stamps, and sleeps nowhere
    sandbox.clock.time = clock.time
    return clock
