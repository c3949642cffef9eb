/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/gnutls-library.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define LIBRARY_NAME "libgnutls.so.30"

#define FIND(symbol) {#symbol, G_STRUCT_OFFSET(GnuTLS, symbol)},
static const struct {
    const char *name;
    gsize offset;
} symbols[] = {GNUTLS_SYMBOLS(FIND)};

/* While its package is replaced, there is no library for a moment. */
#define N_TRIES 100
#define TRY_AGAIN_USEC (G_USEC_PER_SEC / 10)

static GMutex mutex;
static guint n_threads; /* that have asked for the library and have not ended */
static void *handle;
static GnuTLS library;

/* What g_error() says at last. */
static const char *try_to_load(void) {
    handle = dlopen(LIBRARY_NAME, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return dlerror();
    for (gsize i = 0; i < G_N_ELEMENTS(symbols); i++) {
        void *address = dlsym(handle, symbols[i].name);

        if (!address)
            return dlerror();
        memcpy((char *)&library + symbols[i].offset, &address, sizeof address);
    }
    return NULL;
}

static gboolean lacks_descriptors(void) {
    g_auto(FileFd) fd = open("/", O_PATH | O_CLOEXEC);

    return fd < 0 && (errno == EMFILE || errno == ENFILE);
}

/* A program that asks on its first thread has no other one that gives descriptors back. In the
 * service, which never does, whoever takes them all, here or on the host, must not end the process;
 * no caller can be told of the wait, so that the log is. */
static void load(void) {
    const gboolean is_alone = gettid() == getpid();
    const char *message = try_to_load();
    gboolean is_short, is_told = FALSE;

    for (guint i = 1; message && i < N_TRIES; i += !is_short) {
        is_short = lacks_descriptors();
        if (is_short && is_alone)
            break;
        if (is_short && !is_told)
            g_warning(
                    "waiting until a file descriptor is free: GnuTLS cannot be loaded: %s",
                    message);
        is_told |= is_short;
        g_usleep(TRY_AGAIN_USEC);
        message = try_to_load();
    }
    if (message)
        g_error("GnuTLS cannot be loaded: %s", message);
}

static void leave(gpointer unused) {
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mutex);

    if (--n_threads == 0)
        (void)dlclose(handle);
}

const GnuTLS *gnutls_library(void) {
    static GPrivate entered = G_PRIVATE_INIT(leave);

    if (!g_private_get(&entered)) {
        G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&mutex);

        if (n_threads++ == 0)
            load();
        g_private_set(&entered, &library);
    }
    return &library;
}
