/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What image/ and its helper program coi-archive say to each other (msg.h), on
 * descriptor ARCHIVE_SOCKET_FD of the helper.
 *
 *   → layer  {}  descriptors: directories, oldest first, MSG_FDS_MAX a message
 *   → pack   {"compression", "prefix"?, "metadata"?, "metadata_time"?}  [out]
 *            of the overlay of the layers that were named before
 *   → unpack {}  [archive, directory, where hashes of content go?]
 *   → plan   {"machine", "reference"?}  [directory of an OCI image or of docker save]
 *   ← layer  {"path", "digest", "size", "diff_id"}  one each, oldest first
 *   → inflate {}  [archive, where its bytes without compression go]
 *   → apply  {}  [layer's archive, empty directory, work directory, hashes]: put on
 *            the layers that were named before, changes to the directory
 *   ← progress {"bytes"}
 *   ← done   {"entries", "bytes", "dropped_xattrs", "skipped_devices",
 *             "skipped_sockets", "skipped_marks", "layout": "rootfs" | "unified" | "metadata" | "oci",
 *             "architecture", "description", "os", "release", "creation_date"}
 *            after plan {"platform", "platforms", "architecture", "description",
 *             "reference", "creation_date", "config", "env", "entrypoint", "cmd",
 *             "user", "dir"}
 *   ← error  (msg_send_err())
 *
 * One request a process. The helper trusts what it is asked, the asker does
 * not trust what it hears: it is said by a process that has read the archive.
 */
#ifndef COI_IMAGE_ARCHIVE_PROTOCOL_H
#define COI_IMAGE_ARCHIVE_PROTOCOL_H

#define ARCHIVE_PROGRAM "coi-archive"
#define ARCHIVE_SOCKET_FD 3
/* A lock that lives as long as the helper does; it never looks at it. */
#define ARCHIVE_LOCK_FD 4

#endif
