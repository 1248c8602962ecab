/* An LD_PRELOAD library for linux.uml 6.1 on a processor with AMX: that kernel sets the extended registers of
 * its processes with a buffer of the size it knows, and a host that has more of them answers EFAULT. Here the
 * rest is taken from the process itself. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

long ptrace(enum __ptrace_request request, ...) {
    va_list rest;
    va_start(rest, request);
    const pid_t process = va_arg(rest, pid_t);
    void* const address = va_arg(rest, void*);
    void* const data = va_arg(rest, void*);
    va_end(rest);
    if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
        static __thread char whole[16384] __attribute__((aligned(64)));
        struct iovec all = {whole, sizeof whole};
        const struct iovec* known = data;
        if (syscall(SYS_ptrace, PTRACE_GETREGSET, process, address, &all) < 0) return -1;
        if (all.iov_len > known->iov_len) {
            memcpy(whole, known->iov_base, known->iov_len);
            return syscall(SYS_ptrace, request, process, address, &all);
        }
    }
    static long (*next)(int, ...);
    if (next == NULL) next = (long (*)(int, ...))dlsym(RTLD_NEXT, "ptrace");
    return next((int)request, process, address, data);
}
