/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/architecture.h"

static const struct {
    const char *target;
    const char *libvirt;   /* NULL: it has no word */
    const char *others[4]; /* Debian's, uname's and compilers' */
} architectures[] = {
        {"aarch64", "aarch64", {"arm64"}},
        {"alpha", "alpha", {}},
        {"arm", "armv7l", {"armv6l", "armv7l", "armhf"}},
        {"avr", NULL, {}},
        {"hppa", "parisc", {"parisc"}},
        {"i386", "i686", {"i486", "i586", "i686"}},
        {"loongarch64", "loongarch64", {"loong64"}},
        {"m68k", "m68k", {}},
        {"microblaze", "microblaze", {}},
        {"microblazeel", "microblazeel", {}},
        {"mips", "mips", {}},
        {"mips64", "mips64", {}},
        {"mips64el", "mips64el", {}},
        {"mipsel", "mipsel", {}},
        {"or1k", "openrisc", {"openrisc"}},
        {"ppc", "ppc", {"powerpc"}},
        {"ppc64", "ppc64", {"ppc64le", "ppc64el"}},
        {"riscv32", "riscv32", {}},
        {"riscv64", "riscv64", {}},
        {"rx", NULL, {}},
        {"s390x", "s390x", {}},
        {"sh4", "sh4", {}},
        {"sh4eb", "sh4eb", {}},
        {"sparc", "sparc", {}},
        {"sparc64", "sparc64", {}},
        {"tricore", NULL, {}},
        {"x86_64", "x86_64", {"amd64", "x86-64", "x64"}},
        {"xtensa", "xtensa", {}},
        {"xtensaeb", "xtensaeb", {}},
};

const char *architecture_from_name(const char *name) {
    for (gsize i = 0; i < G_N_ELEMENTS(architectures); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(architectures[i].others); j++)
            if (g_strcmp0(architectures[i].others[j], name) == 0)
                return architectures[i].target;
    return name;
}

const char *architecture_to_libvirt(const char *target) {
    for (gsize i = 0; i < G_N_ELEMENTS(architectures); i++)
        if (g_str_equal(architectures[i].target, target))
            return architectures[i].libvirt;
    return NULL;
}

gboolean architecture_is_x86(const char *target) {
    return g_str_equal(target, "x86_64") || g_str_equal(target, "i386");
}

const char **architecture_list(void) {
    const char **targets = g_new0(const char *, G_N_ELEMENTS(architectures) + 1);

    for (gsize i = 0; i < G_N_ELEMENTS(architectures); i++)
        targets[i] = architectures[i].target;
    return targets;
}
