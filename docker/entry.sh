#!/bin/sh
# Runs the command, after giving it key files that nobody else can read.
#
# anonflow refuses a key file that a group or others can read. Mounted secrets are often just that: Kubernetes opens them
# to the group so that a process that is not root can read them at all. They are copied into XDG_RUNTIME_DIR, which must
# be memory (tmpfs, emptyDir of medium Memory), and the environment points to the copies.
set -eu

for name in ANONFLOW_KEY_FILE ANONFLOW_SEAL_KEY_FILE; do
    eval "file=\${$name:-}"
    [ -n "$file" ] || continue
    if [ ! -r "$file" ]; then
        echo "$name names a file that is missing or cannot be read by user $(id -u); nothing was started." >&2
        exit 2
    fi
    mode=$(stat -L -c %a "$file")
    case $mode in
    *00) ;;
    *)
        copy=${XDG_RUNTIME_DIR:?}/$name
        rm -f "$copy"
        (umask 077 && cat "$file" >"$copy")
        chmod 400 "$copy"
        export "$name=$copy"
        ;;
    esac
done

exec "$@"
