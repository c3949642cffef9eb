/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/bootopt.h"

#include <string.h>

#include "util.h"

/* Bytes of TEXT, which has two digits a byte and blanks anywhere. */
static GBytes *parse_hex(const char *text) {
    GByteArray *bytes = g_byte_array_new();

    for (; *text; text++) {
        guint8 byte;

        if (*text == ' ')
            continue;
        byte = (guint8)(g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]));
        g_byte_array_append(bytes, &byte, 1);
        text++;
    }
    return g_byte_array_free_to_bytes(bytes);
}

#define END " 7fff0400"
#define GUID "c9bdb87c ebf8 344f aaea 3ee4af6516a1"
#define GUID_TEXT "7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1"
#define PCI_ROOT "02010c00 d041030a 00000000"

static void paths(void) {
    static const struct {
        const char *bytes;
        const char *text;
        DevicePathBinding binding;
    } list[] = {
            {END, "", DEVICE_PATH_BOUND_TO_NOTHING},
            {"04071400" GUID "04061400" GUID END, "Fv(" GUID_TEXT ")/FvFile(" GUID_TEXT ")",
             DEVICE_PATH_BOUND_TO_NOTHING},
            {PCI_ROOT "01010600 021f 03120a00 0100ffff0200" END,
             "PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x2)", DEVICE_PATH_BOUND_TO_DEVICE},
            {"02010c00 d041080a 01000000 03020800 03000400" END, "PcieRoot(0x1)/Scsi(0x3,0x4)",
             DEVICE_PATH_BOUND_TO_DEVICE},
            {"02010c00 d0410109 01000000" END, "Acpi(PNP0901,0x1)", DEVICE_PATH_BOUND_TO_DEVICE},
            {"02010c00 12345678 01000000" END, "Acpi(0x78563412,0x1)", DEVICE_PATH_BOUND_TO_DEVICE},
            {"03050600 0102 03170900 01000000 00" END, "USB(0x1,0x2)/Path(3,23,0100000000)",
             DEVICE_PATH_BOUND_TO_DEVICE},
            {"03171000 01000000 0102030405060708" END, "NVMe(0x1,08-07-06-05-04-03-02-01)",
             DEVICE_PATH_BOUND_TO_DEVICE},
            {"030b2500 525400123456 0000000000000000000000000000000000000000000000000000 01"
             "030c1b00 0a000002 00000000 0000 0000 1100 00 0a000001 ffffff00" END,
             "MAC(525400123456,0x1)/IPv4(0.0.0.0,UDP,DHCP,10.0.0.2,10.0.0.1,255.255.255.0)",
             DEVICE_PATH_BOUND_TO_MAC},
            {"030d3c00 fe800000000000000000000000000001 00000000000000000000000000000000 0000 0000"
             "0600 01 40 fe800000000000000000000000000002" END,
             "IPv6(0000:0000:0000:0000:0000:0000:0000:0000,TCP,StatelessAutoConfigure,"
             "FE80:0000:0000:0000:0000:0000:0000:0001,0x40,"
             "FE80:0000:0000:0000:0000:0000:0000:0002)",
             DEVICE_PATH_BOUND_TO_NOTHING},
            {"03180c00 687474703a2f2f78" END, "Uri(http://x)", DEVICE_PATH_BOUND_TO_NOTHING},
            {"030e1300 00000000 00c2010000000000 08 01 01 030a1400" GUID END,
             "Uart(115200,8,N,1)/VenMsg(" GUID_TEXT ")", DEVICE_PATH_BOUND_TO_NOTHING},
            {"01041600" GUID "abcd" END, "VenHw(" GUID_TEXT ",ABCD)", DEVICE_PATH_BOUND_TO_DEVICE},
            {"04012a00 01000000 0008000000000000 0000100000000000" GUID "0202"
             "04040e00 5c00 4500 4600 4900 0000" END,
             "HD(1,GPT," GUID_TEXT ",0x800,0x100000)/\\EFI", DEVICE_PATH_BOUND_TO_PARTITION},
            {PCI_ROOT "04012a00 02000000 0100000000000000 0200000000000000"
                      "78563412 000000000000000000000000 0101" END,
             "PciRoot(0x0)/HD(2,MBR,0x12345678,0x1,0x2)", DEVICE_PATH_BOUND_TO_PARTITION},
            {"05010b00 0200 0300 686400" END, "BBS(HD,hd,0x3)", DEVICE_PATH_BOUND_TO_NOTHING},
            {PCI_ROOT "7f010400" PCI_ROOT END, "PciRoot(0x0),PciRoot(0x0)",
             DEVICE_PATH_BOUND_TO_DEVICE},
            /* one that no virtual machine has */
            {"06630500 aa" END, "Path(6,99,AA)", DEVICE_PATH_BOUND_TO_NOTHING},
            {"06630400" END, "Path(6,99)", DEVICE_PATH_BOUND_TO_NOTHING},
            /* malformed: no end, a node without a header, one that is too long */
            {PCI_ROOT, "PciRoot(0x0)…", DEVICE_PATH_BOUND_TO_DEVICE},
            {PCI_ROOT "0101 0300", "PciRoot(0x0)…", DEVICE_PATH_BOUND_TO_DEVICE},
            {PCI_ROOT "0101 0600 02", "PciRoot(0x0)…", DEVICE_PATH_BOUND_TO_DEVICE},
            {"", "…", DEVICE_PATH_BOUND_TO_NOTHING},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(list); i++) {
        g_autoptr(GBytes) bytes = parse_hex(list[i].bytes);
        gsize size;
        const guint8 *data = g_bytes_get_data(bytes, &size);
        g_autofree guint8 *exact = g_memdup2(data, size);
        DevicePathBinding binding;
        g_autofree char *text = device_path_to_text(exact, size, &binding);

        g_assert_cmpstr(text, ==, list[i].text);
        g_assert_cmpint(binding, ==, list[i].binding);
    }
}

static void entries(void) {
    g_autoptr(GBytes) bytes = parse_hex("01000000 0c00 5500 6900 0000"
                                        "03180800 61626364" END "6f7074696f6e616c");
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    g_autoptr(BootEntry) entry = boot_entry_new(0x12, data, size);

    g_assert_cmpuint(entry->number, ==, 0x12);
    g_assert_true(entry->is_active);
    g_assert_cmpstr(entry->title, ==, "Ui");
    g_assert_cmpstr(entry->path, ==, "Uri(abcd)");
    for (gsize cut = 0; cut < size - strlen("optional"); cut++) {
        g_autofree guint8 *exact = g_memdup2(data, cut);
        g_autoptr(BootEntry) part = boot_entry_new(1, exact, cut);

        g_assert_true(g_str_has_suffix(part->path, "…"));
        g_assert_true(part->is_active == (cut >= 4));
        g_assert_cmpstr(part->title, ==, cut < 12 ? "" : "Ui");
    }
}

static void names(void) {
    static const char *const bad[] = {"Boot",     "Boot000",   "Boot00000", "Boot000g",
                                      "Boot00ab", "BootOrder", "boot0001"};
    guint16 number;

    g_assert_true(boot_entry_parse_name("Boot00AF", &number));
    g_assert_cmpuint(number, ==, 0xaf);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(boot_entry_parse_name(bad[i], &number));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(paths),
            TEST_CASE(entries),
            TEST_CASE(names),
    };

    return test_main(argc, argv, "uefi-bootopt", cases, G_N_ELEMENTS(cases));
}
