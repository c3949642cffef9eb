/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/vm-property.h"

guint vm_property_compare(const Pin *a, const Pin *b) {
    guint properties = 0;

    if (!g_str_equal(a->resolution->architecture, b->resolution->architecture))
        properties |= VM_PROPERTY_ARCHITECTURE;
    if (!g_str_equal(a->machine, b->machine))
        properties |= VM_PROPERTY_MACHINE;
    if (!g_str_equal(a->resolution->name, b->resolution->name))
        properties |= VM_PROPERTY_FIRMWARE;
    if (a->has_nvram != b->has_nvram || (b->has_nvram && a->nvram_format != b->nvram_format))
        properties |= VM_PROPERTY_NVRAM;
    if (!g_str_equal(a->executable_digest, b->executable_digest))
        properties |= VM_PROPERTY_EXECUTABLE_DIGEST;
    if (!g_str_equal(a->template_digest, b->template_digest))
        properties |= VM_PROPERTY_TEMPLATE_DIGEST;
    return properties;
}
