/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * calls ADDRESS ROUNDS OPERATION...: makes calls to the service on the bus at ADDRESS, each of the
 * operations once a round, and prints a line for each: its name, then the 25th, 50th, 75th and 99th
 * percentile of its time in microseconds.
 *
 * Operations: ping, select, select-qemu, no-match, explain, list, report, prepare=ID, and
 * prepare-new, of another VM each time. A client in C, because one in Python takes longer than the
 * service does.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define NAME "org.vmfirmware1"
#define PATH "/org/vmfirmware1"
#define MANAGER "org.vmfirmware1.Manager"
#define MAX_OPERATIONS 16
#define NSEC_PER_SEC 1000000000.0

static double now(void) {
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ((double)ts.tv_sec * NSEC_PER_SEC + (double)ts.tv_nsec) / 1000;
}

static int append_arguments(sd_bus_message *m, const char *operation) {
    static int n_new;
    char id[64];

    if (strcmp(operation, "prepare-new") == 0) {
        snprintf(id, sizeof id, "new-%d-%d", (int)getpid(), n_new++);
        return sd_bus_message_append(m, "sssa{sv}", id, "x86_64", "q35", 0);
    }
    if (strncmp(operation, "prepare=", strlen("prepare=")) == 0)
        return sd_bus_message_append(
                m, "sssa{sv}", operation + strlen("prepare="), "x86_64", "q35", 0);
    if (strcmp(operation, "select-qemu") == 0)
        return sd_bus_message_append(
                m, "ssa{sv}", "x86_64", "q35", 2, "render", "as", 1, "qemu", "nvram-filename", "s",
                "/vm/nvram");
    if (strcmp(operation, "no-match") == 0)
        return sd_bus_message_append(
                m, "ssa{sv}", "x86_64", "q35", 1, "features", "as", 1, "no-such-feature");
    return sd_bus_message_append(m, "ssa{sv}", "x86_64", "q35", 0);
}

static const char *method_of(const char *operation) {
    if (strncmp(operation, "prepare", strlen("prepare")) == 0)
        return "PrepareVM";
    if (strcmp(operation, "explain") == 0)
        return "Explain";
    if (strcmp(operation, "list") == 0)
        return "ListVMs";
    if (strcmp(operation, "report") == 0)
        return "ReportVMs";
    return "Select";
}

static int new_call(sd_bus *bus, const char *operation, sd_bus_message **ret) {
    const char *method = method_of(operation);
    int r;

    if (strcmp(operation, "ping") == 0)
        return sd_bus_message_new_method_call(
                bus, ret, NAME, PATH, "org.freedesktop.DBus.Peer", "Ping");
    r = sd_bus_message_new_method_call(bus, ret, NAME, PATH, MANAGER, method);
    if (r < 0)
        return r;
    if (strcmp(method, "ListVMs") == 0 || strcmp(method, "ReportVMs") == 0)
        return sd_bus_message_append(*ret, "a{sv}", 0);
    return append_arguments(*ret, operation);
}

/* Returns the time in microseconds, or a negative errno. */
static double call(sd_bus *bus, const char *operation) {
    sd_bus_message *m = NULL;
    sd_bus_message *reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    double began;
    double took = 0;
    int r = new_call(bus, operation, &m);

    if (r >= 0) {
        began = now();
        r = sd_bus_call(bus, m, 0, &error, &reply);
        took = now() - began;
    }
    if (r < 0 && !(strcmp(operation, "no-match") == 0 && sd_bus_error_is_set(&error))) {
        fprintf(stderr, "%s: %s\n", operation, error.message ? error.message : strerror(-r));
        took = r;
    }
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    sd_bus_message_unref(m);
    return took;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;

    return left < right ? -1 : left > right;
}

int main(int argc, char **argv) {
    int rounds = argc > 3 ? atoi(argv[2]) : 0;
    int n = argc - 3;
    sd_bus *bus = NULL;
    double *times;

    if (rounds < 1 || n > MAX_OPERATIONS) {
        fprintf(stderr, "usage: %s ADDRESS ROUNDS OPERATION...\n", argv[0]);
        return 2;
    }
    if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, argv[1]) < 0 ||
        sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0) {
        fprintf(stderr, "%s: no connection to %s\n", argv[0], argv[1]);
        return 1;
    }

    times = calloc((size_t)rounds * (size_t)n, sizeof *times);
    if (!times)
        return 1;
    for (int i = 0; i < rounds; i++)
        for (int o = 0; o < n; o++) {
            double took = call(bus, argv[3 + o]);

            if (took < 0)
                return 1;
            times[(size_t)o * (size_t)rounds + (size_t)i] = took;
        }
    for (int o = 0; o < n; o++) {
        double *own = times + (size_t)o * (size_t)rounds;

        qsort(own, (size_t)rounds, sizeof *own, compare);
        printf("%s %.1f %.1f %.1f %.1f\n", argv[3 + o], own[rounds / 4], own[rounds / 2],
               own[rounds * 3 / 4], own[rounds * 99 / 100]);
    }
    free(times);
    sd_bus_flush_close_unref(bus);
    return 0;
}
