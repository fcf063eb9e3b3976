#!/bin/sh
# Names the Debian packages that the tests use beside Python and that are missing here: a browser for the page, openssl
# for TLS sandboxes, systemd for the unit's check, debootstrap for the image's steps in a bare Debian root, nginx
# for the proxy example, a C compiler for the test that sets a daemon's clock, LibreOffice's spreadsheet for exports.
# As root it installs them, after saying so; SYSTEM_PACKAGES=no leaves the system alone. Tests that need a missing one
# skip and say why.
missing=""
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v chromedriver >/dev/null 2>&1 || missing="$missing chromium-driver"
command -v debootstrap >/dev/null 2>&1 || missing="$missing debootstrap"
command -v systemd-analyze >/dev/null 2>&1 || missing="$missing systemd"
command -v nginx >/dev/null 2>&1 || missing="$missing nginx-light"
command -v gcc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v soffice >/dev/null 2>&1 || missing="$missing libreoffice-calc-nogui"
[ -z "$missing" ] && exit 0
if [ "${SYSTEM_PACKAGES:-yes}" = no ]; then
  echo "SYSTEM_PACKAGES=no: nothing is installed; tests that need one of these skip:$missing"
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "some tests will skip; for all of them, as root: apt-get install$missing"
  exit 0
fi
echo "The tests use Debian packages that are missing here:$missing"
echo "They are installed now, with apt-get. To leave the system as it is: Ctrl-C, then make test SYSTEM_PACKAGES=no"
if [ -t 0 ]; then sleep 10; fi
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null \
  || echo "they could not be installed; some tests will skip"
exit 0
