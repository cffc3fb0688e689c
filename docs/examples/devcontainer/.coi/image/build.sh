#!/bin/sh
# What the Dockerfile runs. As root, without a network; the packages have been fetched.
set -eu
for deb in "$COI_BUILD"/debs/*.deb; do
	[ -f "$deb" ] || continue
	apt-get --yes install "$COI_BUILD"/debs/*.deb
	break
done
echo 'pager = false' >/etc/shop.conf
