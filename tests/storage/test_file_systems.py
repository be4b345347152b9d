"""What a file may lie on: really mounted, and as the kernel's table has it."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuse import fuse
from mounts import BIND, NotAllowedError, mounted

from postpress_async.errors import ConfigurationError
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.sqlite import file_systems
from postpress_async.storage.sqlite.file_systems import check_file_system, file_system_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux' mount table")


@pytest.fixture
def mount():
    """Return what mounts something on a new directory; skip where that is not allowed."""
    held = []

    def mount(where, kind, *, through=mounted, **options):
        if not where.exists():
            where.mkdir()
        one = through(kind, where, **options)
        try:
            one.__enter__()
        except NotAllowedError as error:
            pytest.skip(str(error))
        held.append(one)
        return where

    yield mount
    for one in reversed(held):
        one.__exit__(None, None, None)


async def refused(images, works, words):
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=words) as caught:
            await images.step(works.add())
        assert "\n" not in str(caught.value)


# -- mounted ---------------------------------------------------------------------------------------


async def test_disks_of_this_machine_are_judged_so_and_used(tmp_path, mount, open_at, works):
    under = file_system_of(str(tmp_path))
    tmpfs = mount(tmp_path / "tmpfs", "tmpfs", data="mode=700")
    assert file_system_of(str(tmpfs)) == "tmpfs"
    for name in ("lower", "upper", "work"):
        (tmpfs / name).mkdir()
    words = f"lowerdir={tmpfs / 'lower'},upperdir={tmpfs / 'upper'},workdir={tmpfs / 'work'}"
    overlay = mount(tmp_path / "overlay", "overlay", data=words)
    assert file_system_of(str(overlay)) == "overlay"
    (tmp_path / "there").mkdir()
    bound = mount(tmp_path / "bound", "none", source=tmp_path / "there", flags=BIND)
    assert file_system_of(str(bound)) == under
    for place in (tmpfs, overlay, bound):
        place.chmod(0o700)
        assert await open_at(place / "deeper" / "counts.db").step(works.add()) == 1


@pytest.mark.parametrize(
    "far",
    [
        ("fuse.sshfs", "me@host:/home/me", "fuse.sshfs"),
        ("fuse.glusterfs", "host:/volume", "fuse.glusterfs"),
        ("fuse", "https://dav.example/me", "fuse.davfs"),
    ],
    ids=lambda far: far[2],
)
async def test_a_file_system_over_the_network_is_refused_whatever_serves_it(
    tmp_path, mount, open_at, works, far
):
    kind, source, told = far
    place = mount(tmp_path / "far", kind, through=fuse, source=source)
    assert file_system_of(str(place)) == told
    words = f"network file system \\({told}\\)"
    await refused(open_at(place / "counts.db"), works, words)
    outbox = open_outbox(f"sqlite:///{place / 'outbox.db'}")
    with pytest.raises(ConfigurationError, match=words):
        await outbox.enter("w")
    await outbox.aclose()


async def test_one_of_this_machine_that_fuse_mounts_is_not(tmp_path, mount):
    place = mount(tmp_path / "near", "fuse.fuse-overlayfs", through=fuse)
    assert file_system_of(str(place)) == "fuse.fuse-overlayfs"
    check_file_system(str(place), file_system_of(str(place)))


NAMES = ["a b", "a\\b", "a\tb", "a\nb", "a\x85b\u2028c\x0b", "a#b", "\udcff"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_whatever_a_mount_point_is_called(tmp_path, mount, name):
    place = mount(tmp_path / name, "fuse.sshfs", through=fuse)
    assert file_system_of(str(place)) == "fuse.sshfs"
    assert file_system_of(str(tmp_path)) != "fuse.sshfs"


async def test_what_covers_a_mount_counts_and_not_what_is_covered(tmp_path, mount):
    under = file_system_of(str(tmp_path))
    (tmp_path / "there" / "b").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    far = mount(tmp_path / "here" / "b", "fuse.sshfs", through=fuse)
    assert file_system_of(str(far)) == "fuse.sshfs"
    mount(tmp_path / "here", "none", source=tmp_path / "there", flags=BIND)
    assert file_system_of(str(far)) == under


async def test_a_file_that_is_mounted_by_itself_is_refused(tmp_path, mount, open_at, works):
    theirs, ours = [tmp_path / name / "counts.db" for name in ("host", "box")]
    await open_at(theirs).step(works.add())
    ours.parent.mkdir(mode=0o700)
    ours.touch(mode=0o600)
    mount(ours, "none", source=theirs, flags=BIND)
    await refused(open_at(ours), works, "mounted by itself.*mount its directory")
    assert [one.name for one in ours.parent.iterdir()] == ["counts.db"]


def test_looking_what_a_file_lies_on_drops_no_lock(tmp_path):
    """As closing any descriptor of a file does that was opened in earnest."""
    path = tmp_path / "counts.db"
    path.touch()
    ask = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with path.open("r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert not file_systems.is_mounted_alone(path)
        asked = subprocess.run([sys.executable, "-c", ask, path], capture_output=True, check=False)
    assert b"BlockingIOError" in asked.stderr


# -- in the table ----------------------------------------------------------------------------------

# As kernels write it: of a pod in Kubernetes, a machine with shares, a virtual one, and WSL. The
# last lines are torn, as they are where something is mounted while the table is read.
TABLE = r"""
2892 2705 0:198 / / rw,relatime - overlay overlay rw,lowerdir=/k8s/1/fs,upperdir=/k8s/2/fs
2893 2892 0:200 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
3265 2892 0:29 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime master:9 - cgroup2 cgroup rw
3416 2892 253:0 /var/lib/kubelet/pods/f2c2/volumes/config /opt ro,relatime - ext4 /dev/mapper/vg rw
3417 2892 0:212 / /certs rw,relatime - nfs4 192.0.2.43:/pvc-2108 rw,vers=4.1,proto=tcp,hard
101 28 8:17 / /media/USB\040KEY rw,nosuid,nodev,relatime shared:31 - vfat /dev/sdb1 rw
140 28 0:52 / /mnt/old rw,relatime shared:32 - nfs 192.0.2.44:/export rw,vers=3,local_lock=none
141 28 0:53 / /mnt/share rw,relatime shared:33 master:2 - cifs //fileserver/dept rw,vers=3.1.1
142 28 0:54 / /mnt/smb rw,relatime shared:34 - smb3 //fileserver/other rw
143 28 0:55 / /mnt/box rw,relatime - vboxsf shared rw,iocharset=utf8
144 28 0:56 / /mnt/c rw,noatime - 9p C:\134 rw,aname=drvfs;path=C:\134;uid=1000,trans=fd
145 28 0:57 / /mnt/virtio rw,relatime - virtiofs host rw
146 28 0:58 / /mnt/mac rw,nosuid,nodev,relatime - fakeowner /run/host_mark/Users rw
147 28 0:59 / /afs rw,relatime - afs none rw
148 28 0:60 / /mnt/ceph rw,relatime - ceph 192.0.2.1:6789:/ rw,name=admin,acl
149 28 0:61 / /mnt/lustre rw,relatime - lustre 192.0.2.2@tcp:/fsx rw,checksum
150 28 0:62 / /mnt/gluster rw,relatime - fuse.glusterfs host:/volume rw,user_id=0,allow_other
151 28 0:63 / /mnt/dav rw,nosuid,nodev,relatime - fuse https://dav.example/ rw,user_id=0
152 28 0:64 / /mnt/windows rw,relatime - fuseblk /dev/sda3 rw,user_id=0,allow_other
153 28 0:65 / /home rw,relatime shared:1 - btrfs /dev/nvme0n1p2 rw,subvol=/home
154 28 0:66 / /auto rw,relatime shared:2 - autofs systemd-1 rw,fd=55
155 154 0:67 / /auto rw,relatime shared:3 - nfs4 192.0.2.45:/home rw
no mount at all
156 28 0:68 / /mn
0:69
"""

FAR = "/certs /mnt/old /mnt/share /mnt/smb /mnt/box /mnt/c /mnt/virtio /mnt/mac /afs /mnt/ceph "
FAR += "/mnt/lustre /mnt/gluster /mnt/dav /auto"
NEAR = "/ /opt /home /mnt/windows /sys/fs/cgroup /mnt /certsx"


@pytest.fixture
def table(monkeypatch):
    """Let the kernel's table be that above, and let it not tell which line holds."""
    real = Path.read_bytes

    def read_bytes(path):
        return TABLE.encode() if path.name == "mountinfo" else real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return lambda number: monkeypatch.setattr(file_systems, "_mount_of", lambda path: number)


async def test_file_systems_of_other_machines_are_refused_by_any_table(table, open_at, works):
    for point in FAR.split():
        table(None)
        by_path = file_system_of(point + "/deeper")
        lines = [line for line in TABLE.splitlines() if line.split()[4:5] == [point]]
        table(lines[-1].split()[0].encode())
        assert file_system_of("/wherever") == by_path
        with pytest.raises(ConfigurationError, match=f"network file system \\({by_path}\\)"):
            check_file_system(point, by_path)
    table(None)
    for point in [*NEAR.split(), "/media/USB KEY"]:
        check_file_system(point, file_system_of(point))
    assert file_system_of("/media/USB KEY/deeper") == "vfat"
    table(b"7")
    assert file_system_of("/") == ""  # of another namespace: not told


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
async def test_nothing_is_made_where_a_file_may_not_lie(path, open_at, works, kind):
    await refused(open_at(file_system=lambda directory: kind), works, f"network.*{kind}")
    assert not path.exists()


def test_this_machines_table_is_read():
    assert file_system_of("/proc/self") == "proc"
    assert file_system_of("/") not in {"", "proc"}
    assert file_system_of(os.devnull) == file_system_of("/dev")
