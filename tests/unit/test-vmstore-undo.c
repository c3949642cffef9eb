/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vmstore.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "util-vmstore.h"

/* A VM is renamed back where a foreign file has appeared meanwhile. */

/* -- calls --------------------------------------------------------------------------------- */

/* These take the place of the C library's. */

static GString *calls; /* R: a rename, S: a sync; NULL: nothing is recorded */
static guint failing;  /* the number of the call that fails, counted from 1; 0: none */
static char *new_path; /* where the VM's directory is after the first rename */

static gboolean fails(char call) {
    if (!calls)
        return FALSE;
    g_string_append_c(calls, call);
    errno = EIO;
    return calls->len == failing;
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    static int (*real)(int, const char *, int, const char *, unsigned);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "renameat2");
    if (fails('R'))
        return -1;
    if (calls && !new_path)
        new_path = g_strdup(to);
    return real(from_fd, from, to_fd, to, flags);
}

/* The disk is not what is tested. */
int fsync(int fd) {
    if (fails('S'))
        return -1;
    /* the file appears before the first sync has ended */
    if (calls && calls->len == 2) {
        g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
        g_autofree char *owner = g_file_read_link(link, NULL);
        g_autofree char *path = g_build_filename(owner, new_path, "copy_VARS.fd", NULL);

        g_free(new_path);
        new_path = g_path_get_dirname(path);
        g_assert_true(g_file_set_contents(path, "foreign", -1, NULL));
    }
    return 0;
}

/* -- tests --------------------------------------------------------------------------------- */

/* TO: the new id; NULL: the VM is removed. */
static void change(const OneVM *f, const char *to, guint n_failing, GError **error) {
    g_autoptr(Pin) pin = vmstore_read_pin(f->vm, NULL);

    failing = n_failing;
    calls = g_string_new(NULL);
    g_assert_false(
            to ? vmstore_rename(f->store, test_owner(), "a", pin, to, NULL, error)
               : vmstore_remove(f->store, test_owner(), "a", pin, NULL, error));
}

static void clear_calls(void) {
    g_string_free(g_steal_pointer(&calls), TRUE);
    g_clear_pointer(&new_path, g_free);
}

static const char *const new_ids[] = {NULL, "b"};

static void a_vm_that_is_renamed_back_outlasts_a_power_failure(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(new_ids); i++) {
        g_auto(OneVM) f = test_one_vm();
        g_autoptr(GError) error = NULL;

        change(&f, new_ids[i], 0, &error);
        g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT);
        g_assert_cmpstr(calls->str, ==, "RSRS");
        clear_calls();
        test_assert_entries(f.store, NULL, "a");
        test_assert_content(f.store, "a", "copy_VARS.fd", "foreign");
    }
}

/* The error says where the VM is, or may be after a power failure. */
static void a_vm_that_is_not_renamed_back_is_reported(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(new_ids); i++)
        for (guint n = 3; n <= 4; n++) {
            g_auto(OneVM) f = test_one_vm();
            g_autoptr(GError) error = NULL;

            change(&f, new_ids[i], n, &error);
            g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
            g_assert_nonnull(strstr(error->message, new_path));
            g_assert_nonnull(strstr(error->message, g_strerror(EIO)));
            g_assert_cmpuint(calls->len, ==, n);
            clear_calls();
        }
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(a_vm_that_is_renamed_back_outlasts_a_power_failure),
            TEST_CASE(a_vm_that_is_not_renamed_back_is_reported),
    };

    return test_main(argc, argv, "vmstore-undo", cases, G_N_ELEMENTS(cases));
}
