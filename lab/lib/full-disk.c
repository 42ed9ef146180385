/* A disk that is full on demand, for a server run with this library preloaded. While the file named by LAB_FULL_DISK exists, nothing may grow whose
   path contains the words in that file: writes behind the end of a file and allocations fail with ENOSPC, as on a full disk; what is there already can be
   written over. Servers look at a full disk again after a minute; here they sleep a sixtieth of what they ask for, so that a test need not wait for them.

   Only system calls, since each server of the lab brings its own libc. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

extern char **environ;

static long call(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}

static long answer(long result)
{
    if (result < 0)
    {
        errno = (int)-result;
        return -1;
    }

    return result;
}

static const char *flag_file(void)
{
    static const char name[] = "LAB_FULL_DISK=";
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++)
    {
        size_t i = 0;
        while (i < sizeof name - 1 && (*variable)[i] == name[i]) i++;
        if (i == sizeof name - 1) return *variable + i;
    }

    return NULL;
}

static int contains(const char *text, size_t length, const char *words, size_t count)
{
    for (size_t at = 0; at + count <= length; at++)
    {
        size_t i = 0;
        while (i < count && text[at + i] == words[i]) i++;
        if (i == count) return 1;
    }

    return 0;
}

/* Whether a file may not become longer than it is. */
static int is_full(int file, long end)
{
    char words[256], path[1024], link[32] = "/proc/self/fd/";
    struct stat now;
    const char *flag = flag_file();
    if (flag == NULL || call(SYS_fstat, file, (long)&now, 0, 0) != 0 || !S_ISREG(now.st_mode) || end <= now.st_size) return 0;
    long opened = call(SYS_openat, AT_FDCWD, (long)flag, O_RDONLY, 0);
    if (opened < 0) return 0;
    long count = call(SYS_read, opened, (long)words, sizeof words, 0);
    call(SYS_close, opened, 0, 0, 0);
    size_t at = 14;
    char digits[12];
    size_t digit = 0;
    for (int rest = file; digit == 0 || rest > 0; rest /= 10) digits[digit++] = (char)('0' + rest % 10);
    while (digit > 0) link[at++] = digits[--digit];
    link[at] = 0;
    long length = call(SYS_readlink, (long)link, (long)path, sizeof path, 0);
    return count >= 0 && length > 0 && contains(path, (size_t)length, words, (size_t)count);
}

static int cannot_write(int file, long offset, size_t count) { return is_full(file, offset + (long)count); }

ssize_t write(int file, const void *from, size_t count)
{
    /* A file opened for appending is written at its end, wherever it stands. */
    int appends = (call(SYS_fcntl, file, F_GETFL, 0, 0) & O_APPEND) != 0;
    long at = call(SYS_lseek, file, 0, appends ? 2 /* SEEK_END */ : 1 /* SEEK_CUR */, 0);
    return at >= 0 && cannot_write(file, at, count) ? answer(-ENOSPC) : answer(call(SYS_write, file, (long)from, (long)count, 0));
}

ssize_t pwrite(int file, const void *from, size_t count, off_t offset)
{
    return cannot_write(file, offset, count) ? answer(-ENOSPC) : answer(call(SYS_pwrite64, file, (long)from, (long)count, offset));
}

ssize_t pwrite64(int file, const void *from, size_t count, off_t offset) { return pwrite(file, from, count, offset); }

int fallocate(int file, int mode, off_t offset, off_t count)
{
    return (int)(mode == 0 && cannot_write(file, offset, (size_t)count) ? answer(-ENOSPC) : answer(call(SYS_fallocate, file, mode, offset, count)));
}

int fallocate64(int file, int mode, off_t offset, off_t count) { return fallocate(file, mode, offset, count); }

/* These return the error instead of leaving it in errno. */
int posix_fallocate(int file, off_t offset, off_t count)
{
    if (cannot_write(file, offset, (size_t)count)) return ENOSPC;
    int error = (int)-call(SYS_fallocate, file, 0, offset, count);
    return error == EOPNOTSUPP ? EINVAL : error;
}

int posix_fallocate64(int file, off_t offset, off_t count) { return posix_fallocate(file, offset, count); }

static int wait_less(long seconds, long nanoseconds)
{
    /* A minute is a second, and so is what else takes longer than one in proportion. */
    long all = seconds > 0 ? (seconds * 1000000000L + nanoseconds) / 60 : nanoseconds;
    struct timespec wait = { all / 1000000000L, all % 1000000000L };
    return (int)answer(call(SYS_nanosleep, (long)&wait, 0, 0, 0));
}

unsigned int sleep(unsigned int seconds)
{
    wait_less(seconds, 0);
    return 0;
}

int nanosleep(const struct timespec *wait, struct timespec *left)
{
    if (left != NULL) left->tv_sec = left->tv_nsec = 0;
    return wait_less(wait->tv_sec, wait->tv_nsec);
}
