#!/bin/sh
# Installs the Debian packages that the tests use beside Python: a browser for the page, openssl for TLS sandboxes,
# systemd for the unit's check, debootstrap for the image's steps in a bare Debian root. Without root it says in one
# line which are missing; those tests then skip with a reason.
missing=""
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v chromedriver >/dev/null 2>&1 || missing="$missing chromium-driver"
command -v debootstrap >/dev/null 2>&1 || missing="$missing debootstrap"
command -v systemd-analyze >/dev/null 2>&1 || missing="$missing systemd"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing Debian packages for the tests:$missing"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null && exit 0
fi
echo "some tests will skip; for all of them: apt-get install$missing"
exit 0
