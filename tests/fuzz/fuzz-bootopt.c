/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A boot entry's bytes. */

#include "base/text.h"
#include "fuzz.h"
#include "uefi/bootopt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_autoptr(BootEntry) entry = boot_entry_new(1, data, size);

    g_assert_true(text_is_valid(entry->title));
    g_assert_true(text_is_valid(entry->path));
    return 0;
}
