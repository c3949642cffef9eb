/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/gnutls-library.h"

#include <dlfcn.h>
#include <glib.h>
#include <string.h>

#define LIBRARY_NAME "libgnutls.so.30"

#define FIND(symbol) {#symbol, G_STRUCT_OFFSET(GnuTLS, symbol)},
static const struct {
    const char *name;
    gsize offset;
} symbols[] = {GNUTLS_SYMBOLS(FIND)};

static void load(GnuTLS *ret) {
    void *handle = dlopen(LIBRARY_NAME, RTLD_NOW | RTLD_LOCAL);

    for (gsize i = 0; i < G_N_ELEMENTS(symbols); i++) {
        void *address = handle ? dlsym(handle, symbols[i].name) : NULL;

        if (!address)
            g_error("GnuTLS cannot be loaded: %s", dlerror());
        memcpy((char *)ret + symbols[i].offset, &address, sizeof address);
    }
}

const GnuTLS *gnutls_library(void) {
    static GnuTLS library;
    static gsize is_loaded;

    if (g_once_init_enter(&is_loaded)) {
        load(&library);
        g_once_init_leave(&is_loaded, TRUE);
    }
    return &library;
}
