#!/bin/busybox sh
# PID 1 of the VM. /job, which machine.py writes, sets: modules (the kernel's, on the host),
# share (a directory of the host to write to, or empty), python, and the function work.
#
# It runs twice: first from the initramfs, to find the host's root, then from that root. Status
# goes to a virtio port as lines: "up KERNEL", "pace FACTOR", then "exit STATUS". Standard output
# and standard error of the command have a port each; what is printed here is on the console.

first_stage() {
    /bin/busybox --install -s /bin
    mkdir -p /proc /sys /dev /root /host /changes
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    for module in /modules/*; do insmod "$module"; done
    # What the host changes while the VM runs need not be seen: all may be cached.
    mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=1048576,cache=loose host /host
    mount -t tmpfs -o size=75% changes /changes
    mkdir /changes/upper /changes/work
    mount -t overlay -o lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work root /root
    for kernel in proc sys dev; do mount --move /$kernel /root/$kernel; done
    mount -t tmpfs run /root/run
    cp /job /init /root/run/
    exec switch_root /root /bin/sh /run/init
}

# Milliseconds that Python needs to start and to end: 10 on ordinary hardware.
yardstick() {
    "$python" -I -S -c pass # once, so that its files are here
    begin=$(date +%s%N)
    for turn in 1 2 3; do "$python" -I -S -c pass; done
    echo $((($(date +%s%N) - begin) / 3000000))
}

# How many times slower than ordinary hardware this machine is to be taken for (daemon/pace.py):
# twice what it is now, as the host may get busier, but within reason.
pace() {
    factor=$(($(yardstick) / 10 * 2))
    [ $factor -gt 20 ] || factor=20
    [ $factor -lt 60 ] || factor=60
    echo $factor
}

second_stage() {
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
    mkdir -p /dev/pts /dev/shm /run/lock
    mount -t devpts -o ptmxmode=666 pts /dev/pts
    mount -t tmpfs shm /dev/shm
    mount -t bpf bpf /sys/fs/bpf
    mount -t cgroup2 cgroup /sys/fs/cgroup
    mount -t tracefs tracing /sys/kernel/tracing
    here=/lib/modules/$(uname -r)
    mkdir -p "$here"
    mount --bind "$modules" "$here"
    if [ -n "$share" ]; then
        mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576 share "$share"
    fi
    hostname trimaran-vm
    ip link set lo up
    ulimit -n 1048576
    exec 3>/dev/vport0p3
    echo "up $(uname -srv)" >&3
    [ -n "$TRIMARAN_SLOW" ] || TRIMARAN_SLOW=$(pace)
    export TRIMARAN_SLOW
    echo "pace $TRIMARAN_SLOW" >&3
    (work </dev/null >/dev/vport0p1 2>/dev/vport0p2 3>&-)
    echo "exit $?" >&3
    echo o >/proc/sysrq-trigger
    sleep 60
}

case $0 in
/run/init) . /run/job && second_stage ;;
*) first_stage ;;
esac
