#!/bin/sh
# Makes the passwords (infra/.env), the two key files and the store's credentials (infra/compose/secrets/) of a Compose
# deployment.
#
# What is there already stays as it is, so running it twice changes nothing. Keep a copy of the key files elsewhere: see
# docs/deployment.md.
set -eu
umask 077
infra=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

random() { # number of bytes, as hexadecimal digits
    od -An -tx1 -N"$1" /dev/urandom | tr -d ' \n'
}

mkdir -p "$infra/compose/secrets"
for name in public-id.key seal.key; do
    file=$infra/compose/secrets/$name
    [ -e "$file" ] || random 32 >"$file"
    chmod 400 "$file"
done

# Containers run as the owner of these files, but never as root.
user=$(id -u)
[ "$user" != 0 ] || user=10001

if [ ! -e "$infra/.env" ]; then
    cat >"$infra/.env.new" <<END
DATABASE_PASSWORD=$(random 24)
SERVER_PASSWORD=$(random 24)
STORE_ACCESS_KEY=$(random 10)
STORE_SECRET_KEY=$(random 24)
WORKER_UID=$user
END
    mv "$infra/.env.new" "$infra/.env"
fi
credentials=$infra/compose/secrets/aws-credentials
if [ ! -e "$credentials" ]; then
    cat >"$credentials" <<END
[default]
aws_access_key_id = $(sed -n s/^STORE_ACCESS_KEY=//p "$infra/.env")
aws_secret_access_key = $(sed -n s/^STORE_SECRET_KEY=//p "$infra/.env")
END
    chmod 400 "$credentials"
fi

if [ "$(id -u)" = 0 ]; then
    chown -R "$user:$user" "$infra/compose/secrets"
fi
echo "Ready. Keep copies of infra/compose/secrets/*.key in a safe place."
