/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * same-files TEMPLATE DIRECTORY ROUNDS: does what the first PrepareVM of a VM has to do with files,
 * and nothing else: copies a template and writes a record in a new directory, syncs both, the
 * directory and its parent, and publishes all by one rename. Prints the 25th, 50th, 75th and 99th
 * percentile of the time of a round in microseconds.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Bytes of a record that PrepareVM writes. */
#define RECORD_SIZE 3000
#define CHUNK_SIZE (256 * 1024)
#define NSEC_PER_SEC 1000000000.0

static double now(void) {
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ((double)ts.tv_sec * NSEC_PER_SEC + (double)ts.tv_nsec) / 1000;
}

static void require(int is_done, const char *what) {
    if (is_done)
        return;
    perror(what);
    exit(1);
}

static void write_file(int dir, const char *name, const char *data, size_t size) {
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    require(fd >= 0 && write(fd, data, size) == (ssize_t)size, name);
    require(fchown(fd, getuid(), getgid()) == 0 && fsync(fd) == 0 && close(fd) == 0, name);
}

static void copy_file(int source, int dir, const char *name) {
    static char chunk[CHUNK_SIZE];
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    off_t offset = 0;
    ssize_t n;

    require(fd >= 0, name);
    while ((n = pread(source, chunk, sizeof chunk, offset)) > 0) {
        require(write(fd, chunk, (size_t)n) == n, name);
        offset += n;
    }
    require(fchown(fd, getuid(), getgid()) == 0 && fsync(fd) == 0 && close(fd) == 0, name);
}

static double make(const char *template, int parent, int number) {
    static const char record[RECORD_SIZE];
    double began = now();
    char name[32];
    int source = open(template, O_RDONLY | O_CLOEXEC);
    int dir;

    snprintf(name, sizeof name, "vm%d", number);
    require(source >= 0, template);
    require(mkdirat(parent, ".new", 0700) == 0, ".new");
    dir = openat(parent, ".new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(dir >= 0, ".new");
    copy_file(source, dir, "nvram.raw");
    write_file(dir, "pin.json", record, sizeof record);
    write_file(dir, "lock", record, 0);
    require(fsync(dir) == 0 && close(dir) == 0 && close(source) == 0, ".new");
    require(renameat(parent, ".new", parent, name) == 0 && fsync(parent) == 0, name);
    return now() - began;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;

    return left < right ? -1 : left > right;
}

int main(int argc, char **argv) {
    int rounds = argc == 4 ? atoi(argv[3]) : 0;
    double *times;
    int parent;

    if (rounds < 1) {
        fprintf(stderr, "usage: %s TEMPLATE DIRECTORY ROUNDS\n", argv[0]);
        return 2;
    }
    parent = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(parent >= 0, argv[2]);
    times = calloc((size_t)rounds, sizeof *times);
    require(times != NULL, "calloc");
    for (int i = 0; i < rounds; i++)
        times[i] = make(argv[1], parent, i);
    qsort(times, (size_t)rounds, sizeof *times, compare);
    printf("same-files %.1f %.1f %.1f %.1f\n", times[rounds / 4], times[rounds / 2],
           times[rounds * 3 / 4], times[rounds * 99 / 100]);
    free(times);
    return 0;
}
