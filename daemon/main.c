/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arguments.h"
#include "base/error.h"
#include "base/privilege.h"
#include "bus/names.h"
#include "bus/bus.h"
#include "service/lifecycle.h"
#include "service/log.h"
#include "service/live-catalog.h"
#include "service/sd-cleanup.h"
#include "service/task.h"
#include "service/vm-watch.h"
#include "vm/confine.h"

/* Arguments, event loop, wiring. */

/* A call that waits in bus/admission holds its message. On a bus whose policy allows it, a message
 * carries up to 16 descriptors: 512 such calls take 8192, and as many remain for other use. */
#define WANTED_FDS 16384

/* How long the exit waits for threads: changes to a VM's files finish within this time. */
#define END_WAIT_USEC (2 * G_USEC_PER_SEC)

/* Bytes. glibc's own initial value, which else grows with each larger buffer that is freed. */
#define MMAP_THRESHOLD (128 * 1024)

#define EXIT_USAGE 2

typedef struct Options {
    ConfigOptions config;
    gboolean is_system;
    gboolean show_version;
    char *help; /* to be printed; NULL: not */
} Options;

static void options_clear(Options *options) {
    g_free(options->help);
    config_options_clear(&options->config);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean parse_options(int *argc, char ***argv, Options *options, GError **error) {
    gboolean show_help = FALSE;
    const GOptionEntry entries[] = {
            {"system", 0, 0, G_OPTION_ARG_NONE, &options->is_system,
             "Serve the system bus (the default)", NULL},
            {"user", 0, 0, G_OPTION_ARG_NONE, &options->config.is_user,
             "Serve the user's session bus, with the user's own layer on top", NULL},
            {"search-path", 0, 0, G_OPTION_ARG_FILENAME, &options->config.search_path,
             "Directories of firmware descriptors, lowest layer first, instead of the default ones",
             "DIR:DIR…"},
            {"machines", 0, 0, G_OPTION_ARG_FILENAME, &options->config.machines,
             "Directories of the machine table, lowest layer first", "DIR:DIR…"},
            {"state-directory", 0, 0, G_OPTION_ARG_FILENAME, &options->config.state_directory,
             "Directory for what is kept of each VM", "DIR"},
            {"config", 0, 0, G_OPTION_ARG_FILENAME, &options->config.config_file,
             "Configuration file, with drop-ins in FILE.d, instead of the default ones", "FILE"},
            {"version", 0, 0, G_OPTION_ARG_NONE, &options->show_version,
             "Print the version and exit", NULL},
            {"help", 'h', 0, G_OPTION_ARG_NONE, &show_help, "Print this help and exit", NULL},
            {},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    /* GLib's own option prints in the encoding of the locale, and none is set: the files of one
     * take 200 kB of memory, and what callers and the journal are told is English. */
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_summary(
            context,
            "Tells over D-Bus which firmware a virtual machine gets, and how its flash is laid "
            "out,\nfrom the firmware descriptors of this host (QEMU's docs/interop/firmware.json).");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!arguments_check_flags(entries, (const char *const *)*argv, error) ||
        !g_option_context_parse(context, argc, argv, error))
        return FALSE;

    if (show_help)
        options->help = g_option_context_get_help(context, TRUE, NULL);
    if (*argc > 1) {
        g_set_error(
                error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "unexpected argument \"%s\"",
                (*argv)[1]);
        return FALSE;
    }
    if (options->config.is_user && options->is_system) {
        g_set_error_literal(
                error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--user and --system exclude each other");
        return FALSE;
    }
    return TRUE;
}

typedef struct Service {
    sd_event *event;
    sd_bus *connection;
    sd_bus *questions; /* a connection for questions to the bus itself */
    LiveCatalog *live;
    Lifecycle *lifecycle;
    VMs *vms;
    VMWatch *watch; /* or NULL */
    Bus *bus;       /* NULL before the first catalog */
    gboolean has_failed;
} Service;

static void service_clear(Service *service) {
    /* before the bus, because the calls that its jobs serve use the bus */
    vm_watch_free(service->watch);
    vms_free(service->vms);
    bus_free(service->bus);
    sd_bus_flush_close_unref(service->connection);
    sd_bus_flush_close_unref(service->questions);
    live_catalog_free(service->live);
    lifecycle_free(service->lifecycle);
    sd_event_unref(service->event);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Service, service_clear)

/* Adds the objects and requests the name after the first catalog, because every call needs one. */
static int publish_service(Service *service) {
    int r;

    r = bus_new(
            service->connection, service->questions, service->live, service->vms, &service->bus);
    if (r < 0) {
        g_critical("cannot add the service's objects to the bus: %s", g_strerror(-r));
        return r;
    }

    /* Synchronous, although libsystemd queues messages without a limit meanwhile: the policy of the
     * system bus rejects calls to the service before it has its name. */
    r = sd_bus_request_name(service->connection, BUS_NAME, 0);
    if (r == -EEXIST)
        g_critical("another service has the name " BUS_NAME " on this bus");
    else if (r < 0)
        g_critical("cannot have the name " BUS_NAME " on this bus: %s", g_strerror(-r));
    return r;
}

static void fail(Service *service, int status) {
    service->has_failed = TRUE;
    (void)sd_event_exit(service->event, status);
}

static void on_first_catalog(const GError *error, gpointer userdata) {
    Service *service = userdata;

    if (error && error->domain == G_OPTION_ERROR) {
        (void)fprintf(stderr, "vmfirmwared: %s\n", error->message);
        fail(service, EXIT_USAGE);
        return;
    }
    if (error) {
        g_critical("cannot build the first catalog: %s", error->message);
        fail(service, EXIT_FAILURE);
        return;
    }
    if (publish_service(service) < 0) {
        fail(service, EXIT_FAILURE);
        return;
    }

    if (!confine_has_landlock())
        g_message(
                "Landlock is refused here: qemu-img, and a QEMU that is asked for its machine types, "
                "may open what the service may open without privileges");
    lifecycle_set_ready(service->lifecycle);
}

static void on_vms_opened(gpointer userdata) {
    Service *service = userdata;

    service->watch = vm_watch_new(service->event, service->vms);
}

static void on_vms_loaded(const GError *fault, gpointer userdata) {
    Service *service = userdata;
    int r;

    /* another service uses the directory, and should own the name on the bus as well */
    if (g_error_matches(fault, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED)) {
        fail(service, EXIT_FAILURE);
        return;
    }
    r = live_catalog_reload(service->live, on_first_catalog, service);
    if (r < 0) {
        g_critical("cannot begin to read the descriptors: %s", g_strerror(-r));
        fail(service, EXIT_FAILURE);
    }
}

static int open_bus(const Options *options, sd_event *event, sd_bus **ret) {
    g_autoptr(sd_bus) connection = NULL;
    int r;

    r = options->config.is_user ? sd_bus_open_user(&connection) : sd_bus_open_system(&connection);
    if (r < 0)
        return r;
    r = sd_bus_attach_event(connection, event, SD_EVENT_PRIORITY_NORMAL);
    if (r < 0)
        return r;
    r = sd_bus_set_exit_on_disconnect(connection, TRUE);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&connection);
    return 0;
}

static void raise_fd_limit(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= WANTED_FDS)
        return;
    limit.rlim_cur = MIN(limit.rlim_max, WANTED_FDS);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* A user's own service opens the files of this user alone, even if the user is root. */
static gboolean lower_privilege(const Options *options) {
    int r;

    if (options->config.is_user) {
        privilege_keep_from_programs();
        return TRUE;
    }
    r = privilege_lower();
    if (r < 0)
        g_critical("cannot give up the right to open any file: %s", g_strerror(-r));
    return r >= 0;
}

static int set_up_event_loop(sd_event **ret) {
    g_autoptr(sd_event) event = NULL;
    int r;

    r = sd_event_default(&event);
    if (r < 0)
        return r;
    r = sd_event_set_signal_exit(event, TRUE);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&event);
    return 0;
}

/* Takes ownership of CONFIG. Returns the exit status or a negative errno. */
static int serve(const Options *options, Config *config) {
    g_autoptr(Config) unused_config = config;
    g_auto(Service) service = {};
    int r;

    r = set_up_event_loop(&service.event);
    if (r < 0) {
        g_critical("cannot set up the event loop: %s", g_strerror(-r));
        return r;
    }

    r = open_bus(options, service.event, &service.connection);
    if (r >= 0)
        r = open_bus(options, service.event, &service.questions);
    if (r < 0) {
        g_critical(
                "cannot connect to the %s bus: %s", options->config.is_user ? "session" : "system",
                r == -ENOMEDIUM ? "$DBUS_SESSION_BUS_ADDRESS and $XDG_RUNTIME_DIR are not set"
                                : g_strerror(-r));
        return r;
    }

    r = live_catalog_new(
            service.event, &options->config, g_steal_pointer(&unused_config), &service.live);
    if (r < 0) {
        g_critical("cannot watch files: %s", g_strerror(-r));
        return r;
    }
    r = lifecycle_new(service.event, service.live, &service.lifecycle);
    if (r < 0) {
        g_critical("cannot listen to the service manager: %s", g_strerror(-r));
        return r;
    }
    service.vms = vms_new(service.event, service.live);
    vms_load(service.vms, on_vms_opened, on_vms_loaded, &service);

    r = sd_event_loop(service.event);
    /* the event loop closes the connection when it exits */
    if (r != 0 && !service.has_failed)
        g_critical("the connection to the bus is lost");
    /* a thread that waits for an unresponsive file system ends with the process */
    if (!task_wait_for_all(END_WAIT_USEC))
        _exit(r < 0 ? EXIT_FAILURE : r);
    return r;
}

/* glibc keeps what each thread has needed at most: all worker threads share one arena, and the
 * buffers for whole stores and images return to the system. */
static void limit_memory(void) {
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
}

int main(int argc, char **argv) {
    g_auto(Options) options = {};
    g_autoptr(GError) error = NULL;
    Config *config;
    int status;

    limit_memory();
    log_set_up();
    if (!parse_options(&argc, &argv, &options, &error)) {
        (void)fprintf(stderr, "vmfirmwared: %s\nTry 'vmfirmwared --help'.\n", error->message);
        return EXIT_USAGE;
    }
    if (options.help) {
        (void)fputs(options.help, stdout);
        return EXIT_SUCCESS;
    }
    if (options.show_version) {
        (void)printf("vmfirmwared %s\n", VERSION);
        return EXIT_SUCCESS;
    }

    if (!lower_privilege(&options))
        return EXIT_FAILURE;
    config = config_new(&options.config, &error);
    if (!config) {
        (void)fprintf(stderr, "vmfirmwared: %s\n", error->message);
        return EXIT_USAGE;
    }

    /* a reader that closes a pipe causes an error of write(), not the end of the service */
    (void)signal(SIGPIPE, SIG_IGN);
    raise_fd_limit();
    /* the store alone decides the modes of its files */
    (void)umask(0022);
    status = serve(&options, config);
    return status < 0 ? EXIT_FAILURE : status;
}
