// Linux calls that the Glibc module of Swift lacks or does not import.
#pragma once
#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <signal.h>

/// accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC; the peer's address is written to `address`.
int mp_accept(int listener, struct sockaddr *_Nonnull address, socklen_t *_Nonnull length);
/// pipe2 with O_CLOEXEC.
int mp_pipe(int *_Nonnull descriptors);
/// renameat2 with RENAME_NOREPLACE: fails with EEXIST instead of replacing.
int mp_rename_noreplace(const char *_Nonnull from, const char *_Nonnull to);
/// open(2) with O_CLOEXEC, which is variadic in C.
int mp_open(const char *_Nonnull path, int flags, mode_t mode);
/// Puts a sign on an open file for other processes to see, or takes it away: a lock on its first octet that is the descriptor's own
/// (F_OFD_SETLK of fcntl(2), which is variadic in C). 0, or -1 with errno.
int mp_sign(int descriptor, int is_there);
/// 1 when another open file has the sign, 0 when none has, -1 with errno.
int mp_is_signed(int descriptor);
/// Has the kernel begin to write a part of a file to its disk, without waiting and without taking note of errors, which the next
/// fdatasync(2) gives (sync_file_range(2)).
void mp_write_behind(int descriptor, off_t from, off_t count);
/// What is on the disk of a file's first `end` octets need not stay in the page cache (posix_fadvise(2)).
void mp_leave_cache(int descriptor, off_t end);
/// The calling thread gets from now on what processor time nobody else wants (SCHED_IDLE of sched(7)). Where the process has not the
/// right to end that again, as who waits for the thread needs it, it gets nearly that: SCHED_BATCH with the nice value 19.
void mp_give_way(void);

/// A TCP socket with SOCK_NONBLOCK | SOCK_CLOEXEC. SOCK_STREAM is an enum whose Swift form depends on who imports it first.
int mp_tcp_socket(int family);
/// A connected pair of stream sockets of this host, non-blocking. 0, or -1 with errno.
int mp_socket_pair(int *_Nonnull descriptors);
/// A datagram socket of this host with SOCK_CLOEXEC.
int mp_datagram_socket(void);
/// send(2) with MSG_NOSIGNAL, whose Swift form depends on who imports it first, too.
long mp_send(int descriptor, const void *_Nullable octets, size_t count);
/// Octets that a TCP socket has not had acknowledged yet (SIOCOUTQ); -1 when the kernel doesn't say.
int mp_unsent(int descriptor);
/// Octets that came and were not read (FIONREAD); -1 when the kernel doesn't say.
int mp_unread(int descriptor);
/// What a connected socket's peer has done: 0 nothing, 1 it sends no more, 2 the connection failed. Nothing is read.
int mp_peer_end(int descriptor);
/// Lets the C library keep up to `bytes` of freed memory instead of giving it back (M_TRIM_THRESHOLD), and take blocks below
/// `mapped` from its heaps instead of mapping each (M_MMAP_THRESHOLD).
void mp_keep_freed(int bytes, int mapped);
/// Opens a new file of a directory that has no name yet and is gone when it is closed without one; -1 with errno where that can't be done.
int mp_open_nameless(const char *_Nonnull directory, mode_t mode);
/// Gives a file of `mp_open_nameless` its name, which no other file must have; -1 with errno when it can't.
int mp_give_name(int file, const char *_Nonnull path);
/// Writes out what stdout holds; gives the error of this write, -1 when an earlier one failed, 0 when all went well.
int mp_flush_output(void);
/// Gives the socket file at `path` to a user, when it is the file of that device and number, and follows no link. -1 with errno
/// when it is not, or can't be given.
int mp_give_socket(const char *_Nonnull path, dev_t device, ino_t number, uid_t user, gid_t group);
/// The same for its permissions.
int mp_permit_socket(const char *_Nonnull path, dev_t device, ino_t number, mode_t mode);
/// Becomes another user, with these supplementary groups and no others, in all threads (setgroups, setresgid, setresuid), and tries to go
/// back. 0 when that is done and there is no way back, 1 when there is one, -1 with errno when it can't be done. Nor does running
/// another program give rights back (PR_SET_NO_NEW_PRIVS).
int mp_become(uid_t user, gid_t group, const gid_t *_Nonnull groups, size_t count);
/// Gives up all capabilities for good, in all sets and for programs that we run, but those in the mask `kept` (1 << CAP_…). Of the
/// calling thread and those that it makes. 0, or -1 with errno.
int mp_limit_capabilities(unsigned kept);
/// From now on no core is written of this process, and others of its user may not look into it. Nor does the Swift runtime hold a process
/// that crashes until it has written down its registers and the memory that they point to. 0, or -1 with errno.
int mp_hide_memory(void);
/// SOCK_STREAM, for getaddrinfo.
int mp_sock_stream(void);
/// strerror_r in its GNU form.
const char *_Nonnull mp_error_text(int code, char *_Nonnull buffer, size_t count);
