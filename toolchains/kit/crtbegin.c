/* The begin object of every link: zig has none.
 *
 * __dso_handle tells one loaded object from another (Itanium C++ ABI 3.3.5); a shared object that
 * is unloaded must run its own static destructors then and not at the program's end, when its code
 * is gone. The C library does so when __cxa_finalize is called with the handle.
 */
__attribute__((visibility("hidden"))) void *__dso_handle = &__dso_handle;

extern void __cxa_finalize(void *) __attribute__((weak));

static void run_destructors(void)
{
	if (__cxa_finalize)
		__cxa_finalize(__dso_handle);
}

__attribute__((section(".fini_array"), used)) static void (*const at_unload)(void) = run_destructors;
