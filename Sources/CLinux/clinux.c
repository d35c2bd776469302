#define _GNU_SOURCE
#include "clinux.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int mp_accept(int listener, struct sockaddr *address, socklen_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
int mp_pipe(int *descriptors) { return pipe2(descriptors, O_CLOEXEC); }
int mp_rename_noreplace(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}
int mp_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }
int mp_sign(int descriptor, int is_there) {
  struct flock sign = {.l_type = is_there ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
  return fcntl(descriptor, F_OFD_SETLK, &sign);
}
int mp_is_signed(int descriptor) {
  struct flock sign = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
  if (fcntl(descriptor, F_OFD_GETLK, &sign) != 0) return -1;
  return sign.l_type != F_UNLCK;
}
void mp_write_behind(int descriptor, off_t from, off_t count) { sync_file_range(descriptor, from, count, SYNC_FILE_RANGE_WRITE); }
void mp_leave_cache(int descriptor, off_t end) { posix_fadvise(descriptor, 0, end, POSIX_FADV_DONTNEED); }
void mp_give_way(void) {
  const struct sched_param none = {0};
  struct rlimit nice = {0, 0};
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
  int may = syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1u << CAP_SYS_NICE)) != 0;
  // 20 is the limit that a nice value of 0 takes (getrlimit(2)).
  if (may || (getrlimit(RLIMIT_NICE, &nice) == 0 && nice.rlim_cur >= 20)) {
    sched_setscheduler(0, SCHED_IDLE, &none);
    return;
  }
  sched_setscheduler(0, SCHED_BATCH, &none);
  setpriority(PRIO_PROCESS, 0, 19);
}
int mp_tcp_socket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }
int mp_socket_pair(int *descriptors) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, descriptors); }
int mp_datagram_socket(void) { return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); }
long mp_send(int descriptor, const void *octets, size_t count) { return send(descriptor, octets, count, MSG_NOSIGNAL); }
int mp_unsent(int descriptor) {
  int count = 0;
  return ioctl(descriptor, SIOCOUTQ, &count) == 0 ? count : -1;
}
int mp_unread(int descriptor) {
  int count = 0;
  return ioctl(descriptor, FIONREAD, &count) == 0 ? count : -1;
}
int mp_peer_end(int descriptor) {
  struct pollfd wanted = {.fd = descriptor, .events = POLLRDHUP};
  if (poll(&wanted, 1, 0) <= 0) return 0;
  if (wanted.revents & POLLERR) return 2;
  // POLLHUP alone: both sides have ended in order, ours first perhaps, and what the peer said before may be unread.
  return wanted.revents & (POLLRDHUP | POLLHUP) ? 1 : 0;
}
void mp_keep_freed(int bytes, int mapped) {
  mallopt(M_TRIM_THRESHOLD, bytes);
  mallopt(M_MMAP_THRESHOLD, mapped);
}
int mp_open_nameless(const char *directory, mode_t mode) {
  char name[64];
  int file = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
  if (file < 0) return -1;
  // Where there is no /proc it could never be given a name.
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  if (access(name, F_OK) == 0) return file;
  close(file);
  errno = EOPNOTSUPP;
  return -1;
}
int mp_give_name(int file, const char *path) {
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  return linkat(AT_FDCWD, name, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}
int mp_flush_output(void) {
  int failed = ferror(stdout);
  errno = 0;
  if (fflush(stdout) != 0) failed = 1;
  return failed ? (errno ? errno : -1) : 0;
}
// The file itself, opened without following a link and without opening the socket, when it is still that one.
static int own_socket(const char *path, dev_t device, ino_t number) {
  struct stat found;
  int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return -1;
  if (fstat(file, &found) == 0) {
    if (S_ISSOCK(found.st_mode) && found.st_dev == device && found.st_ino == number) return file;
    errno = ESTALE;
  }
  int code = errno;
  close(file);
  errno = code;
  return -1;
}
static int closed(int file, int result) {
  int code = errno;
  close(file);
  errno = code;
  return result;
}
int mp_give_socket(const char *path, dev_t device, ino_t number, uid_t user, gid_t group) {
  int file = own_socket(path, device, number);
  return file < 0 ? -1 : closed(file, fchownat(file, "", user, group, AT_EMPTY_PATH));
}
int mp_permit_socket(const char *path, dev_t device, ino_t number, mode_t mode) {
  // chmod(2) through the descriptor's name: fchmod(2) refuses those that were opened with O_PATH.
  char name[64];
  int file = own_socket(path, device, number);
  if (file < 0) return -1;
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  return closed(file, chmod(name, mode));
}
int mp_become(uid_t user, gid_t group, const gid_t *groups, size_t count) {
  uid_t real_user, effective_user, saved_user;
  gid_t real_group, effective_group, saved_group;
  if (setgroups(count, groups) != 0 || setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0) return -1;
  if (getresuid(&real_user, &effective_user, &saved_user) != 0 || getresgid(&real_group, &effective_group, &saved_group) != 0)
    return -1;
  if (real_user != user || effective_user != user || saved_user != user) return 1;
  if (real_group != group || effective_group != group || saved_group != group) return 1;
  // Root's identity, or its capability, would let these pass.
  if (setuid(0) == 0 || seteuid(0) == 0) return 1;
  if (group != 0 && (setgid(0) == 0 || setegid(0) == 0)) return 1;
  // Nor does a program that we run give anything back.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return 0;
}
int mp_limit_capabilities(unsigned kept) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) return -1;
  if (syscall(SYS_capget, &header, data) != 0) return -1;
  data[0].effective &= kept;
  data[0].permitted &= kept;
  data[0].inheritable = 0;
  data[1].effective = data[1].permitted = data[1].inheritable = 0;
  if (syscall(SYS_capset, &header, data) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
int mp_hide_memory(void) {
  struct rlimit none = {0, 0};
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  // Whoever wants Swift's report of a crash asks for it.
  static const int crashes[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGQUIT};
  if (getenv("SWIFT_BACKTRACE") == NULL)
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) signal(crashes[i], SIG_DFL);
#endif
  return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -1;
}
int mp_sock_stream(void) { return SOCK_STREAM; }
const char *mp_error_text(int code, char *buffer, size_t count) { return strerror_r(code, buffer, count); }
