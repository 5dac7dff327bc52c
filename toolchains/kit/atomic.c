/* Atomic operations on objects of any size, for 32-bit Arm, where zig's compiler-rt leaves them out
 * (it takes every ARMv7 for an ARMv6-M, which has no exclusive loads). Objects of up to 8 bytes never
 * come here: clang does them inline. As with every static libatomic, the locks are a shared object's
 * own: two of them must not share such an object.
 *
 * The interface is GCC's libatomic (the `__atomic` library calls of size_t and pointers).
 */
#if defined(__arm__)
typedef __SIZE_TYPE__ size;

void load(size, const void *, void *, int) __asm__("__atomic_load");
void store(size, void *, const void *, int) __asm__("__atomic_store");
void exchange(size, void *, const void *, void *, int) __asm__("__atomic_exchange");
_Bool compare_exchange(size, void *, void *, const void *, int, int) __asm__("__atomic_compare_exchange");

static unsigned char locks[64];

/* Objects that share a cache line share a lock; which others do, does not matter. */
static unsigned char *lock_of(const void *object)
{
	unsigned char *lock = &locks[((size)object >> 6) % sizeof locks];
	while (__atomic_test_and_set(lock, __ATOMIC_ACQUIRE))
		;
	return lock;
}

static void unlock(unsigned char *lock)
{
	__atomic_clear(lock, __ATOMIC_RELEASE);
}

void load(size count, const void *object, void *result, int order)
{
	(void)order;
	unsigned char *lock = lock_of(object);
	__builtin_memcpy(result, object, count);
	unlock(lock);
}

void store(size count, void *object, const void *value, int order)
{
	(void)order;
	unsigned char *lock = lock_of(object);
	__builtin_memcpy(object, value, count);
	unlock(lock);
}

void exchange(size count, void *object, const void *value, void *result, int order)
{
	(void)order;
	unsigned char *lock = lock_of(object);
	/* Byte by byte, since value and result may be the same object. */
	for (size i = 0; i < count; i++) {
		unsigned char old = ((unsigned char *)object)[i];
		((unsigned char *)object)[i] = ((const unsigned char *)value)[i];
		((unsigned char *)result)[i] = old;
	}
	unlock(lock);
}

_Bool compare_exchange(size count, void *object, void *expected, const void *value, int success, int failure)
{
	(void)success, (void)failure;
	unsigned char *lock = lock_of(object);
	_Bool same = __builtin_memcmp(object, expected, count) == 0;
	if (same)
		__builtin_memcpy(object, value, count);
	else
		__builtin_memcpy(expected, object, count);
	unlock(lock);
	return same;
}

#endif
