/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

typedef struct __user_cap_data_struct CapabilitySets[_LINUX_CAPABILITY_U32S_3];

/* The right of the calling thread. A new thread has what its creator had, and asks the kernel. */
typedef enum Right {
    RIGHT_UNKNOWN,
    RIGHT_IN_FORCE, /* or there is none */
    RIGHT_LOWERED_UID,
    RIGHT_LOWERED_CAPABILITIES,
} Right;
static _Thread_local Right right;
static _Thread_local CapabilitySets lowered; /* of RIGHT_LOWERED_CAPABILITIES */
static _Thread_local gid_t own_gid;          /* of RIGHT_LOWERED_UID */

/* The kernel's calls change the calling thread alone; libcap does not promise that. */
static int get_capabilities(CapabilitySets sets) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return syscall(SYS_capget, &header, sets) < 0 ? -errno : 0;
}

static int set_capabilities(CapabilitySets sets) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

static int drop_effective_capabilities(void) {
    int r = get_capabilities(lowered);

    if (r < 0)
        return r;
    for (gsize i = 0; i < G_N_ELEMENTS(lowered); i++)
        lowered[i].effective = 0;
    return set_capabilities(lowered);
}

static int raise_permitted_capabilities(void) {
    CapabilitySets sets;

    for (gsize i = 0; i < G_N_ELEMENTS(sets); i++) {
        sets[i] = lowered[i];
        sets[i].effective = sets[i].permitted;
    }
    return set_capabilities(sets);
}

static gboolean may_change_uid(void) {
    CapabilitySets sets;

    return get_capabilities(sets) >= 0 && (sets[0].effective & (1U << CAP_SETUID)) != 0;
}

/* Only root's uid is changed here; the units forbid even setfsuid() as a query. */
uid_t privilege_get_uid(void) {
    /* an invalid uid changes nothing; the call returns the current one */
    int uid = geteuid() == 0 ? setfsuid((uid_t)-1) : -EPERM;

    return uid < 0 ? geteuid() : (uid_t)uid;
}

/* When the file system uid leaves 0, the kernel removes the capabilities that concern files from
 * the effective set; when it returns to 0, the kernel restores them (capabilities(7)). */
static int open_files_as_nobody(void) {
    (void)setfsgid(NOBODY);
    (void)setfsuid(NOBODY);
    return setfsuid((uid_t)-1) == NOBODY ? 0 : -EPERM;
}

/* The kernel always permits it to a process whose effective uid is 0. */
static void open_files_as_root(void) {
    (void)setfsgid(own_gid);
    (void)setfsuid(0);
}

void privilege_keep_from_programs(void) {
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int privilege_lower(void) {
    privilege_keep_from_programs();
    right = RIGHT_UNKNOWN;
    if (geteuid() != 0)
        return drop_effective_capabilities();

    if (open_files_as_nobody() == 0)
        return setgroups(0, NULL) < 0 ? -errno : 0;
    /* In a user namespace without the uid of nobody, root is the user who created the namespace,
     * and the files that root owns there belong to this user. */
    return may_change_uid() ? drop_effective_capabilities() : -EPERM;
}

static Right find_right(void) {
    gboolean is_lowered = FALSE;

    own_gid = getegid();
    if (privilege_get_uid() != geteuid())
        return RIGHT_LOWERED_UID;
    if (get_capabilities(lowered) < 0)
        return RIGHT_IN_FORCE;
    for (gsize i = 0; i < G_N_ELEMENTS(lowered); i++)
        is_lowered |= lowered[i].effective != lowered[i].permitted;
    return is_lowered ? RIGHT_LOWERED_CAPABILITIES : RIGHT_IN_FORCE;
}

PrivilegeScope privilege_raise(void) {
    PrivilegeScope scope = PRIVILEGE_AS_BEFORE;

    if (right == RIGHT_UNKNOWN)
        right = find_right();
    if (right == RIGHT_LOWERED_UID) {
        open_files_as_root();
        scope = PRIVILEGE_UID;
    } else if (right == RIGHT_LOWERED_CAPABILITIES && raise_permitted_capabilities() == 0) {
        scope = PRIVILEGE_CAPABILITIES;
    }
    if (scope != PRIVILEGE_AS_BEFORE)
        right = RIGHT_IN_FORCE;
    return scope;
}

void privilege_restore(PrivilegeScope scope) {
    int saved_errno = errno;
    int r = 0;

    switch (scope) {
    case PRIVILEGE_AS_BEFORE:
        return;
    case PRIVILEGE_CAPABILITIES:
        r = set_capabilities(lowered);
        right = RIGHT_LOWERED_CAPABILITIES;
        break;
    case PRIVILEGE_UID:
        r = open_files_as_nobody();
        right = RIGHT_LOWERED_UID;
        break;
    }
    /* continuing would leave the right in force */
    if (r < 0)
        g_error("cannot lower the right to open files: %s", g_strerror(-r));
    errno = saved_errno;
}
