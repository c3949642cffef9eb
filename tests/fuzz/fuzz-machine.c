/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file of the machine table: whatever boards it has, flash can be laid out on them. */

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/flash.h"
#include "fuzz.h"
#include "core/machine.h"
#include "core/parse.h"
#include "base/text.h"

static const char document[] =
        "{\"interface-types\": [\"uefi\"], \"mapping\": {\"device\": \"flash\","
        "\"executable\": {\"filename\": \"/c\", \"format\": \"raw\"},"
        "\"nvram-template\": {\"filename\": \"/v\", \"format\": \"raw\"}},"
        "\"targets\": [{\"architecture\": \"x\", \"machines\": [\"*\"]}]}";

/* A directory whose one file is a link to a memfd: nothing is written to a disk. */
static char *directory;
static char *table_path;
static int table_fd = -1;

static void remove_directory(void) {
    (void)g_unlink(table_path);
    (void)g_rmdir(directory);
    g_free(table_path);
    g_free(directory);
    (void)close(table_fd);
}

static void make_directory(void) {
    g_autofree char *target = NULL;

    table_fd = memfd_create("table", MFD_CLOEXEC);
    g_assert_cmpint(table_fd, >=, 0);
    directory = g_dir_make_tmp("vmfirmware-fuzz-XXXXXX", NULL);
    g_assert_nonnull(directory);
    table_path = g_build_filename(directory, "a.conf", NULL);
    target = g_strdup_printf("/proc/self/fd/%d", table_fd);
    g_assert_no_errno(symlink(target, table_path));
    g_assert_cmpint(atexit(remove_directory), ==, 0);
}

static void check_units(const Board *board, const GPtrArray *units) {
    guint64 total = 0;

    g_assert_cmpuint(units->len, ==, 2);
    for (guint i = 0; i < units->len; i++) {
        const FlashUnit *unit = units->pdata[i];

        g_assert_cmpuint(unit->size, >, 0);
        g_assert_cmpuint(unit->size, ==, unit->num_blocks * unit->sector_length);
        g_assert_nonnull(unit->driver);
        g_assert_nonnull(unit->name);
        total += unit->size;
    }
    if (board->max_total_size)
        g_assert_cmpuint(total, <=, board->max_total_size);
}

static gboolean lay_out(const Machine *machine, gpointer userdata) {
    static const guint64 sizes[] = {0, 1, 512, 4096, 65536, 8388608, 67108864, G_MAXINT64};
    const Descriptor *descriptor = userdata;

    g_assert_nonnull(machine->canonical);
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const FirmwareImages images = {
                .executable.size = sizes[i], .nvram_template.size = sizes[i]};
        g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GPtrArray) units = NULL;

        if (flash_fit(descriptor, &images, machine, reasons, &units))
            check_units(machine->board, units);
        else
            g_assert_cmpuint(reasons->len, >, 0);
    }
    return TRUE;
}

static void check_table(const MachineTable *table, const Descriptor *descriptor) {
    const GPtrArray *problems = machine_table_get_problems(table);
    const char *const *architecture = machine_table_get_architectures(table);

    for (guint i = 0; i < problems->len; i++)
        g_assert_true(text_is_valid(((const ConfProblem *)problems->pdata[i])->text));

    for (; *architecture; architecture++) {
        Machine machine = machine_table_resolve(table, *architecture, "virt");

        (void)lay_out(&machine, (gpointer)descriptor);
        machine_table_visit(table, *architecture, "*", lay_out, (gpointer)descriptor);
        machine_table_visit(table, *architecture, "pc-[a-z]?*", lay_out, (gpointer)descriptor);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *const directories[] = {directory, NULL};
    g_autoptr(GBytes) bytes = g_bytes_new_static(document, strlen(document));
    g_autoptr(Descriptor) descriptor = parse_descriptor(bytes, NULL);
    g_autoptr(MachineTable) table = NULL;

    g_assert_nonnull(descriptor);
    if (!directory) {
        make_directory();
        return LLVMFuzzerTestOneInput(data, size);
    }

    g_assert_no_errno(ftruncate(table_fd, 0));
    g_assert_cmpint(pwrite(table_fd, data, size, 0), ==, (gssize)size);
    table = machine_table_load(directories, NULL, NULL);
    check_table(table, descriptor);
    g_assert_true(machine_table_equal(table, table));
    return 0;
}
