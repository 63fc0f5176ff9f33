/* The clock of a process, moved by as many seconds as the file WEIR_CLOCK says (a number and spaces, 20 bytes), which may change while it runs.
 * Loaded into redis-server by LD_PRELOAD: Redis takes the time by gettimeofday, and its library by the others. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *moved; /* 20 bytes */

__attribute__((constructor)) static void begin(void) {
	const char *name = getenv("WEIR_CLOCK");
	int f = name ? open(name, O_RDONLY) : -1;
	void *at = f < 0 ? MAP_FAILED : mmap(NULL, 20, PROT_READ, MAP_SHARED, f, 0);
	if (at == MAP_FAILED)
		abort(); /* a clock that cannot be moved proves nothing */
	moved = at;
}

int clock_gettime(clockid_t id, struct timespec *t) {
	int err = syscall(SYS_clock_gettime, id, t);
	if (err == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += atol(moved);
	return err;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
	struct timespec now;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *out) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
