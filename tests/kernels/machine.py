# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual machines in software emulation: any kernel, one root filesystem."""

import io
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

from debian import Problem, sources

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]

# What the tests need and what a kernel may have as a module; what it has built in is left out.
MODULES = ["virtio_pci", "virtio_blk", "virtio_rng", "ext4", "overlay", "fuse", "autofs4", "veth",
           "sch_ingress", "cls_bpf"]

# For the virtual machines besides what tests/packages lists.
SYSTEM = ["iproute2", "kmod", "procps", "systemd-sysv", "udev"]

# Commands for the build, in the root filesystem's directory $1, of the project $2 to the directory $3.
# The mounts are seen by nobody else and end with the shell.
BUILD = """
mount --bind "$1" "$1"
mkdir -p "$1/srv/bpfmetafs"
mount --bind -o ro "$2" "$1/srv/bpfmetafs"
mount --bind "$3" "$1/mnt"
mount -t tmpfs tmpfs "$1/tmp"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" /bin/sh -euc '
        export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8
        meson setup /tmp/build /srv/bpfmetafs --prefix=/usr -Dhelperdir=/usr/sbin
        ninja -C /tmp/build
        meson install -C /tmp/build --no-rebuild --destdir=/mnt/install --quiet
        mkdir /mnt/unit
        cp /tmp/build/tests/unit/test-?* /mnt/unit/ 2>/dev/null || true
        find /mnt/unit -type d -name "*.p" -exec rm -r {} +
        mkdir /mnt/objects
        python3 -B /srv/bpfmetafs/tests/kernels/compile-objects /mnt/objects'
"""


def run(*argv, **options):
    """Runs a command that has to succeed; what it says is shown only if it does not."""
    done = subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise Problem(f"{argv[0]} failed:\n{done.stdout}")
    return done.stdout


def packages():
    lines = (HERE.parent / "packages").read_text().splitlines()
    listed = [line.split() for line in lines if line and not line.startswith("#")]
    return [name for use, name in listed if use in ("build", "run", "test")] + SYSTEM


def root_filesystem(cache):
    """Debian 12 with all that the tests need, as a directory; made anew when the list changes."""
    directory, stamp = cache / "root", cache / "root.packages"
    wanted = "\n".join(sorted(set(packages()))) + "\n"
    if not stamp.exists() or stamp.read_text() != wanted:
        for old in (stamp, cache / "root.ext4"):
            old.unlink(missing_ok=True)
        shutil.rmtree(directory, ignore_errors=True)
        run("mmdebstrap", "--mode=root", "--variant=apt", "--format=directory",
            "--include=" + ",".join(wanted.split()), "bookworm", directory,
            *sources([("Debian", "bookworm"), ("Debian-Security", "bookworm-security")]))
        stamp.write_text(wanted)
    return directory


def root_image(cache):
    """The same as an image that every kernel can mount, without the project."""
    image = cache / "root.ext4"
    if not image.exists():
        partial = cache / "root.ext4.partial"
        partial.unlink(missing_ok=True)
        # orphan_file is of Linux 5.15.
        run("mke2fs", "-q", "-t", "ext4", "-O", "^orphan_file,^metadata_csum_seed", "-d",
            cache / "root", partial, "4G")
        partial.rename(image)
    return image


def build(cache, out):
    """Builds the project in the root filesystem, into the directory out: install/, unit/ and, since a
    virtual machine takes minutes to compile them, the programs of tests/bpf in objects/."""
    run("nice", "unshare", "--mount", "--propagation", "private", "/bin/sh", "-euc", BUILD, "sh",
        cache / "root", TOP, out)
    return out


def pack(path, out, files):
    """The second disk: the build, the project's tree, and files {path in the guest: bytes}."""
    def plain(member):
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        keep = not re.search(r"/(\.git|__pycache__)(/|$)", member.name)
        return member if keep else None

    with tarfile.open(path, "w") as disk:
        disk.add(out / "install", ".", filter=plain)
        disk.add(out / "unit", "guest/unit", filter=plain)
        disk.add(out / "objects", "guest/objects", filter=plain)
        disk.add(HERE / "guest", "guest", filter=plain)
        disk.add(TOP, "srv/bpfmetafs", filter=plain)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            disk.addfile(member, io.BytesIO(content))


def module_bytes(path):
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
    return path.read_bytes()


def ordered_modules(kernel):
    """(name, bytes) of the modules and what they depend on, in the order of their loading."""
    files = {re.sub(r"\.ko.*", "", path.name).replace("-", "_"): path
             for path in kernel.rglob("*.ko*") if "modules" in path.parts}
    loaded = {}

    def add(name):
        if name in loaded or name not in files:
            return
        content = module_bytes(files[name])
        depends = re.search(rb"\0depends=([^\0]*)\0", content)
        for other in depends[1].decode().split(",") if depends else []:
            add(other.replace("-", "_"))
        loaded[name] = content

    for name in MODULES:
        add(name)
    return list(loaded.items())


def initramfs(path, kernel, scratch):
    directory = scratch / "initramfs"
    shutil.rmtree(directory, ignore_errors=True)
    for name in ("bin", "dev", "modules", "proc", "root", "sys"):
        (directory / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), directory / "bin" / "busybox")
    for applet in run("busybox", "--list").split():
        if applet != "busybox":
            (directory / "bin" / applet).symlink_to("busybox")
    modules = ordered_modules(kernel)
    for name, content in modules:
        (directory / "modules" / f"{name}.ko").write_bytes(content)
    (directory / "modules" / "order").write_text("".join(f"{name}.ko\n" for name, _ in modules))
    shutil.copy(HERE / "guest" / "initramfs-init", directory / "init")
    names = "\n".join(str(file.relative_to(directory)) for file in sorted(directory.rglob("*")))
    with open(path, "wb") as archive:
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], input=names.encode(), check=True,
                       stdout=archive, stderr=subprocess.DEVNULL, cwd=directory)


def kernel_image(kernel, scratch):
    """The kernel, unpacked if that is easy: it then boots without its own slow unpacker."""
    (packed,) = kernel.rglob("vmlinuz*")
    content = packed.read_bytes()
    # Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length.
    start = (content[0x1F1] + 1) * 512 + int.from_bytes(content[0x248:0x24C], "little")
    payload = content[start:start + int.from_bytes(content[0x24C:0x250], "little")]
    if not payload.startswith(b"\xfd7zXZ\0"):
        return packed
    image = scratch / "vmlinux"
    image.write_bytes(lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload))
    return image


def configuration(kernel):
    """{path: bytes} of the file in which libbpf looks up a kernel's configuration."""
    (release,) = [path.name for path in kernel.glob("**/lib/modules/*")]
    files = [path for path in kernel.rglob("config*") if path.name in ("config", f"config-{release}")]
    return {f"boot/config-{release}": path.read_bytes() for path in files}


class Machine:
    """A virtual machine's files in a directory of its own."""

    running = set()

    @classmethod
    def end_all(cls):
        for qemu in list(cls.running):
            qemu.kill()

    def __init__(self, scratch, kernel, disk, project, persistent=False):
        self.scratch = scratch
        self.disk = disk
        self.project = project
        self.snapshot = "off" if persistent else "on"
        self.image = kernel_image(kernel, scratch)
        self.initrd = scratch / "initrd.img"
        initramfs(self.initrd, kernel, scratch)

    def boot(self, init, seconds, log, words=""):
        """Boots, waits for the machine's end, and returns the files on its third disk. None if it
        had to be ended."""
        out = self.scratch / "out.tar"
        with open(out, "wb") as file:
            file.truncate(64 << 20)
        log.unlink(missing_ok=True)
        command = [
            # Without its parent, the machine ends.
            "setpriv", "--pdeathsig", "KILL", "nice", "-n", "5", "qemu-system-x86_64",
            "-machine", "q35", "-cpu", "max", "-smp", "2", "-m", "2048",
            # With a thread for each processor, the kernel's patching of its own code goes wrong.
            "-accel", "tcg,thread=single",
            "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
            "-no-reboot", "-serial", f"file:{log}", "-device", "virtio-rng-pci",
            "-kernel", self.image, "-initrd", self.initrd,
            # A slow machine is not a hung one, also when it counts the ticks of its timer, and nobody
            # attacks it.
            "-append", "console=ttyS0 panic=-1 quiet nowatchdog no_timer_check mitigations=off "
                       f"lsm=landlock,yama,bpf guest_init={init} {words}",
            "-drive", f"file={self.disk},format=raw,if=virtio,snapshot={self.snapshot}",
            "-drive", f"file={self.project},format=raw,if=virtio,readonly=on",
            "-drive", f"file={out},format=raw,if=virtio,cache=unsafe",
        ]
        ended = True
        with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                              env=dict(os.environ, TMPDIR=str(self.scratch))) as qemu:
            self.running.add(qemu)
            try:
                qemu.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                ended = False
            finally:
                qemu.kill()
                self.running.discard(qemu)
        try:
            with tarfile.open(out) as disk:
                files = {member.name.removeprefix("./"): disk.extractfile(member).read()
                         for member in disk if member.isfile()}
        except tarfile.TarError:
            files = {}
        return files, ended
