#!/usr/bin/env bash
# Installs what the tests need and is not there, through apt: ffmpeg (encoder),
# Chromium (browser), GStreamer (a player) and what chronyd (a time server)
# needs; with an argument "nginx" that as well. On a system without apt it says
# what is missing.
set -eu

missing=()
command -v ffmpeg >/dev/null || missing+=(ffmpeg)
command -v chromium >/dev/null || missing+=(chromium)
if ! command -v gst-launch-1.0 >/dev/null || ! gst-inspect-1.0 hlsdemux2 >/dev/null 2>&1 || ! gst-inspect-1.0 avdec_h264 >/dev/null 2>&1; then
  missing+=(gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav)
fi
# chronyd is unpacked, not installed: its package would start a service that
# sets this machine's clock, in place of the one that does now. Where that does
# not work, one test says that it did not run, and why.
chrony=
if [ ! -x bin/tools/usr/sbin/chronyd ] && ! PATH="$PATH:/usr/sbin" command -v chronyd >/dev/null; then
  chrony=yes
  if command -v apt-get >/dev/null; then missing+=(libedit2 libseccomp2); fi
fi
if [ "${1:-}" = nginx ]; then
  PATH="$PATH:/usr/sbin" command -v nginx >/dev/null || missing+=(nginx-light)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]}" >&2
  echo "This system has no apt. Install them with your package manager so that they are on the PATH, then run this again." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "missing: ${missing[*]}" >&2
    echo "Run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "installing ${missing[*]} through apt (this takes a minute)"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "installed ${missing[*]}"
if [ -n "$chrony" ]; then
  mkdir -p bin/tools
  if (cd bin/tools && apt-get download -qq chrony && dpkg-deb -x chrony_*.deb . && rm chrony_*.deb); then
    echo "unpacked chronyd into bin/tools"
  else
    echo "chronyd could not be fetched: the test against a real time server will not run" >&2
  fi
fi
