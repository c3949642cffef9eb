/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/efi.h"

#include <string.h>

#include "util.h"

static void guids_are_mixed_endian(void) {
    static const guint8 bytes[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                     0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
    const EfiGuid guid = efi_guid(bytes);
    char text[EFI_GUID_TEXT_SIZE];
    EfiGuid parsed;

    efi_guid_to_text(&guid, text);
    g_assert_cmpstr(text, ==, "8be4df61-93ca-11d2-aa0d-00e098032b8c");
    g_assert_true(efi_guid_parse("8BE4DF61-93ca-11d2-aa0d-00e098032b8c", &parsed));
    g_assert_true(efi_guid_equal(&parsed, &guid));
    g_assert_true(efi_guid_equal(&efi_global_guid, &guid));
    efi_guid_to_text(&efi_image_security_guid, text);
    g_assert_cmpstr(text, ==, "d719b2cb-3d3a-4596-a3bc-dad00e67656f");
    efi_guid_to_text(&efi_secure_boot_enable_guid, text);
    g_assert_cmpstr(text, ==, "f0a30bc7-af08-4556-99c4-001009c93a44");
}

static void what_is_no_guid(void) {
    static const char *const texts[] = {
            "",
            "8be4df61",
            "8be4df6193ca11d2aa0d00e098032b8c",
            "8be4df61-93ca-11d2-aa0d-00e098032b8",
            "8be4df61-93ca-11d2-aa0d-00e098032b8c0",
            "8be4df61-93ca-11d2-aa0d-00e098032b8g",
            "8be4df61_93ca-11d2-aa0d-00e098032b8c",
            "{8be4df61-93ca-11d2-aa0d-00e098032b8c}",
    };
    EfiGuid guid;

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_assert_false(efi_guid_parse(texts[i], &guid));
}

static void text_is_acceptable_whatever_the_units_are(void) {
    static const struct {
        guint16 units[4];
        gsize n_units;
        const char *expected;
    } texts[] = {
            {{0}, 0, ""},
            {{'P', 'K'}, 2, "PK"},
            {{0xe9, 0x20ac}, 2, "é€"},
            {{0xd83d, 0xde00}, 2, "😀"},
            /* half a pair, a pair the wrong way round, a noncharacter */
            {{'a', 0xd83d}, 2, "a\\xed\\xa0\\xbd"},
            {{0xde00, 0xd83d}, 2, "\\xed\\xb8\\x80\\xed\\xa0\\xbd"},
            {{0xffff}, 1, "\\xef\\xbf\\xbf"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        guint8 bytes[8];
        g_autofree char *text = NULL;

        for (gsize j = 0; j < 4; j++) {
            bytes[2 * j] = (guint8)texts[i].units[j];
            bytes[2 * j + 1] = (guint8)(texts[i].units[j] >> 8);
        }
        text = efi_text(bytes, texts[i].n_units);
        g_assert_cmpstr(text, ==, texts[i].expected);
    }
}

static void times(void) {
    static const guint8 none[EFI_TIME_SIZE];
    static const guint8 some[EFI_TIME_SIZE] = {0xe9, 0x07, 3, 10, 2, 53, 39};
    g_autofree char *empty = efi_time_to_text(none);
    g_autofree char *text = efi_time_to_text(some);

    g_assert_cmpstr(empty, ==, "");
    g_assert_cmpstr(text, ==, "2025-03-10T02:53:39Z");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(guids_are_mixed_endian),
            TEST_CASE(what_is_no_guid),
            TEST_CASE(text_is_acceptable_whatever_the_units_are),
            TEST_CASE(times),
    };

    return test_main(argc, argv, "uefi-efi", cases, G_N_ELEMENTS(cases));
}
