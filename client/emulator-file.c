/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "emulator-file.h"

#include <fcntl.h>
#include <glib/gstdio.h>

#include "base/text.h"

#define MAX_SIZE (1024 * 1024)

/* version of this program; path, inode, size, modification time in ns; version of QEMU; what it
 * lacks; machine types and their aliases, empty: none */
#define TYPE "(s(sttx)uasa(ss))"
#define NSEC_PER_SEC G_GINT64_CONSTANT(1000000000)

/* NULL: there is no place for it. GLib's own function would warn of a user without a home. */
static char *make_directory_name(void) {
    const char *cache = g_getenv("XDG_CACHE_HOME");
    const char *home = g_getenv("HOME");

    if (cache && g_path_is_absolute(cache))
        return g_build_filename(cache, "vmfirmwared", NULL);
    return home && g_path_is_absolute(home) ? g_build_filename(home, ".cache", "vmfirmwared", NULL)
                                            : NULL;
}

static char *make_file_name(const char *directory, const Emulator *emulator) {
    return g_strconcat(directory, "/qemu-system-", emulator->architecture, NULL);
}

static GVariant *make_stamp(const Emulator *emulator) {
    const FileStamp *stamp = &emulator->stamp;

    return g_variant_new(
            "(sttx)", emulator->path, (guint64)stamp->inode, (guint64)stamp->size,
            (gint64)stamp->modified.tv_sec * NSEC_PER_SEC + stamp->modified.tv_nsec);
}

static gboolean is_of(GVariant *kept, const Emulator *emulator) {
    g_autoptr(GVariant) stamp = g_variant_get_child_value(kept, 1);
    g_autoptr(GVariant) wanted = g_variant_ref_sink(make_stamp(emulator));
    const char *version;

    g_variant_get_child(kept, 0, "&s", &version);
    return g_str_equal(version, VERSION) && g_variant_equal(stamp, wanted);
}

static void take_answer(GVariant *kept, Emulator *emulator) {
    g_autoptr(GVariantIter) lacks = NULL;
    g_autoptr(GVariantIter) types = NULL;
    const char *name, *alias;

    g_variant_get(kept, "(&s@(sttx)uasa(ss))", NULL, NULL, &emulator->version, &lacks, &types);
    while (g_variant_iter_next(lacks, "&s", &name))
        g_ptr_array_add(emulator->lacks, g_strdup(name));
    while (g_variant_iter_next(types, "(&s&s)", &name, &alias))
        if (text_is_valid(name) && text_is_valid(alias))
            emulator_add_type(emulator, name, *alias ? alias : NULL);
}

gboolean emulator_file_read(Emulator *emulator) {
    g_autofree char *directory = make_directory_name();
    g_autofree char *path = directory ? make_file_name(directory, emulator) : NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GVariant) kept = NULL;

    if (!path || file_read(AT_FDCWD, path, MAX_SIZE, &bytes) < 0)
        return FALSE;
    kept = g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(TYPE), bytes, FALSE));
    if (!g_variant_is_normal_form(kept) || !is_of(kept, emulator))
        return FALSE;
    take_answer(kept, emulator);
    return TRUE;
}

static GVariant *make_answer(const Emulator *emulator) {
    g_auto(GVariantBuilder) types = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(ss)"));

    for (guint i = 0; i < emulator->types->len; i++) {
        const EmulatorType *type = emulator->types->pdata[i];

        g_variant_builder_add(&types, "(ss)", type->name, type->alias ? type->alias : "");
    }
    return g_variant_new(
            "(s@(sttx)u@asa(ss))", VERSION, make_stamp(emulator), emulator->version,
            g_variant_new_strv(
                    (const char *const *)emulator->lacks->pdata, (gssize)emulator->lacks->len),
            &types);
}

void emulator_file_write(const Emulator *emulator) {
    g_autofree char *directory = make_directory_name();
    g_autofree char *path = directory ? make_file_name(directory, emulator) : NULL;
    g_autoptr(GVariant) answer = NULL;

    /* the path may have any encoding, which a GVariant's string does not */
    if (!path || !text_is_valid(emulator->path) || g_mkdir_with_parents(directory, 0700) < 0)
        return;
    answer = g_variant_ref_sink(make_answer(emulator));
    (void)g_file_set_contents_full(
            path, g_variant_get_data(answer), (gssize)g_variant_get_size(answer),
            G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
}
