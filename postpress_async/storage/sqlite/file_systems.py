"""What a path lies on: a disk of this machine, or one that others may share."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_file_system", "file_system_of", "is_mounted_alone"]

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "ceph", "lustre", "gpfs"}
    | {"beegfs", "ocfs2", "gfs2", "orangefs", "pvfs2", "panfs", "wekafs"}
    # Between a machine and its host. In a `virtiofs` many have seen WAL files damaged.
    | {"9p", "virtiofs", "fuse.virtiofs", "fakeowner", "fuse.grpcfuse", "fuse.osxfs"}
    | {"vboxsf", "prl_fs", "vmhgfs", "fuse.vmhgfs-fuse"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.ceph", "fuse.mfs", "fuse.moosefs"}
    | {"fuse.fuse-nfs", "fuse.smbnetfs", "fuse.curlftpfs", "fuse.davfs", "fuse.gvfsd-fuse"}
    | {"fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.goofys", "fuse.mount-s3", "fuse.juicefs"}
    | {"fuse.blobfuse", "fuse.blobfuse2", "fuse.seaweedfs", "fuse.alluxio-fuse", "fuse.quobyte"}
)
"""File systems whose locks or shared memory do not hold between the machines that mount them."""


def check_file_system(path: str, kind: str) -> None:
    """Refuse a disk that several machines may share.

    Raises:
        ConfigurationError: it is one.
    """
    if kind in NETWORK:
        raise ConfigurationError(
            f"{path} lies on a network file system ({kind}), where SQLite's locks do not hold: "
            "choose a local disk, or postgresql:// or redis:// to share counts by network"
        )


def file_system_of(directory: str) -> str:
    """Return the name of the file system that a directory lies on; empty where it is not told.

    By the mount table, since `statfs` has one number for all that FUSE mounts, local or not. The
    kernel says which of its lines holds: of paths alone it could not be told where a mount covers
    another.
    """
    if os.name == "nt":
        return "smbfs" if os.path.realpath(directory).startswith("\\\\") else ""
    number = _mount_of(f"{directory}/.")  # inside, and so of what is mounted only when it is wanted
    try:
        table = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return ""
    mounts = list(_mounts(table))
    if number is not None:
        return next((kind for mount, _, kind in mounts if mount == number), "")
    return _covering(mounts, os.fsencode(os.path.realpath(directory)))


def is_mounted_alone(path: Path) -> bool:
    """Tell whether a file is a mount of its own, and so what lies beside it lies elsewhere."""
    number = _mount_of(path)
    return number is not None and number != _mount_of(path.parent)


def _mount_of(path: str | Path) -> bytes | None:
    """Return the mount table's number of what a path is reached through; None if it is not told.

    Only where a path can be held without opening it: closing a file that is open would drop every
    POSIX lock that this process has on it.
    """
    if not hasattr(os, "O_PATH"):
        return None
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        told = Path(f"/proc/self/fdinfo/{descriptor}").read_bytes()
    except OSError:
        return None
    finally:
        os.close(descriptor)
    found = re.search(rb"^mnt_id:\s*([0-9]+)", told, re.MULTILINE)
    return found and found[1]


def _mounts(table: bytes) -> Iterator[tuple[bytes, bytes, str]]:
    """Yield number, mount point and kind of each mount, from the first to the last."""
    for line in table.split(b"\n"):  # and at nothing else: names may hold all but this
        place, _, rest = line.partition(b" - ")
        fields, kinds = place.split(b" "), rest.split(b" ")
        if len(fields) > 4 and len(kinds) > 1:  # noqa: PLR2004 - as in the kernel's proc.rst
            kind, source = os.fsdecode(kinds[0]), kinds[1]
            if kind == "fuse" and b"://" in source:
                kind = "fuse.davfs"  # which says so by its source alone
            yield fields[0], re.sub(rb"\\([0-3][0-7]{2})", _letter, fields[4]), kind


def _letter(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)])


def _covering(mounts: list[tuple[bytes, bytes, str]], real: bytes) -> str:
    """Return the kind of the mount that a path is in, as far as paths can tell."""
    best, covering = b"", ""
    for _, point, kind in mounts:
        inside = real == point or real.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= len(best):  # of two on one point, the later covers the other
            best, covering = point, kind
    return covering
