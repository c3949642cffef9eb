/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replays the files of a corpus directory, each as a test, where libFuzzer is not at hand. */

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

static int compare_names(gconstpointer a, gconstpointer b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *list_files(const char *directory) {
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return names;
}

static void replay(const char *path) {
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree uint8_t *exact = NULL;
    gsize size;

    g_file_get_contents(path, &text, &size, &error);
    g_assert_no_error(error);

    /* without the NUL that GLib adds, so that a sanitizer sees the end */
    exact = g_memdup2(text, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
}

int main(int argc, char **argv) {
    g_autoptr(GPtrArray) names = NULL;

    g_assert_cmpint(argc, ==, 2);
    names = list_files(argv[1]);
    g_assert_cmpuint(names->len, >, 0);

    printf("1..%u\n", names->len);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(argv[1], names->pdata[i], NULL);

        replay(path);
        printf("ok %u - %s\n", i + 1, (const char *)names->pdata[i]);
        fflush(stdout);
    }
    return 0;
}
