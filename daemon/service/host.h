/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/file.h"

/*
 * The confidential-computing features of firmware.json that KVM has on this host, in the order of
 * vocab.h. Reads /dev and /sys; VISITOR (or NULL) visits the devices.
 */
GStrv host_probe_features(const FileVisitor *visitor) G_GNUC_WARN_UNUSED_RESULT;
