#!/bin/sh
# A real V4L2 device without hardware: boots Debian's own kernel with its `vivid` driver in an emulated
# machine (about 40 s) that sees this machine's disk read-only, and runs v4l2_in_guest.py there.
# By hand, not part of `make test`: it fetches a kernel package of 70 MB.
#
#   tests/cameras/v4l2_guest.sh [FOLDER]     as root; FOLDER keeps the kernel, default /var/tmp/okng-guest
#
# Needs: apt-get install --no-install-recommends qemu-system-x86 busybox-static kmod
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
work=${1:-/var/tmp/okng-guest}
mkdir -p "$work" && cd "$work"

package=$(apt-cache depends linux-image-amd64 | awk '/Depends/ {print $2; exit}')
version=${package#linux-image-}
if [ ! -e "kernel/boot/vmlinuz-$version" ]; then
    apt-get download -q "$package"
    mkdir -p kernel && dpkg -x "$package"_*.deb kernel
    depmod -b kernel "$version"
fi

rm -rf initrd && mkdir -p initrd/bin initrd/modules initrd/proc initrd/sys initrd/dev initrd/host initrd/rw initrd/new
cp /bin/busybox initrd/bin/
number=100
for module in virtio_pci 9pnet_virtio 9p overlay vivid; do
    modprobe -d kernel -S "$version" --show-depends "$module" | awk '/^insmod/ {print $2}'
done | awk '!seen[$0]++' | while read -r file; do
    number=$((number + 1))
    cp "$file" "initrd/modules/$number-$(basename "$file")"
done
cat >initrd/init <<INIT
#!/bin/busybox sh
b=/bin/busybox
\$b mount -t proc proc /proc; \$b mount -t sysfs sys /sys; \$b mount -t devtmpfs dev /dev
for module in /modules/*; do
    case \$module in
    *vivid*) \$b insmod \$module n_devs=2 node_types=0x1,0x1 ;;
    *) \$b insmod \$module ;;
    esac
done
\$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=1048576,cache=loose host /host
\$b mount -t tmpfs tmpfs /rw; \$b mkdir /rw/up /rw/work
\$b mount -t overlay overlay -o lowerdir=/host,upperdir=/rw/up,workdir=/rw/work /new
for folder in proc sys dev; do \$b mount -o bind /\$folder /new/\$folder; done
\$b mount -t tmpfs tmpfs /new/run
\$b chroot /new /bin/sh -c 'cd $root && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root $python $here/v4l2_in_guest.py'
\$b poweroff -f
INIT
chmod +x initrd/init
(cd initrd && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >initrd.gz

timeout 600 qemu-system-x86_64 -accel tcg -cpu max -m 1500 -smp 2 -nographic -no-reboot -net none \
    -kernel "kernel/boot/vmlinuz-$version" -initrd initrd.gz -append "console=ttyS0 quiet panic=1 rdinit=/init" \
    -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap </dev/null | tee guest.log
grep -q "^v4l2: all held" guest.log
