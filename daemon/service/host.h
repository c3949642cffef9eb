/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/file.h"

/*
 * What this host can do for a guest: the confidential-computing features of firmware.json that its
 * KVM offers, in the order of vocab.h. Reads /dev and /sys; VISITOR (or NULL) is told of the devices.
 */
GStrv host_probe_features(const FileVisitor *visitor) G_GNUC_WARN_UNUSED_RESULT;
