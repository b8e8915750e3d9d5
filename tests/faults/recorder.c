// Records what a program does to the files below a folder: for power_cut.py, with LD_PRELOAD.
//
// RECORDER_ROOT names the folder, RECORDER_LOG the file that gets a line for each operation, in their order:
//   C path           a file was created        M path        a folder was made
//   W path offset hex   bytes were written     T path size   a file was cut or extended
//   S path           a file or folder was synced
//   R path path      a file was renamed        U path        a file was removed
// Paths are relative to the folder that holds RECORDER_ROOT, so that the folder itself can be an entry.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

// Whether the path is the folder or below it; `rest` is what is recorded.
static int is_recorded(const char* path, char* rest) {
  const char* root = getenv("RECORDER_ROOT");
  char whole[PATH_MAX];
  if (!root || !path) return 0;
  if (path[0] == '/') {
    snprintf(whole, sizeof whole, "%s", path);
  } else {
    char here[PATH_MAX / 2];
    if (!getcwd(here, sizeof here)) return 0;
    snprintf(whole, sizeof whole, "%s/%s", here, path);
  }
  size_t n = strlen(whole);
  while (n > 1 && whole[n - 1] == '/') whole[--n] = 0;
  const char* name = strrchr(root, '/') + 1;
  const size_t n_parent = (size_t)(name - root);
  if (strncmp(whole, root, n_parent - 1) != 0) return 0;
  if (whole[n_parent - 1] == 0) return strcpy(rest, "."), 1;  // the folder that holds it
  if (strncmp(whole, root, strlen(root)) != 0) return 0;
  const char next = whole[strlen(root)];
  if (next != 0 && next != '/') return 0;
  return strcpy(rest, whole + n_parent), 1;
}

static int is_recorded_fd(int fd, char* rest) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return 0;
  path[n] = 0;
  return is_recorded(path, rest);
}

static void note(const char* text, const unsigned char* data, size_t n_data) {
  const char* log = getenv("RECORDER_LOG");
  char* line = malloc(strlen(text) + 2 * n_data + 3);
  char* end = line + sprintf(line, "%s", text);
  if (data) *end++ = ' ';
  for (size_t i = 0; i < n_data; ++i) end += sprintf(end, "%02x", data[i]);
  *end++ = '\n';
  const int fd = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || REAL(write)(fd, line, (size_t)(end - line)) != end - line) abort();
  close(fd);
  free(line);
}

static void note1(char op, const char* path) {
  char text[PATH_MAX + 8];
  snprintf(text, sizeof text, "%c %s", op, path);
  note(text, NULL, 0);
}

static void note_write(const char* path, off_t offset, const void* data, ssize_t n) {
  char text[PATH_MAX + 64];
  snprintf(text, sizeof text, "W %s %lld", path, (long long)offset);
  note(text, data, (size_t)n);
}

static int opened(int (*open_it)(const char*, int, ...), const char* path, int flags, mode_t mode) {
  char rest[PATH_MAX];
  if (!(flags & (O_CREAT | O_TRUNC)) || !is_recorded(path, rest)) return open_it(path, flags, mode);
  pthread_mutex_lock(&mutex);
  const int was_there = access(path, F_OK) == 0;
  const int fd = open_it(path, flags, mode);
  const int error = errno;
  char text[PATH_MAX + 8];
  if (fd >= 0 && !was_there) note1('C', rest);
  if (fd >= 0 && was_there && (flags & O_TRUNC)) {
    snprintf(text, sizeof text, "T %s 0", rest);
    note(text, NULL, 0);
  }
  pthread_mutex_unlock(&mutex);
  errno = error;
  return fd;
}

#define OPEN(name)                                   \
  int name(const char* path, int flags, ...) {       \
    va_list more;                                    \
    va_start(more, flags);                           \
    const mode_t mode = va_arg(more, mode_t);        \
    va_end(more);                                    \
    return opened(REAL(name), path, flags, mode);    \
  }
OPEN(open)
OPEN(open64)

static ssize_t written(int fd, off_t offset, const void* data, ssize_t n, const char* path) {
  if (n > 0) note_write(path, offset, data, n);
  (void)fd;
  return n;
}

// Where a write that names no offset begins.
static off_t place(int fd) {
  struct stat status;
  if (fcntl(fd, F_GETFL) & O_APPEND) return fstat(fd, &status) == 0 ? status.st_size : -1;
  return lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void* data, size_t n) {
  char rest[PATH_MAX];
  if (!is_recorded_fd(fd, rest)) return REAL(write)(fd, data, n);
  pthread_mutex_lock(&mutex);
  const off_t offset = place(fd);
  const ssize_t done = written(fd, offset, data, REAL(write)(fd, data, n), rest);
  pthread_mutex_unlock(&mutex);
  return done;
}

ssize_t pwrite64(int fd, const void* data, size_t n, off_t offset) {
  char rest[PATH_MAX];
  if (!is_recorded_fd(fd, rest)) return REAL(pwrite64)(fd, data, n, offset);
  pthread_mutex_lock(&mutex);
  const ssize_t done = written(fd, offset, data, REAL(pwrite64)(fd, data, n, offset), rest);
  pthread_mutex_unlock(&mutex);
  return done;
}
ssize_t pwrite(int fd, const void* data, size_t n, off_t offset) { return pwrite64(fd, data, n, offset); }

ssize_t writev(int fd, const struct iovec* parts, int n_parts) {
  ssize_t total = 0;
  for (int i = 0; i < n_parts; ++i) {
    const ssize_t n = write(fd, parts[i].iov_base, parts[i].iov_len);
    if (n < 0) return total > 0 ? total : n;
    total += n;
  }
  return total;
}

#define TRUNCATE(name)                                                        \
  int name(int fd, off_t size) {                                              \
    char rest[PATH_MAX], text[PATH_MAX + 64];                                 \
    if (!is_recorded_fd(fd, rest)) return REAL(name)(fd, size);               \
    pthread_mutex_lock(&mutex);                                               \
    const int status = REAL(name)(fd, size);                                  \
    snprintf(text, sizeof text, "T %s %lld", rest, (long long)size);          \
    if (status == 0) note(text, NULL, 0);                                     \
    pthread_mutex_unlock(&mutex);                                             \
    return status;                                                            \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(name)                                       \
  int name(int fd) {                                     \
    char rest[PATH_MAX];                                 \
    if (!is_recorded_fd(fd, rest)) return REAL(name)(fd); \
    pthread_mutex_lock(&mutex);                          \
    const int status = REAL(name)(fd);                   \
    if (status == 0) note1('S', rest);                   \
    pthread_mutex_unlock(&mutex);                        \
    return status;                                       \
  }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char* from, const char* to) {
  char rest[PATH_MAX], rest_to[PATH_MAX], text[2 * PATH_MAX + 8];
  if (!is_recorded(from, rest) || !is_recorded(to, rest_to)) return REAL(rename)(from, to);
  pthread_mutex_lock(&mutex);
  const int status = REAL(rename)(from, to);
  snprintf(text, sizeof text, "R %s %s", rest, rest_to);
  if (status == 0) note(text, NULL, 0);
  pthread_mutex_unlock(&mutex);
  return status;
}

#define REMOVE(name)                                          \
  int name(const char* path) {                                \
    char rest[PATH_MAX];                                      \
    if (!is_recorded(path, rest)) return REAL(name)(path);    \
    pthread_mutex_lock(&mutex);                               \
    const int status = REAL(name)(path);                      \
    const int error = errno;                                  \
    if (status == 0) note1('U', rest);                        \
    pthread_mutex_unlock(&mutex);                             \
    errno = error;                                            \
    return status;                                            \
  }
REMOVE(unlink)
REMOVE(remove)

int mkdir(const char* path, mode_t mode) {
  char rest[PATH_MAX];
  if (!is_recorded(path, rest)) return REAL(mkdir)(path, mode);
  pthread_mutex_lock(&mutex);
  const int status = REAL(mkdir)(path, mode);
  const int error = errno;
  if (status == 0) note1('M', rest);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return status;
}
