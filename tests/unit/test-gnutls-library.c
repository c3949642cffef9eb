/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/gnutls-library.h"

#include <string.h>
#include <sys/resource.h>

#include "uefi/digest.h"
#include "util.h"

static gint n_warnings;

static void on_message(
        const char *domain, GLogLevelFlags level, const char *message, gpointer userdata) {
    g_assert_cmpint(level & G_LOG_LEVEL_MASK, ==, G_LOG_LEVEL_WARNING);
    g_assert_nonnull(strstr(message, "waiting until a file descriptor is free"));
    g_atomic_int_inc(&n_warnings);
}

static gpointer digest(gpointer unused) {
    g_autoptr(GBytes) bytes = g_bytes_new_static("abc", 3);

    return digest_gbytes(bytes);
}

/* On another thread than the first, as in the service. */
static void descriptors_are_waited_for(void) {
    const GLogLevelFlags before = g_log_set_always_fatal(G_LOG_FATAL_MASK);
    g_autofree char *found = NULL;
    struct rlimit limit, none;
    GThread *thread;

    (void)g_log_set_default_handler(on_message, NULL);
    g_assert_no_errno(getrlimit(RLIMIT_NOFILE, &limit));
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &none));
    thread = g_thread_new("digest", digest, NULL);
    while (g_atomic_int_get(&n_warnings) == 0)
        g_usleep(1000);
    g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &limit));
    found = g_thread_join(thread);
    g_assert_cmpstr(found, ==, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    g_assert_cmpint(n_warnings, ==, 1);
    (void)g_log_set_default_handler(g_log_default_handler, NULL);
    (void)g_log_set_always_fatal(before);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(descriptors_are_waited_for),
    };

    return test_main(argc, argv, "gnutls-library", cases, G_N_ELEMENTS(cases));
}
