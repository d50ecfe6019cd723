// SPDX-License-Identifier: Apache-2.0
// Stands between a program and its files: makes calls fail, and records the changes.
// For LD_PRELOAD. Only files below one directory are touched.
//
//     LODESTONE_SHIM_DIRECTORY   that directory, absolute
//     LODESTONE_SHIM_FAIL        CALL:N:ERROR:MODE, e.g. pwrite:3:EIO:once; CALL is a name of
//                                call_names, ERROR an errno or SHORT, MODE once or sticky
//     LODESTONE_SHIM_STATE       a file that counts the calls, see struct state
//     LODESTONE_SHIM_TRACE       a file that gets a record of every change, see struct record
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call { OPEN, READ, WRITE, SYNC, TRUNCATE, RENAME, MKDIR, UNLINK, MMAP, CALLS };
static const char *const call_names[CALLS] = {"open",   "read",  "write",  "sync", "truncate",
                                              "rename", "mkdir", "unlink", "mmap"};

// The counts for the harness: how often each call was made, and which call was made to fail.
struct state {
    uint64_t counts[CALLS];
    uint64_t failures;
    uint64_t strangers;  // opens of the database's files by others than SQLite
    char failed_path[512];
};

// The head of one trace record; path, second path and data follow.
struct record {
    uint32_t magic, call;
    uint32_t path_length, target_length;
    uint64_t offset, length;
};
#define MAGIC 0x4c4f4445u
#define CREATE 100u

static struct {
    int armed, sticky, error, is_short;
    enum call call;
    uint64_t turn;
} fault;
static const char *directory;
static size_t directory_length;
static struct state private_state, *state = &private_state;
static int trace = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
#define FILES 65536
static char *paths[FILES];

#define REAL(name, ...) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int errno_of(const char *name) {
    static const struct { const char *name; int value; } table[] = {
        {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EINTR", EINTR}, {"EMFILE", EMFILE}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, name)) return table[i].value;
    return EIO;
}

__attribute__((constructor)) static void start(void) {
    directory = getenv("LODESTONE_SHIM_DIRECTORY");
    if (!directory) return;
    directory_length = strlen(directory);
    const char *file = getenv("LODESTONE_SHIM_STATE");
    if (file) {
        int flags = O_RDWR | O_CREAT | O_CLOEXEC;
        int descriptor = (int)syscall(SYS_openat, AT_FDCWD, file, flags, 0600);
        if (descriptor >= 0 && syscall(SYS_ftruncate, descriptor, sizeof *state) == 0) {
            int access = PROT_READ | PROT_WRITE;
            void *mapping = mmap(NULL, sizeof *state, access, MAP_SHARED, descriptor, 0);
            if (mapping != MAP_FAILED) state = mapping;
        }
    }
    file = getenv("LODESTONE_SHIM_TRACE");
    if (file)
        trace = (int)syscall(
            SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const char *text = getenv("LODESTONE_SHIM_FAIL");
    char call[16], error[16], mode[16];
    unsigned long turn;
    if (text && sscanf(text, "%15[^:]:%lu:%15[^:]:%15s", call, &turn, error, mode) == 4) {
        for (int i = 0; i < CALLS; i++)
            if (!strcmp(call_names[i], call)) {
                fault.call = (enum call)i;
                fault.armed = 1;
            }
        fault.turn = turn;
        fault.is_short = !strcmp(error, "SHORT");
        fault.error = errno_of(error);
        fault.sticky = !strcmp(mode, "sticky");
    }
}

static int is_ours(const char *path) {
    return directory && path && !strncmp(path, directory, directory_length) &&
        (path[directory_length] == '/' || !path[directory_length]);
}

// The path of an open file below the directory; NULL for other files.
static const char *path_of(int descriptor) {
    return descriptor >= 0 && descriptor < FILES ? paths[descriptor] : NULL;
}

// Counts a call, and returns whether it should fail.
static int fails(enum call call, const char *path) {
    uint64_t turn = __atomic_add_fetch(&state->counts[call], 1, __ATOMIC_RELAXED);
    if (!fault.armed || fault.call != call) return 0;
    if (fault.sticky ? turn < fault.turn : turn != fault.turn) return 0;
    if (__atomic_add_fetch(&state->failures, 1, __ATOMIC_RELAXED) == 1)
        snprintf(state->failed_path, sizeof state->failed_path, "%s", path);
    errno = fault.error;
    return 1;
}

static void put(const void *bytes, size_t count) {
    const char *at = bytes;
    while (count > 0) {
        long done = syscall(SYS_write, trace, at, count);
        if (done <= 0) abort();
        at += done;
        count -= (size_t)done;
    }
}

// Adds a record to the trace, in one piece because the harness adds its own records.
static void note(
    uint32_t call, const char *path, const char *target, uint64_t offset, uint64_t length,
    const void *data) {
    if (trace < 0) return;
    int saved = errno;
    size_t data_length = data ? length : 0;
    struct record record = {
        MAGIC, call, (uint32_t)strlen(path), target ? (uint32_t)strlen(target) : 0, offset, length};
    size_t size = sizeof record + record.path_length + record.target_length + data_length;
    char *buffer = malloc(size), *end = buffer;
    if (!buffer) abort();
    end = mempcpy(end, &record, sizeof record);
    end = mempcpy(end, path, record.path_length);
    if (target) end = mempcpy(end, target, record.target_length);
    if (data) memcpy(end, data, data_length);
    put(buffer, size);
    free(buffer);
    errno = saved;
}

static void remember(int descriptor, const char *path) {
    if (descriptor < 0 || descriptor >= FILES) return;
    free(paths[descriptor]);
    paths[descriptor] = path ? strdup(path) : NULL;
}

// Only SQLite may open the database's files: closing them drops SQLite's locks.
static void look_at_opener(const char *path, void *caller) {
    const char *name = strrchr(path, '/');
    if (!name || !strstr(name, ".db")) return;
    Dl_info module;
    if (dladdr(caller, &module) && module.dli_fname && !strstr(module.dli_fname, "sqlite"))
        __atomic_add_fetch(&state->strangers, 1, __ATOMIC_RELAXED);
}

static int open_file(const char *path, int flags, mode_t mode, void *caller) {
    if (!is_ours(path)) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    look_at_opener(path, caller);
    if (fails(OPEN, path)) return -1;
    pthread_mutex_lock(&mutex);
    struct stat status;
    int is_new = (flags & O_CREAT) && stat(path, &status) != 0;
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (descriptor >= 0) {
        remember(descriptor, path);
        if (is_new) note(CREATE, path, NULL, 0, 0, NULL);
        else if (flags & O_TRUNC) note(TRUNCATE, path, NULL, 0, 0, NULL);
    }
    pthread_mutex_unlock(&mutex);
    return descriptor;
}

static mode_t mode_of(int flags, va_list list) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}
#define OPENER(name) \
    int name(const char *path, int flags, ...) { \
        va_list list; \
        va_start(list, flags); \
        mode_t mode = mode_of(flags, list); \
        va_end(list); \
        return open_file(path, flags, mode, __builtin_return_address(0)); \
    }
OPENER(open)
OPENER(open64)

#define OPENER_AT(name) \
    int name(int at, const char *path, int flags, ...) { \
        va_list list; \
        va_start(list, flags); \
        mode_t mode = mode_of(flags, list); \
        va_end(list); \
        if (at == AT_FDCWD || path[0] == '/') \
            return open_file(path, flags, mode, __builtin_return_address(0)); \
        const char *parent = path_of(at); \
        if (!parent) return (int)syscall(SYS_openat, at, path, flags, mode); \
        char full[4096]; \
        snprintf(full, sizeof full, "%s/%s", parent, path); \
        return open_file(full, flags, mode, __builtin_return_address(0)); \
    }
OPENER_AT(openat)
OPENER_AT(openat64)

int close(int descriptor) {
    REAL(close);
    pthread_mutex_lock(&mutex);
    if (path_of(descriptor)) remember(descriptor, NULL);
    pthread_mutex_unlock(&mutex);
    return real(descriptor);
}

static ssize_t write_at(int descriptor, const void *data, size_t count, off_t offset) {
    const char *path = path_of(descriptor);
    if (fails(WRITE, path)) {
        if (!fault.is_short || count < 2) return -1;
        count /= 2;
    }
    pthread_mutex_lock(&mutex);
    if (offset < 0) offset = lseek(descriptor, 0, SEEK_CUR);
    ssize_t done = syscall(SYS_pwrite64, descriptor, data, count, offset);
    if (done > 0) note(WRITE, path, NULL, (uint64_t)offset, (uint64_t)done, data);
    pthread_mutex_unlock(&mutex);
    return done;
}

ssize_t write(int descriptor, const void *data, size_t count) {
    if (!path_of(descriptor)) return syscall(SYS_write, descriptor, data, count);
    ssize_t done = write_at(descriptor, data, count, -1);
    if (done > 0) lseek(descriptor, done, SEEK_CUR);
    return done;
}

#define WRITER(name, type) \
    ssize_t name(int descriptor, const void *data, size_t count, type offset) { \
        if (!path_of(descriptor)) return syscall(SYS_pwrite64, descriptor, data, count, offset); \
        return write_at(descriptor, data, count, offset); \
    }
WRITER(pwrite, off_t)
WRITER(pwrite64, off64_t)

ssize_t read(int descriptor, void *data, size_t count) {
    const char *path = path_of(descriptor);
    if (path && fails(READ, path)) return -1;
    return syscall(SYS_read, descriptor, data, count);
}

#define READER(name, type) \
    ssize_t name(int descriptor, void *data, size_t count, type offset) { \
        const char *path = path_of(descriptor); \
        if (path && fails(READ, path)) return -1; \
        return syscall(SYS_pread64, descriptor, data, count, offset); \
    }
READER(pread, off_t)
READER(pread64, off64_t)

#define SYNCER(name) \
    int name(int descriptor) { \
        const char *path = path_of(descriptor); \
        if (!path) return (int)syscall(SYS_##name, descriptor); \
        if (fails(SYNC, path)) return -1; \
        pthread_mutex_lock(&mutex); \
        int result = (int)syscall(SYS_##name, descriptor); \
        if (result == 0) note(SYNC, path, NULL, 0, 0, NULL); \
        pthread_mutex_unlock(&mutex); \
        return result; \
    }
SYNCER(fsync)
SYNCER(fdatasync)

#define CUTTER(name, type) \
    int name(int descriptor, type length) { \
        const char *path = path_of(descriptor); \
        if (!path) return (int)syscall(SYS_ftruncate, descriptor, length); \
        if (fails(TRUNCATE, path)) return -1; \
        pthread_mutex_lock(&mutex); \
        int result = (int)syscall(SYS_ftruncate, descriptor, length); \
        if (result == 0) note(TRUNCATE, path, NULL, 0, (uint64_t)length, NULL); \
        pthread_mutex_unlock(&mutex); \
        return result; \
    }
CUTTER(ftruncate, off_t)
CUTTER(ftruncate64, off64_t)

// fallocate only extends a file with zeros, so the trace has a truncate to the new length.
#define FILLER(name, type) \
    int name(int descriptor, type offset, type length) { \
        const char *path = path_of(descriptor); \
        if (path && fails(WRITE, path)) return fault.is_short ? EIO : fault.error; \
        pthread_mutex_lock(&mutex); \
        struct stat status; \
        long result = syscall(SYS_fallocate, descriptor, 0, offset, length); \
        if (result == 0 && path && fstat(descriptor, &status) == 0) \
            note(TRUNCATE, path, NULL, 0, (uint64_t)status.st_size, NULL); \
        pthread_mutex_unlock(&mutex); \
        return result == 0 ? 0 : errno; \
    }
FILLER(posix_fallocate, off_t)
FILLER(posix_fallocate64, off64_t)

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    if (!is_ours(new)) return (int)syscall(SYS_renameat2, from, old, to, new, flags);
    if (fails(RENAME, new)) return -1;
    pthread_mutex_lock(&mutex);
    int result = (int)syscall(SYS_renameat2, from, old, to, new, flags);
    if (result == 0) {
        note(RENAME, old, new, 0, 0, NULL);
        for (int i = 0; i < FILES; i++)
            if (paths[i] && !strcmp(paths[i], old)) remember(i, new);
    }
    pthread_mutex_unlock(&mutex);
    return result;
}
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int from, const char *old, int to, const char *new) {
    return renameat2(from, old, to, new, 0);
}

int mkdirat(int at, const char *path, mode_t mode) {
    if (!is_ours(path)) return (int)syscall(SYS_mkdirat, at, path, mode);
    if (fails(MKDIR, path)) return -1;
    pthread_mutex_lock(&mutex);
    int result = (int)syscall(SYS_mkdirat, at, path, mode);
    if (result == 0) note(MKDIR, path, NULL, 0, 0, NULL);
    pthread_mutex_unlock(&mutex);
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int unlinkat(int at, const char *path, int flags) {
    if (!is_ours(path)) return (int)syscall(SYS_unlinkat, at, path, flags);
    if (fails(UNLINK, path)) return -1;
    pthread_mutex_lock(&mutex);
    int result = (int)syscall(SYS_unlinkat, at, path, flags);
    if (result == 0) note(UNLINK, path, NULL, 0, 0, NULL);
    pthread_mutex_unlock(&mutex);
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

#define MAPPER(name, type) \
    void *name(void *at, size_t length, int protection, int flags, int descriptor, type offset) { \
        const char *path = flags & MAP_ANONYMOUS ? NULL : path_of(descriptor); \
        if (path && fails(MMAP, path)) return MAP_FAILED; \
        return (void *)syscall(SYS_mmap, at, length, protection, flags, descriptor, offset); \
    }
MAPPER(mmap, off_t)
MAPPER(mmap64, off64_t)
