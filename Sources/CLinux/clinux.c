#define _GNU_SOURCE
#include "clinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int mp_accept(int listener, struct sockaddr *address, socklen_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
int mp_pipe(int *descriptors) { return pipe2(descriptors, O_CLOEXEC); }
int mp_rename_noreplace(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}
int mp_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }
int mp_tcp_socket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }
int mp_unsent(int descriptor) {
  int count = 0;
  return ioctl(descriptor, SIOCOUTQ, &count) == 0 ? count : -1;
}
void mp_keep_freed(int bytes, int mapped) {
  mallopt(M_TRIM_THRESHOLD, bytes);
  mallopt(M_MMAP_THRESHOLD, mapped);
}
int mp_flush_output(void) {
  int failed = ferror(stdout);
  errno = 0;
  if (fflush(stdout) != 0) failed = 1;
  return failed ? (errno ? errno : EIO) : 0;
}
int mp_sock_stream(void) { return SOCK_STREAM; }
const char *mp_error_text(int code, char *buffer, size_t count) { return strerror_r(code, buffer, count); }
