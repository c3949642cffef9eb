/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

/* --bus-introspect, without a bus, a catalog or a VM. */

/* Writes the introspection XML of PATH to OUT, where PATH is the path of an object that the service
 * could have; where PATH is "list", the paths that there are, each with its interface. -ENOENT: the
 * service never has an object there. Another negative errno: the system failed. */
int bus_introspect(const char *path, FILE *out);
