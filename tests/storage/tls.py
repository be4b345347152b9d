"""TLS before servers that speak none: certificates of all kinds, and what takes it off."""

import asyncio
import datetime as dt
import ssl
from functools import cached_property

from redis_server import missing

SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # what PostgreSQL's clients begin with
NO = b"N"  # the answer to another beginning, such as GSSAPI's


class Authority:
    """One who signs certificates for 127.0.0.1; files of them lie in a directory."""

    def __init__(self, directory, name="ours"):
        try:
            import trustme  # noqa: PLC0415 - where it is
        except ModuleNotFoundError:
            missing("certificates", "pip install trustme")
        self._directory = directory
        self._name = name
        self._ca = trustme.CA(organization_name=name)

    @cached_property
    def file(self):
        """The file with its own certificate, which clients trust."""
        return self._written("authority", self._ca.cert_pem)

    @cached_property
    def signed(self):
        """Return the files of a certificate for a client, and of its key."""
        made = self._ca.issue_cert("client@example.com", common_name="postgres")
        key = self._written("key", made.private_key_pem)
        key.chmod(0o600)
        return self._written("client", *made.cert_chain_pems), key

    @cached_property
    def locked_key(self):
        """The file of a key that only a password opens."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - trustme's own

        key = serialization.load_pem_private_key(self.signed[1].read_bytes(), None)
        how = serialization.BestAvailableEncryption(b"hunter2")
        form = serialization.PrivateFormat.TraditionalOpenSSL
        path = self._directory / f"{self._name}-locked.pem"
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, how))
        path.chmod(0o600)
        return path

    def server(self, host="127.0.0.1", *, days=1, asks=False):
        """Return how a server speaks TLS with a certificate of this authority.

        Args:
            host: for whom it is made out.
            days: how long it is still good.
            asks: whether clients must have one of this authority, too.
        """
        now = dt.datetime.now(dt.UTC)
        until = now + dt.timedelta(days=days)
        made = self._ca.issue_cert(host, not_before=now - dt.timedelta(days=9), not_after=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.configure_cert(context)
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            self._ca.configure_trust(context)
        return context

    def _written(self, what, *blobs):
        path = self._directory / f"{self._name}-{what}.pem"
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return path


class Terminator:
    """Take TLS off, and pass what is in it on to a port.

    Args:
        port: where the server listens.
        context: how to speak TLS.
        postgres: whether clients ask for it first, as PostgreSQL's do.
    """

    def __init__(self, port, context, *, postgres=False):
        self._target = port
        self._context = context
        self._postgres = postgres
        self._passing = set()
        self._swallows = False
        self.swallowed = asyncio.Event()  # an answer was, and not passed on

    async def __aenter__(self):
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=None if self._postgres else self._context
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self._server.close()
        while self._passing:
            await self.cut()
        await self._server.wait_closed()

    def swallow(self):
        """Pass no answers on from now on."""
        self._swallows = True

    async def cut(self):
        """Cut all connections; those that come after are passed on."""
        self._swallows = False
        cut = list(self._passing)
        for one in cut:
            one.cancel()
        await asyncio.gather(*cut)

    async def _accept(self, reader, writer):
        # In a task of our own: the library's must not be cancelled.
        task = asyncio.create_task(self._serve(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _serve(self, reader, writer):
        there = None
        try:
            if self._postgres:
                while await reader.readexactly(8) != SSL_REQUEST:
                    writer.write(NO)
                writer.write(b"S")
                await writer.start_tls(self._context)
            back, there = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._pass(reader, there), self._pass(back, writer, answers=True))
        except (OSError, EOFError, asyncio.CancelledError):  # cut, or we are not trusted
            pass
        finally:
            for one in (writer, there):
                if one is not None:
                    one.transport.abort()

    async def _pass(self, reader, writer, *, answers=False):
        while data := await reader.read(1 << 16):
            if answers and self._swallows:
                self.swallowed.set()
                continue
            writer.write(data)
            await writer.drain()
        writer.transport.abort()
