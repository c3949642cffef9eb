/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * What this host can do for a guest: the confidential-computing features of firmware.json that its
 * KVM offers, in the order of vocab.h. Reads /dev and /sys.
 */
GStrv host_probe_features(void) G_GNUC_WARN_UNUSED_RESULT;
