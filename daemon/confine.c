/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * vmfirmware-confine executes a program that is not trusted, or that reads data from users. The
 * program can access its own code, one input file and one output file.
 *
 * This is a separate program because a process with threads can only make system calls between
 * fork() and exec(), and because the limits would apply to the service itself.
 */

#define NOBODY 65534

/* as in env(1) */
#define EXIT_CANNOT_EXECUTE 126

/* Newer than the kernel headers of Debian 12; see Linux
 * Documentation/userspace-api/landlock.rst. */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0)  /* ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define FS_ABI_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
/* access rights that apply to files; all others apply to directories */
#define FS_OF_FILES \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | FS_WRITE | FS_IOCTL_DEV)

/* An older kernel, which knows fewer members, requires zero in the others. */
struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct options {
    rlim_t memory;    /* bytes of address space */
    rlim_t cpu;       /* seconds */
    rlim_t file_size; /* bytes */
    int input;
    int output;
    char **command;
};

static _Noreturn void fail(const char *what) {
    (void)fprintf(stderr, "vmfirmware-confine: %s: %s\n", what, strerror(errno));
    exit(EXIT_CANNOT_EXECUTE);
}

static rlim_t parse_number(const char *text) {
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        errno = EINVAL;
        fail(text);
    }
    return (rlim_t)number;
}

static void parse_options(int argc, char **argv, struct options *options) {
    static const struct option known[] = {
            {"memory", required_argument, NULL, 'm'},    {"cpu", required_argument, NULL, 'c'},
            {"file-size", required_argument, NULL, 'f'}, {"input", required_argument, NULL, 'i'},
            {"output", required_argument, NULL, 'o'},    {},
    };
    int c;

    while ((c = getopt_long(argc, argv, "+", known, NULL)) >= 0) {
        rlim_t number = c == '?' ? 0 : parse_number(optarg);

        switch (c) {
        case 'm':
            options->memory = number;
            break;
        case 'c':
            options->cpu = number;
            break;
        case 'f':
            options->file_size = number;
            break;
        case 'i':
            options->input = (int)number;
            break;
        case 'o':
            options->output = (int)number;
            break;
        default:
            exit(EXIT_CANNOT_EXECUTE);
        }
    }
    options->command = argv + optind;
    if (!options->command[0] || options->command[0][0] != '/') {
        errno = EINVAL;
        fail("no absolute path of a program");
    }
}

/* A lower limit of the caller's stays, because only a privileged process may raise it. */
static void set_limit(int resource, const char *name, rlim_t value) {
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
        fail(name);
    if (limit.rlim_max > value)
        limit.rlim_max = value;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
        fail(name);
}

/* For a service that root has started. The unit of root's own user service forbids a change of uid:
 * there the program stays root, without capabilities. */
static void become_nobody(const struct options *options) {
    if (geteuid() != 0 || setgroups(0, NULL) < 0)
        return;

    /* opening /dev/fd/N requires access to the file itself */
    if ((options->input >= 0 && fchown(options->input, NOBODY, NOBODY) < 0) ||
        (options->output >= 0 && fchown(options->output, NOBODY, NOBODY) < 0))
        fail("fchown");
    if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
        fail("setresuid");
}

/* With no_new_privs the program gets no capabilities beyond the permitted set, even as uid 0. */
static void drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

    if (syscall(SYS_capset, &header, none) < 0)
        fail("capset");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail("no_new_privs");
}

static void allow_fd(int ruleset, const struct ruleset *handled, int fd, uint64_t access) {
    struct landlock_path_beneath_attr rule = {.parent_fd = fd};
    struct stat st;

    if (fstat(fd, &st) < 0)
        fail("fstat");
    rule.allowed_access = access & handled->fs;
    if (!S_ISDIR(st.st_mode))
        rule.allowed_access &= FS_OF_FILES;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        fail("landlock_add_rule");
}

static void allow_path(
        int ruleset, const struct ruleset *handled, const char *path, uint64_t access) {
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return; /* a missing path needs no rule */
    allow_fd(ruleset, handled, fd, access);
    (void)close(fd);
}

/* Programs and their libraries, which every user may read. */
static const char *const readable[] = {
        "/usr",      "/lib",      "/lib32",      "/lib64",       "/bin",
        "/sbin",     "/opt",      "/nix/store",  "/gnu/store",   "/etc/ld.so.cache",
        "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
};

static void set_up_landlock(const struct options *options) {
    struct ruleset handled = {.fs = FS_ABI_1};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    int ruleset;

    if (abi < 1)
        return; /* no Landlock; the service has reported this */
    handled.fs |= abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
    handled.fs |= abi >= 3 ? FS_TRUNCATE : 0;
    handled.fs |= abi >= 5 ? FS_IOCTL_DEV : 0;
    handled.net = abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0;
    handled.scoped = abi >= 6 ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0;

    ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (ruleset < 0)
        fail("landlock_create_ruleset");

    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
        allow_path(ruleset, &handled, readable[i], FS_READ | LANDLOCK_ACCESS_FS_EXECUTE);
    allow_path(ruleset, &handled, "/dev/null", FS_WRITE);
    allow_path(ruleset, &handled, options->command[0], FS_READ | LANDLOCK_ACCESS_FS_EXECUTE);
    if (options->input >= 0)
        allow_fd(ruleset, &handled, options->input, FS_READ);
    if (options->output >= 0)
        allow_fd(ruleset, &handled, options->output, FS_READ | FS_WRITE);

    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        fail("landlock_restrict_self");
    (void)close(ruleset);
}

int main(int argc, char **argv) {
    struct options options = {
            .memory = RLIM_INFINITY,
            .cpu = RLIM_INFINITY,
            .file_size = RLIM_INFINITY,
            .input = -1,
            .output = -1,
    };

    parse_options(argc, argv, &options);
    /* a process group of its own, so that the service can kill all of its processes */
    (void)setsid();
    become_nobody(&options);
    drop_capabilities();
    set_up_landlock(&options);
    set_limit(RLIMIT_CORE, "RLIMIT_CORE", 0);
    set_limit(RLIMIT_CPU, "RLIMIT_CPU", options.cpu);
    set_limit(RLIMIT_FSIZE, "RLIMIT_FSIZE", options.file_size);
    set_limit(RLIMIT_AS, "RLIMIT_AS", options.memory);
    /* ends with the waiting thread; set last, because a change of credentials clears it */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

    (void)execv(options.command[0], options.command);
    fail(options.command[0]);
}
