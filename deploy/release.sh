#!/usr/bin/env bash
# Makes a release: `make release VERSION=0.2.0`. Sets version and changelog, builds wheel, sdist and SBOM into dist/,
# commits and tags. Nothing is pushed or published.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?usage: deploy/release.sh VERSION}
bin=${BIN:-.venv/bin}

case $version in [0-9]*.[0-9]*.[0-9]*) ;; *) echo "'$version' is no version such as 0.2.0" >&2; exit 2 ;; esac
[ -z "$(git status --porcelain)" ] || { echo "commit or remove what git status shows first" >&2; exit 2; }
git rev-parse -q --verify "refs/tags/v$version" >/dev/null && { echo "the tag v$version is there already" >&2; exit 2; }
grep -q '^## \[Unreleased\]' CHANGELOG.md || { echo "CHANGELOG.md has no section [Unreleased]" >&2; exit 2; }

today=$(date -u +%Y-%m-%d)
sed -i "s/^version = \".*\"/version = \"$version\"/" pyproject.toml
sed -i "s/^__version__ = \".*\"/__version__ = \"$version\"/" capa_sync/__init__.py
sed -i "s/^## \[Unreleased\]/## [Unreleased]\n\n## [$version] - $today/" CHANGELOG.md

rm -rf dist
"$bin/python" -m build --no-isolation --outdir dist .
"$bin/cyclonedx-py" requirements requirements.lock --pyproject pyproject.toml --short-PURLs --output-reproducible \
  --of JSON -o "dist/capa_sync-$version.cdx.json"
(cd dist && sha256sum -- * > SHA256SUMS && cat SHA256SUMS)

git commit -qam "Release $version"
git tag -a "v$version" -m "capa-sync $version"
echo "released $version: dist/ holds wheel, sdist, SBOM and sums; push the commit and the tag v$version yourself"
