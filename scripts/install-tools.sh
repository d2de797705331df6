#!/usr/bin/env bash
# Installs what the tests need and is not there, through apt: ffmpeg (encoder),
# Chromium (browser), GStreamer (a player), Redis and PostgreSQL (the tests start
# their own; none runs after this that did not before); with an argument "nginx"
# that as well. On a system without apt it says what is missing. Fetches chronyd
# (a time server), too, if it can.
set -eu

missing=()
command -v ffmpeg >/dev/null || missing+=(ffmpeg)
command -v chromium >/dev/null || missing+=(chromium)
if ! command -v gst-launch-1.0 >/dev/null || ! gst-inspect-1.0 hlsdemux2 >/dev/null 2>&1 || ! gst-inspect-1.0 avdec_h264 >/dev/null 2>&1; then
  missing+=(gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav)
fi
if [ "${1:-}" = nginx ]; then
  PATH="$PATH:/usr/sbin" command -v nginx >/dev/null || missing+=(nginx-light)
fi

# redis-server and redis-sentinel are other names of a program in redis-tools. The
# packages of those names would start services, so they are not installed.
redis_there() {
  command -v redis-server >/dev/null || [ -x bin/tools/redis-server ]
}
redis_there || command -v redis-check-rdb >/dev/null || missing+=(redis-tools)

postgres_there() {
  command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}
postgres_there || missing+=(postgresql)

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)

# name_redis gives the program of redis-tools the name under which it is a server.
name_redis() {
  ! redis_there || return 0
  mkdir -p bin/tools
  ln -sfn "$(command -v redis-check-rdb)" bin/tools/redis-server
  bin/tools/redis-server --version
}

# without_cluster runs a command while packages of PostgreSQL make no cluster, and
# so start no server. What was configured before is configured after.
without_cluster() {
  local conf=/etc/postgresql-common/createcluster.conf kept="" status=0
  if [ -e "$conf" ]; then
    kept=$(mktemp)
    cp -p "$conf" "$kept"
  fi
  "${as_root[@]}" mkdir -p "$(dirname "$conf")"
  { [ -z "$kept" ] || grep -v '^ *create_main_cluster' "$kept" || true; echo "create_main_cluster = false"; } |
    "${as_root[@]}" tee "$conf" >/dev/null
  "$@" || status=$?
  if [ -n "$kept" ]; then
    "${as_root[@]}" cp -p "$kept" "$conf"
    rm "$kept"
  fi
  return "$status"
}

# chronyd is unpacked, not installed: its package would start a service that
# sets this machine's clock, in place of the one that does now. Where that does
# not work, one test says that it did not run, and why.
unpack_chronyd() {
  [ ! -x bin/tools/usr/sbin/chronyd ] || return 0
  ! PATH="$PATH:/usr/sbin" command -v chronyd >/dev/null || return 0
  echo "fetching chronyd through apt"
  mkdir -p bin/tools
  "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libedit2 libseccomp2 >/dev/null &&
    (cd bin/tools && apt-get download -qq chrony && dpkg-deb -x chrony_*.deb . && rm chrony_*.deb) &&
    echo "unpacked chronyd into bin/tools" ||
    echo "chronyd could not be fetched: the test against a real time server will not run" >&2
}

if [ ${#missing[@]} -eq 0 ]; then
  name_redis
  unpack_chronyd
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]}" >&2
  echo "This system has no apt. Install them with your package manager so that they are on the PATH, then run this again." >&2
  exit 1
fi
if [ ${#as_root[@]} -gt 0 ] && ! command -v sudo >/dev/null; then
  echo "missing: ${missing[*]}" >&2
  echo "Run as root: apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]} through apt (this takes a minute)"
"${as_root[@]}" apt-get update -qq
install_missing() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
  without_cluster install_missing
else
  install_missing
fi
echo "installed ${missing[*]}"
name_redis
unpack_chronyd
