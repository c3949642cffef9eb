/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/devicepath.h"

#include <string.h>

#include "base/text.h"
#include "uefi/efi.h"

/* Nodes in the form of edk2's MdePkg/Library/UefiDevicePathLib/DevicePathToText.c; nodes that no
 * virtual machine has are in the generic form, Path(TYPE,SUBTYPE,BYTES). */

#define TYPE_END 0x7f
#define SUBTYPE_END_INSTANCE 0x01
#define SUBTYPE_END_ENTIRE 0xff

typedef void (*NodeFunc)(GString *text, const guint8 *data, gsize size);

static void append_guid(GString *text, const guint8 *bytes) {
    const EfiGuid guid = efi_guid(bytes);
    g_autofree char *upper = NULL;
    char lower[EFI_GUID_TEXT_SIZE];

    efi_guid_to_text(&guid, lower);
    upper = g_ascii_strup(lower, -1);
    g_string_append(text, upper);
}

static void append_bytes(GString *text, const guint8 *bytes, gsize size) {
    for (gsize i = 0; i < size; i++)
        g_string_append_printf(text, "%02X", bytes[i]);
}

static void append_u64(GString *text, const guint8 *bytes) {
    g_string_append_printf(text, "0x%" G_GINT64_MODIFIER "X", efi_u64(bytes));
}

/* -- hardware and ACPI --------------------------------------------------------------------- */

static void append_pci(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(text, "Pci(0x%X,0x%X)", data[1], data[0]);
}

static void append_memory(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(text, "MemoryMapped(0x%X,", efi_u32(data));
    append_u64(text, data + 4);
    g_string_append_c(text, ',');
    append_u64(text, data + 12);
    g_string_append_c(text, ')');
}

static void append_vendor(GString *text, const char *name, const guint8 *data, gsize size) {
    g_string_append_printf(text, "%s(", name);
    append_guid(text, data);
    if (size > sizeof(EfiGuid)) {
        g_string_append_c(text, ',');
        append_bytes(text, data + sizeof(EfiGuid), size - sizeof(EfiGuid));
    }
    g_string_append_c(text, ')');
}

static void append_vendor_hardware(GString *text, const guint8 *data, gsize size) {
    append_vendor(text, "VenHw", data, size);
}

static void append_controller(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(text, "Ctrl(0x%X)", efi_u32(data));
}

static void append_acpi(GString *text, const guint8 *data, gsize size) {
    static const struct {
        guint16 product;
        const char *name;
    } names[] = {{0x0a03, "PciRoot"},  {0x0a08, "PcieRoot"}, {0x0604, "Floppy"},
                 {0x0301, "Keyboard"}, {0x0501, "Serial"},   {0x0401, "ParallelPort"}};
    const guint32 hid = efi_u32(data), uid = efi_u32(data + 4);

    /* "PNP" in EISA's compression of three letters */
    if ((hid & 0xffff) != 0x41d0) {
        g_string_append_printf(text, "Acpi(0x%08X,0x%X)", hid, uid);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].product == hid >> 16) {
            g_string_append_printf(text, "%s(0x%X)", names[i].name, uid);
            return;
        }
    g_string_append_printf(text, "Acpi(PNP%04X,0x%X)", hid >> 16, uid);
}

/* -- messaging ------------------------------------------------------------------------------- */

static void append_scsi(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(text, "Scsi(0x%X,0x%X)", efi_u16(data), efi_u16(data + 2));
}

static void append_usb(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(text, "USB(0x%X,0x%X)", data[0], data[1]);
}

static void append_lun(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(text, "Unit(0x%X)", data[0]);
}

static void append_vendor_messaging(GString *text, const guint8 *data, gsize size) {
    append_vendor(text, "VenMsg", data, size);
}

static void append_mac(GString *text, const guint8 *data, gsize size) {
    const guint8 type = data[32];

    g_string_append(text, "MAC(");
    /* Ethernet; the field has room for longer addresses */
    append_bytes(text, data, type <= 1 ? 6 : 32);
    g_string_append_printf(text, ",0x%X)", type);
}

static void append_ipv4_address(GString *text, const guint8 *address) {
    g_string_append_printf(text, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
}

static void append_protocol(GString *text, guint16 protocol) {
    if (protocol == 6)
        g_string_append(text, "TCP");
    else if (protocol == 17)
        g_string_append(text, "UDP");
    else
        g_string_append_printf(text, "0x%X", protocol);
}

static void append_ipv4(GString *text, const guint8 *data, gsize size) {
    g_string_append(text, "IPv4(");
    append_ipv4_address(text, data + 4);
    g_string_append_c(text, ',');
    append_protocol(text, efi_u16(data + 12));
    g_string_append_printf(text, ",%s,", data[14] ? "Static" : "DHCP");
    append_ipv4_address(text, data);
    /* later versions of the specification added gateway and mask */
    for (gsize at = 15; at + 4 <= MIN(size, 23); at += 4) {
        g_string_append_c(text, ',');
        append_ipv4_address(text, data + at);
    }
    g_string_append_c(text, ')');
}

static void append_ipv6_address(GString *text, const guint8 *address) {
    for (gsize i = 0; i < 16; i += 2)
        g_string_append_printf(text, "%s%02X%02X", i > 0 ? ":" : "", address[i], address[i + 1]);
}

static void append_ipv6(GString *text, const guint8 *data, gsize size) {
    static const char *const origins[] = {
            "Static", "StatelessAutoConfigure", "StatefulAutoConfigure"};

    g_string_append(text, "IPv6(");
    append_ipv6_address(text, data + 16);
    g_string_append_c(text, ',');
    append_protocol(text, efi_u16(data + 36));
    g_string_append_printf(text, ",%s,", origins[MIN(data[38], 2)]);
    append_ipv6_address(text, data);
    if (size >= 56) {
        g_string_append_printf(text, ",0x%X,", data[39]);
        append_ipv6_address(text, data + 40);
    }
    g_string_append_c(text, ')');
}

static void append_uart(GString *text, const guint8 *data, gsize size) {
    static const char parities[] = "DNEOMS";
    static const char *const stops[] = {"D", "1", "1.5", "2"};
    const guint64 baud = efi_u64(data + 4);

    if (baud == 0)
        g_string_append(text, "Uart(DEFAULT,");
    else
        g_string_append_printf(text, "Uart(%" G_GUINT64_FORMAT ",", baud);
    if (data[12] == 0)
        g_string_append(text, "DEFAULT,");
    else
        g_string_append_printf(text, "%u,", data[12]);
    g_string_append_printf(
            text, "%c,%s)", data[13] < strlen(parities) ? parities[data[13]] : 'x',
            data[14] < G_N_ELEMENTS(stops) ? stops[data[14]] : "x");
}

static void append_usb_class(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(
            text, "UsbClass(0x%X,0x%X,0x%X,0x%X,0x%X)", efi_u16(data), efi_u16(data + 2), data[4],
            data[5], data[6]);
}

static void append_sata(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(
            text, "Sata(0x%X,0x%X,0x%X)", efi_u16(data), efi_u16(data + 2), efi_u16(data + 4));
}

static void append_vlan(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(text, "Vlan(%u)", efi_u16(data));
}

static void append_nvme(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(text, "NVMe(0x%X", efi_u32(data));
    for (gsize i = 0; i < 8; i++)
        g_string_append_printf(text, "%c%02X", i == 0 ? ',' : '-', data[11 - i]);
    g_string_append_c(text, ')');
}

static void append_ascii(GString *text, const guint8 *data, gsize size) {
    for (gsize i = 0; i < size && data[i] != '\0'; i++)
        g_string_append_c(text, (char)data[i]);
}

static void append_uri(GString *text, const guint8 *data, gsize size) {
    g_string_append(text, "Uri(");
    append_ascii(text, data, size);
    g_string_append_c(text, ')');
}

/* -- media ---------------------------------------------------------------------------- */

static void append_hard_drive(GString *text, const guint8 *data, gsize size) {
    const guint8 type = data[37];

    g_string_append_printf(text, "HD(%u,", efi_u32(data));
    if (type == 1)
        g_string_append_printf(text, "MBR,0x%08X,", efi_u32(data + 20));
    else if (type == 2) {
        g_string_append(text, "GPT,");
        append_guid(text, data + 20);
        g_string_append_c(text, ',');
    } else
        g_string_append_printf(text, "%u,0,", type);
    append_u64(text, data + 4);
    g_string_append_c(text, ',');
    append_u64(text, data + 12);
    g_string_append_c(text, ')');
}

static void append_cdrom(GString *text, const guint8 *data, gsize size) {
    g_string_append_printf(text, "CDROM(0x%X,", efi_u32(data));
    append_u64(text, data + 4);
    g_string_append_c(text, ',');
    append_u64(text, data + 12);
    g_string_append_c(text, ')');
}

static void append_vendor_media(GString *text, const guint8 *data, gsize size) {
    append_vendor(text, "VenMedia", data, size);
}

static void append_file(GString *text, const guint8 *data, gsize size) {
    g_autofree char *name = efi_text(data, size / 2);

    g_string_append(text, name);
}

static void append_volume_file(GString *text, const guint8 *data, gsize size) {
    g_string_append(text, "FvFile(");
    append_guid(text, data);
    g_string_append_c(text, ')');
}

static void append_volume(GString *text, const guint8 *data, gsize size) {
    g_string_append(text, "Fv(");
    append_guid(text, data);
    g_string_append_c(text, ')');
}

static void append_bios(GString *text, const guint8 *data, gsize size) {
    static const char *const devices[] = {"Floppy", "HD", "CDROM", "PCMCIA", "USB", "Network"};
    const guint16 type = efi_u16(data);

    g_string_append(text, "BBS(");
    if (type >= 1 && type <= G_N_ELEMENTS(devices))
        g_string_append(text, devices[type - 1]);
    else
        g_string_append_printf(text, "0x%X", type);
    g_string_append_c(text, ',');
    append_ascii(text, data + 4, size - 4);
    g_string_append_printf(text, ",0x%X)", efi_u16(data + 2));
}

/* -- paths ---------------------------------------------------------------------------- */

static const struct {
    guint8 type, subtype;
    guint8 size; /* minimum, without the node's header */
    NodeFunc append;
    DevicePathBinding binding;
} nodes[] = {
        {1, 1, 2, append_pci, DEVICE_PATH_BOUND_TO_DEVICE},
        {1, 3, 20, append_memory, DEVICE_PATH_BOUND_TO_NOTHING},
        {1, 4, 16, append_vendor_hardware, DEVICE_PATH_BOUND_TO_DEVICE},
        {1, 5, 4, append_controller, DEVICE_PATH_BOUND_TO_DEVICE},
        {2, 1, 8, append_acpi, DEVICE_PATH_BOUND_TO_DEVICE},
        {3, 2, 4, append_scsi, DEVICE_PATH_BOUND_TO_DEVICE},
        {3, 5, 2, append_usb, DEVICE_PATH_BOUND_TO_DEVICE},
        {3, 10, 16, append_vendor_messaging, DEVICE_PATH_BOUND_TO_NOTHING},
        {3, 11, 33, append_mac, DEVICE_PATH_BOUND_TO_MAC},
        {3, 12, 15, append_ipv4, DEVICE_PATH_BOUND_TO_NOTHING},
        {3, 13, 39, append_ipv6, DEVICE_PATH_BOUND_TO_NOTHING},
        {3, 14, 15, append_uart, DEVICE_PATH_BOUND_TO_NOTHING},
        {3, 15, 7, append_usb_class, DEVICE_PATH_BOUND_TO_NOTHING},
        {3, 17, 1, append_lun, DEVICE_PATH_BOUND_TO_DEVICE},
        {3, 18, 6, append_sata, DEVICE_PATH_BOUND_TO_DEVICE},
        {3, 20, 2, append_vlan, DEVICE_PATH_BOUND_TO_NOTHING},
        {3, 23, 12, append_nvme, DEVICE_PATH_BOUND_TO_DEVICE},
        {3, 24, 0, append_uri, DEVICE_PATH_BOUND_TO_NOTHING},
        {4, 1, 38, append_hard_drive, DEVICE_PATH_BOUND_TO_PARTITION},
        {4, 2, 20, append_cdrom, DEVICE_PATH_BOUND_TO_NOTHING},
        {4, 3, 16, append_vendor_media, DEVICE_PATH_BOUND_TO_NOTHING},
        {4, 4, 0, append_file, DEVICE_PATH_BOUND_TO_NOTHING},
        {4, 6, 16, append_volume_file, DEVICE_PATH_BOUND_TO_NOTHING},
        {4, 7, 16, append_volume, DEVICE_PATH_BOUND_TO_NOTHING},
        {5, 1, 4, append_bios, DEVICE_PATH_BOUND_TO_NOTHING},
};

static void append_node(GString *text, const guint8 *node, gsize size, DevicePathBinding *binding) {
    for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++)
        if (nodes[i].type == node[0] && nodes[i].subtype == node[1] && size - 4 >= nodes[i].size) {
            nodes[i].append(text, node + 4, size - 4);
            *binding = MAX(*binding, nodes[i].binding);
            return;
        }
    g_string_append_printf(text, "Path(%u,%u", node[0], node[1]);
    if (size > 4)
        g_string_append_c(text, ',');
    append_bytes(text, node + 4, size - 4);
    g_string_append_c(text, ')');
}

char *device_path_to_text(const guint8 *bytes, gsize size, DevicePathBinding *ret_binding) {
    g_autoptr(GString) text = g_string_new(NULL);
    gboolean begins = TRUE;
    gsize at = 0;

    *ret_binding = DEVICE_PATH_BOUND_TO_NOTHING;
    while (size - at >= 4) {
        const guint8 *node = bytes + at;
        const gsize node_size = efi_u16(node + 2);

        if (node_size < 4 || node_size > size - at)
            break;
        if (node[0] == TYPE_END && node[1] == SUBTYPE_END_ENTIRE)
            return text_make_valid(text->str);
        if (node[0] == TYPE_END && node[1] == SUBTYPE_END_INSTANCE) {
            g_string_append_c(text, ',');
            begins = TRUE;
        } else {
            if (!begins)
                g_string_append_c(text, '/');
            append_node(text, node, node_size, ret_binding);
            begins = FALSE;
        }
        at += node_size;
    }
    g_string_append(text, "…");
    return text_make_valid(text->str);
}

const char *device_path_binding_to_string(DevicePathBinding binding) {
    switch (binding) {
    case DEVICE_PATH_BOUND_TO_NOTHING:
        return "";
    case DEVICE_PATH_BOUND_TO_DEVICE:
        return "device";
    case DEVICE_PATH_BOUND_TO_MAC:
        return "mac";
    case DEVICE_PATH_BOUND_TO_PARTITION:
        return "partition";
    }
    g_assert_not_reached();
}
