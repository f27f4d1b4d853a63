#!/bin/bash
# booted.sh COMMAND MODULE CONFIG: `enable --try` where systemd is the first process.
# booted.sh COMMAND MODULE CONFIG fallback: the fallback of su there.
#
# Boots the machine's systemd, three times over the same files, in namespaces of its own:
# what it writes to the machine's files is in a layer that goes with this process. Ends
# with 77 where systemd cannot be booted.
set -euo pipefail
command=$1 module=$2 config=$3 part=${4-try}

if [[ -z ${INSIDE-} ]]; then
    INSIDE=1 exec unshare --mount --propagation private "$0" "$@"
fi

top=$(mktemp -d)
mount -t tmpfs -o mode=0755 tmpfs "$top"
mkdir "$top"/{upper,work,root}
modules=$(dirname "$(find /usr/lib /lib -name pam_unix.so -print -quit)")
pid='' outer=''
ends() {
    [[ -z $outer ]] || kill -9 "$outer" 2>/dev/null || true
    umount -l "$top" && rmdir "$top"
}
trap ends EXIT

fail() {
    echo "FAILED: $*" >&2
    [[ -z $pid ]] || inside journalctl --no-pager -n 30 >&2 || true
    exit 1
}

# The first process of the namespace, which `boot` runs again.
cat >"$top/first" <<FIRST
#!/bin/bash
set -e
mount -t overlay overlay -o lowerdir=/,upperdir=$top/upper,workdir=$top/work $top/root
cd $top/root
mount -t proc proc proc
# Writes there would reach the machine's own files.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
for folder in run tmp; do mount -t tmpfs -o mode=0755 tmpfs \$folder; done
if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/{systemd,unified}
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
fi
mount -t tmpfs -o mode=0755 tmpfs dev
for node in null zero full random urandom tty; do
    touch dev/\$node
    mount --bind /dev/\$node dev/\$node
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
touch dev/console
mount --bind /dev/null dev/console
mkdir run/old
pivot_root . run/old
umount -l /run/old
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=trial.target --log-target=journal
FIRST
chmod +x "$top/first"

inside() { nsenter -t "$pid" -m -p -u -i -C "$@"; }

boot() {
    unshare --mount --pid --fork --kill-child --uts --ipc --cgroup "$top/first" \
        </dev/null >"$top/said" 2>&1 &
    outer=$!
    pid=
    for _ in {1..300}; do
        sleep 0.1
        pid=$(pgrep -P "$outer" || true)
        [[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null) == systemd ]] || continue
        case $(inside systemctl is-system-running 2>/dev/null) in
            running | degraded) return 0 ;;
        esac
    done
    cat "$top/said" >&2
    echo "systemd does not start here" >&2
    exit 77
}

power_cut() {
    kill -9 "$outer"
    wait "$outer" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# The host: accounts, the module, its configuration, two units. Units for the kernel or
# hardware are left out.
upper=$top/upper
install -D "$command" "$upper/usr/local/bin/authentik-flow"
install -D -m 644 "$module" "$upper$modules/pam_authentik_flow.so"
install -D -m 644 "$config" "$upper/etc/security/pam_authentik_flow.toml"
mkdir -p "$upper/etc/pam.d" "$upper/etc/systemd/system" "$upper/var/lib" "$upper/var/log/journal"
# shellcheck disable=SC2016 # a hash
hash='$6$harness$NXxFE5XdbPsE10Bkn4fvKCJfEYFjpCUjuGp48UeAs18bXDvRXJLWf5VZ8ahvBtLnfaJ0b.QzyKJvJkZgbMLpa.'
printf '%s\n' "root:$hash:0:0::/root:/bin/bash" "sshd:*:105:65534::/run/sshd:/usr/sbin/nologin" \
    "localadmin:$hash:900:900::/tmp:/bin/bash" 'alice:*:2001:2001::/tmp:/bin/bash' >"$upper/etc/passwd"
printf '%s\n' 'auth [success=1 default=ignore] pam_unix.so' 'auth requisite pam_deny.so' \
    'auth required pam_permit.so' 'account required pam_permit.so' >"$upper/etc/pam.d/trial"
cp "$upper/etc/pam.d/trial" "$top/before"
units=$upper/etc/systemd/system
for unit in systemd-sysctl systemd-modules-load systemd-remount-fs systemd-udevd systemd-udev-trigger \
    systemd-networkd systemd-resolved systemd-timesyncd modprobe@configfs modprobe@drm modprobe@fuse; do
    ln -sf /dev/null "$units/$unit.service"
done
for unit in sys-kernel-debug sys-kernel-tracing sys-kernel-config dev-hugepages sys-fs-fuse-connections \
    proc-sys-fs-binfmt_misc; do
    ln -sf /dev/null "$units/$unit.mount"
done
cat >"$units/trial.target" <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
Wants=login-service.service systemd-user-sessions.service
UNIT
# Slow, so that only its order prevents an earlier login.
mkdir -p "$upper/usr/lib/systemd/system/authentik-flow-try.service.d"
printf '[Service]\nExecStartPre=/bin/sleep 2\n' >"$upper/usr/lib/systemd/system/authentik-flow-try.service.d/slow.conf"
# It represents each service that lets users log in: it sees the stack as they do.
cat >"$units/login-service.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/cp /etc/pam.d/trial /run/seen
UNIT

stack() { inside cat /etc/pam.d/trial; }
before() { [[ $(stack) == "$(cat "$top/before")" ]]; }
there() { inside ls /etc/systemd/system | grep -c authentik-flow-try || true; }
enable_for() {
    inside authentik-flow enable trial --local localadmin --try "$1" | tail -n 3
    ! before || fail "enable has changed nothing"
    inside systemctl is-active --quiet authentik-flow-try.timer || fail "the timer does not run"
}

boot
echo "booted: $(inside systemctl --version | head -n 1)"

# The fallback of su, in the network of this systemd and elsewhere. Nobody listens at the
# port, and no ordinary user can.
if [[ $part == fallback ]]; then
    inside sh -c 'cat >/etc/pam.d/su' <<'STACK'
auth [authinfo_unavail=ignore default=die] pam_authentik_flow.so
auth required pam_permit.so
account required pam_permit.so
session required pam_permit.so
STACK
    inside sed -i 's|^url = .*|url = "https://127.0.0.1:948"|' /etc/security/pam_authentik_flow.toml
    su='setpriv --reuid=900 --regid=900 --clear-groups su alice -c "echo in"'
    opens() { inside "$@" </dev/null 2>&1 | grep -qx in; }
    opens sh -c "$su" || fail "the fallback is shut in the network of systemd"
    echo "open in the network of systemd: ok"
    ! opens unshare --net sh -c "ip link set lo up; $su" || fail "another network opens it"
    ! opens unshare --pid --fork --mount-proc sh -c "$su; true" || fail "a sandbox opens it"
    ! opens unshare --net --pid --fork --mount-proc sh -c "ip link set lo up; $su; true" ||
        fail "a sandbox with a network opens it"
    echo "shut elsewhere: ok"
    power_cut
    exit
fi

# After the time, whatever else starts meanwhile.
enable_for 6s
inside systemctl restart login-service
inside systemctl restart systemd-journald
sleep 2
! before || fail "it was taken back too early"
for _ in {1..100}; do
    if before && [[ $(there) == 0 ]]; then break; fi
    sleep 0.1
done
before || fail "it was not taken back"
[[ $(there) == 0 ]] || fail "units are left"
echo "taken back in time: ok"

# After a power cut, before anybody can log in.
enable_for 1h
power_cut
boot
before || fail "it was not taken back at the start"
inside cmp -s /run/seen /etc/pam.d/trial || fail "a login service has seen the change"
[[ $(there) == 0 ]] || fail "units are left after the start"
inside journalctl -b --no-pager -o cat -t authentik-flow | grep -q 'is taken back' || fail "the log does not say it"
echo "taken back at the next start, before a login service: ok"

# The start of the machine finds a folder that cannot be written to: it is tried again.
enable_for 1h
power_cut
mkdir -p "$units/authentik-flow-try.service.d"
printf '[Service]\nReadOnlyPaths=/etc/pam.d\n' >"$units/authentik-flow-try.service.d/read-only.conf"
boot
! before || fail "it was taken back from a folder that cannot be written to"
inside rm -r /etc/systemd/system/authentik-flow-try.service.d
inside systemctl daemon-reload
for _ in {1..600}; do
    if before && [[ $(there) == 0 ]]; then break; fi
    sleep 0.1
done
before || fail "it was not tried again"
[[ $(there) == 0 ]] || fail "units are left after the second try"
sleep 1
if inside systemctl is-active --quiet authentik-flow-try.timer; then fail "the timer still runs"; fi
echo "taken back at a later try: ok"

# Confirmed: it survives a restart.
enable_for 1h
# shellcheck disable=SC2016 # the inner shell's
login() { inside sh -c 'echo 1000 >/proc/self/loginuid; exec "$@"' sh "$@"; }
if login authentik-flow confirm; then fail "it was confirmed without a login"; fi
# As the module records it; with the module itself, see trial.rs.
# shellcheck disable=SC2016 # the inner shell's
login sh -c 'echo "$(awk "{print int(\$1 * 1000)}" /proc/uptime) trial" >>/run/pam_authentik_flow/accepted'
login authentik-flow confirm || fail "it cannot be confirmed"
[[ $(there) == 0 ]] || fail "units are left after confirm"
if inside systemctl is-active --quiet authentik-flow-try.timer; then fail "the timer still runs"; fi
inside sync
power_cut
boot
! before || fail "it was taken back although it was confirmed"
echo "confirmed, and outlives a start: ok"
power_cut
