/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry point: one input, which must neither crash nor break what the target asserts.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
