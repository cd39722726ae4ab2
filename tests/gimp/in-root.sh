#!/bin/bash
# in-root.sh ROOT [--bind FROM[:TO]]... [--env NAME=VALUE]... -- COMMAND...
# Runs COMMAND inside a root made by make-root.sh, in mount and pid namespaces of its own: when COMMAND ends,
# the mounts vanish and whatever it left running is killed. The exit status is COMMAND's.
set -euo pipefail
ROOT=$(realpath "${1:?usage: in-root.sh ROOT [--bind FROM[:TO]] [--env NAME=VALUE] -- COMMAND}"); shift
binds=(); envs=()
while [ "${1:---}" != -- ]; do
    case $1 in
        --bind) binds+=("$2") ;;
        --env) envs+=("$2") ;;
        *) echo "in-root.sh: $1?" >&2; exit 2 ;;
    esac
    shift 2
done
shift

exec unshare --mount --pid --fork --kill-child --propagation private bash -c '
    set -e
    root=$1 n=$2; shift 2
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"; mkdir -m 1777 "$root/tmp/.X11-unix"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"; mkdir -m 700 "$root/run/user"
    for ((; n > 0; n--)); do
        from=${1%%:*} to=$root${1#*:}; shift
        if [ -d "$from" ]; then mkdir -p "$to"; else mkdir -p "$(dirname "$to")"; touch "$to"; fi
        mount --bind "$from" "$to"
    done
    ldconfig -r "$root"  # a bound interpreter may bring libraries of its own
    exec chroot "$root" env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 HOME=/root \
        XDG_RUNTIME_DIR=/run/user NO_AT_BRIDGE=1 GSETTINGS_BACKEND=memory "$@"
' _ "$ROOT" "${#binds[@]}" "${binds[@]}" "${envs[@]}" "$@"
