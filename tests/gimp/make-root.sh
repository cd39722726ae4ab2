#!/bin/bash
# make-root.sh ROOT SUITE -- builds a Debian root folder that holds a real GIMP 3, for the integration tests.
# SUITE: trixie (GIMP 3.0) or forky (GIMP 3.2). Needs root and the Debian mirror of the machine's apt sources
# (or DSR_DEBIAN_MIRROR). Nothing is installed on the machine itself; a finished root is left as it is.
set -euo pipefail
ROOT=$(realpath -m "${1:?usage: make-root.sh ROOT SUITE}")
SUITE=${2:?usage: make-root.sh ROOT SUITE}
NEW=$ROOT.new
PACKAGES="gimp gir1.2-gimp-3.0 python3-gi python3-gi-cairo xvfb xauth xdotool openbox maim dbus-daemon
          fonts-dejavu-core adwaita-icon-theme"

[ ! -e "$ROOT" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "make-root.sh: only root can build a root folder" >&2; exit 1; }
mirror=${DSR_DEBIAN_MIRROR:-$(
    { sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources
      sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list; } 2>/dev/null | grep -m1 '/debian/*$' || true)}
: "${mirror:?no Debian mirror in the apt sources; set DSR_DEBIAN_MIRROR}"

mkdir -p "$(dirname "$ROOT")"
exec 9>"$ROOT.lock"; flock 9
[ ! -e "$ROOT" ] || exit 0
rm -rf --one-file-system "$NEW"
tools=$(mktemp -d); trap 'rm -rf "$tools"' EXIT
chmod 755 "$tools"

run() {  # run COMMAND in the new root; its mounts live in a namespace of their own and vanish with it
    unshare --mount --propagation private bash -c '
        mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"
        exec chroot "$0" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root TMPDIR=/tmp "$@"' "$NEW" "$@"
}
quietly() {  # show what a command said only when it fails
    "$@" > "$tools/log" 2>&1 || { tail -n 30 "$tools/log" >&2; exit 1; }
}

# debootstrap is unpacked, not installed; its script for unstable knows every suite that has no script yet
cd "$tools"
apt-get download debootstrap >/dev/null 2>&1 || { quietly apt-get update; quietly apt-get download debootstrap; }
dpkg -x debootstrap_*.deb .
cd /
echo "debootstrap $SUITE from $mirror"
DEBOOTSTRAP_DIR=$tools/usr/share/debootstrap quietly "$tools/usr/sbin/debootstrap" --variant=minbase \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    "$SUITE" "$NEW" "$mirror" "$tools/usr/share/debootstrap/scripts/sid"

printf '#!/bin/sh\nexit 101\n' > "$NEW/usr/sbin/policy-rc.d"; chmod 755 "$NEW/usr/sbin/policy-rc.d"
printf 'path-exclude /usr/share/%s/*\n' doc man info help > "$NEW/etc/dpkg/dpkg.cfg.d/99-small"
echo force-unsafe-io >> "$NEW/etc/dpkg/dpkg.cfg.d/99-small"
# the mirror may be a frozen copy: its age is no fault
printf 'Acquire::Languages "none";\nAcquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\nAPT::Install-Recommends "false";\nAPT::Sandbox::User "root";\n' \
    > "$NEW/etc/apt/apt.conf.d/99-small"
echo "deb $mirror $SUITE main" > "$NEW/etc/apt/sources.list"
cp -L /etc/resolv.conf /etc/hosts "$NEW/etc/"
echo "apt-get install gimp"
quietly run apt-get -q update
# shellcheck disable=SC2086 -- one word for each package
quietly run apt-get -q -y install $PACKAGES
run apt-get clean
rm -rf "$NEW"/var/lib/apt/lists/*
mkdir -p "$NEW/tmp/.X11-unix"; chmod 1777 "$NEW/tmp" "$NEW/tmp/.X11-unix"
run gimp-console --version
mv "$NEW" "$ROOT"
