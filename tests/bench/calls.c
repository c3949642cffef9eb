/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * calls ADDRESS ROUNDS OPERATION...: makes calls to the service on the bus at ADDRESS, each of the
 * operations once a round, and prints a line for each: its name, then the 25th, 50th, 75th and 99th
 * percentile of its time in microseconds.
 * calls ADDRESS flood OPERATION...: makes 64 calls at once, all the time, whatever their answers.
 * calls ADDRESS serve: is a bare server, which answers ping-bare.
 *
 * Operations: ping, ping-bare, select, select-qemu, no-match, explain, list, report, prepare=ID,
 * and of another VM each time prepare-new and prepare-big, which has 64 MiB of NVRAM. A client in
 * C, because one in Python takes longer than the service does.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define NAME "org.vmfirmware1"
#define BARE_NAME "org.vmfirmware1.bench"
#define PATH "/org/vmfirmware1"
#define MANAGER "org.vmfirmware1.Manager"
#define MAX_OPERATIONS 16
#define FLOOD_CALLS 64
#define NSEC_PER_SEC 1000000000.0

static double now(void) {
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ((double)ts.tv_sec * NSEC_PER_SEC + (double)ts.tv_nsec) / 1000;
}

static int append_arguments(sd_bus_message *m, const char *operation) {
    static int n_new;
    char id[64];

    snprintf(id, sizeof id, "new-%d-%d", (int)getpid(), n_new++);
    if (strcmp(operation, "prepare-new") == 0)
        return sd_bus_message_append(m, "sssa{sv}", id, "x86_64", "q35", 0);
    if (strcmp(operation, "prepare-big") == 0)
        return sd_bus_message_append(m, "sssa{sv}", id, "aarch64", "virt", 0);
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

    if (strncmp(operation, "ping", strlen("ping")) == 0)
        return sd_bus_message_new_method_call(
                bus, ret, strcmp(operation, "ping-bare") == 0 ? BARE_NAME : NAME, PATH,
                "org.freedesktop.DBus.Peer", "Ping");
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

static int measure(sd_bus *bus, int rounds, char **operations, int n) {
    double *times = calloc((size_t)rounds * (size_t)n, sizeof *times);

    if (!times)
        return 1;
    for (int i = 0; i < rounds; i++)
        for (int o = 0; o < n; o++) {
            double took = call(bus, operations[o]);

            if (took < 0)
                return 1;
            times[(size_t)o * (size_t)rounds + (size_t)i] = took;
        }
    for (int o = 0; o < n; o++) {
        double *own = times + (size_t)o * (size_t)rounds;

        qsort(own, (size_t)rounds, sizeof *own, compare);
        printf("%s %.1f %.1f %.1f %.1f\n", operations[o], own[rounds / 4], own[rounds / 2],
               own[rounds * 3 / 4], own[rounds * 99 / 100]);
    }
    free(times);
    return 0;
}

static int call_again(sd_bus_message *reply, void *operation, sd_bus_error *ret_error) {
    sd_bus *bus = sd_bus_message_get_bus(reply);
    sd_bus_message *m = NULL;
    int r = new_call(bus, operation, &m);

    (void)ret_error;
    if (r >= 0)
        r = sd_bus_call_async(bus, NULL, m, call_again, operation, 0);
    sd_bus_message_unref(m);
    return r;
}

/* Until it is killed. */
static int process(sd_bus *bus) {
    int r;

    do {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
    } while (r >= 0);
    return 1;
}

static int flood(sd_bus *bus, char **operations, int n) {
    for (int i = 0; i < FLOOD_CALLS; i++) {
        sd_bus_message *m = NULL;

        if (new_call(bus, operations[i % n], &m) < 0 ||
            sd_bus_call_async(bus, NULL, m, call_again, operations[i % n], 0) < 0)
            return 1;
        sd_bus_message_unref(m);
    }
    return process(bus);
}

static int serve(sd_bus *bus) {
    return sd_bus_request_name(bus, BARE_NAME, 0) < 0 ? 1 : process(bus);
}

int main(int argc, char **argv) {
    const char *what = argc > 2 ? argv[2] : "";
    int rounds = atoi(what);
    int n = argc - 3;
    sd_bus *bus = NULL;
    int status;

    if (argc < 3 || n > MAX_OPERATIONS || (n == 0) != (strcmp(what, "serve") == 0)) {
        fprintf(stderr, "usage: %s ADDRESS ROUNDS|flood|serve [OPERATION...]\n", argv[0]);
        return 2;
    }
    if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, argv[1]) < 0 ||
        sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0) {
        fprintf(stderr, "%s: no connection to %s\n", argv[0], argv[1]);
        return 1;
    }

    if (strcmp(what, "serve") == 0)
        status = serve(bus);
    else if (strcmp(what, "flood") == 0)
        status = flood(bus, argv + 3, n);
    else
        status = measure(bus, rounds > 0 ? rounds : 1, argv + 3, n);
    sd_bus_flush_close_unref(bus);
    return status;
}
