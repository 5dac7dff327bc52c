/* What __builtin_cpu_init, __builtin_cpu_supports and target_clones on x86 read: symbols of GCC's
 * runtime that in zig's compiler-rt are stubs which know no feature. Only linked where one is used.
 *
 * Feature numbers: what clang 22 tests for each name (`__builtin_cpu_supports("avx2")` tests bit 10),
 * the same as in GCC. CPUID bits: Intel SDM volume 2A and AMD APM volume 3, CPUID. The kind of
 * processor (`__builtin_cpu_is("haswell")`) is always unknown, which such code must expect of any
 * newer machine; the vendor is told.
 */
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

struct model {
	unsigned vendor, type, subtype, features[1];
};

__attribute__((visibility("hidden"))) struct model __cpu_model;
__attribute__((visibility("hidden"))) unsigned __cpu_features2[3];

enum { LEAF_1, LEAF_7, LEAF_7_1, EXTENDED, LEAVES };
enum { EAX, EBX, ECX, EDX };
/* Which registers the operating system must save for the feature. */
enum { ALWAYS, YMM, ZMM };

static const struct {
	unsigned char number, leaf, reg, bit, saved;
} features[] = {
	{0, LEAF_1, EDX, 15, ALWAYS},  /* cmov */
	{1, LEAF_1, EDX, 23, ALWAYS},  /* mmx */
	{2, LEAF_1, ECX, 23, ALWAYS},  /* popcnt */
	{3, LEAF_1, EDX, 25, ALWAYS},  /* sse */
	{4, LEAF_1, EDX, 26, ALWAYS},  /* sse2 */
	{5, LEAF_1, ECX, 0, ALWAYS},   /* sse3 */
	{6, LEAF_1, ECX, 9, ALWAYS},   /* ssse3 */
	{7, LEAF_1, ECX, 19, ALWAYS},  /* sse4.1 */
	{8, LEAF_1, ECX, 20, ALWAYS},  /* sse4.2 */
	{9, LEAF_1, ECX, 28, YMM},     /* avx */
	{10, LEAF_7, EBX, 5, YMM},     /* avx2 */
	{11, EXTENDED, ECX, 6, ALWAYS}, /* sse4a */
	{12, EXTENDED, ECX, 16, YMM},  /* fma4 */
	{13, EXTENDED, ECX, 11, YMM},  /* xop */
	{14, LEAF_1, ECX, 12, YMM},    /* fma */
	{15, LEAF_7, EBX, 16, ZMM},    /* avx512f */
	{16, LEAF_7, EBX, 3, ALWAYS},  /* bmi */
	{17, LEAF_7, EBX, 8, ALWAYS},  /* bmi2 */
	{18, LEAF_1, ECX, 25, ALWAYS}, /* aes */
	{19, LEAF_1, ECX, 1, ALWAYS},  /* pclmul */
	{20, LEAF_7, EBX, 31, ZMM},    /* avx512vl */
	{21, LEAF_7, EBX, 30, ZMM},    /* avx512bw */
	{22, LEAF_7, EBX, 17, ZMM},    /* avx512dq */
	{23, LEAF_7, EBX, 28, ZMM},    /* avx512cd */
	{26, LEAF_7, ECX, 1, ZMM},     /* avx512vbmi */
	{27, LEAF_7, EBX, 21, ZMM},    /* avx512ifma */
	{30, LEAF_7, ECX, 14, ZMM},    /* avx512vpopcntdq */
	{31, LEAF_7, ECX, 6, ZMM},     /* avx512vbmi2 */
	{32, LEAF_7, ECX, 8, ALWAYS},  /* gfni */
	{33, LEAF_7, ECX, 10, YMM},    /* vpclmulqdq */
	{34, LEAF_7, ECX, 11, ZMM},    /* avx512vnni */
	{35, LEAF_7, ECX, 12, ZMM},    /* avx512bitalg */
	{36, LEAF_7_1, EAX, 5, ZMM},   /* avx512bf16 */
	{37, LEAF_7, EDX, 8, ZMM},     /* avx512vp2intersect */
	{40, LEAF_7, EBX, 19, ALWAYS}, /* adx */
	{43, LEAF_7, EBX, 23, ALWAYS}, /* clflushopt */
	{44, LEAF_7, EBX, 24, ALWAYS}, /* clwb */
	{46, LEAF_1, ECX, 13, ALWAYS}, /* cmpxchg16b */
	{49, LEAF_1, ECX, 29, YMM},    /* f16c */
	{50, LEAF_7, EBX, 0, ALWAYS},  /* fsgsbase */
	{51, LEAF_1, EDX, 24, ALWAYS}, /* fxsr */
	{54, EXTENDED, ECX, 0, ALWAYS}, /* sahf */
	{57, EXTENDED, ECX, 5, ALWAYS}, /* lzcnt */
	{58, LEAF_1, ECX, 22, ALWAYS}, /* movbe */
	{66, EXTENDED, ECX, 8, ALWAYS}, /* prfchw */
	{68, LEAF_7, ECX, 22, ALWAYS}, /* rdpid */
	{69, LEAF_1, ECX, 30, ALWAYS}, /* rdrnd */
	{70, LEAF_7, EBX, 18, ALWAYS}, /* rdseed */
	{71, LEAF_7, EBX, 11, ALWAYS}, /* rtm */
	{74, LEAF_7, EBX, 29, ALWAYS}, /* sha */
	{78, LEAF_7, ECX, 9, YMM},     /* vaes */
	{93, LEAF_7_1, EAX, 4, YMM},   /* avxvnni */
	{94, LEAF_7, EDX, 23, ZMM},    /* avx512fp16 */
};

/* The levels of the x86-64 psABI: each needs the one before and these features. */
static const struct {
	unsigned char number, count, needs[8];
} levels[] = {
	{95, 5, {0, 1, 3, 4, 51}},
	{96, 7, {2, 5, 6, 7, 8, 46, 54}},
	{97, 8, {9, 10, 14, 16, 17, 49, 57, 58}},
	{98, 5, {15, 20, 21, 22, 23}},
};

static unsigned *word(unsigned number)
{
	return number < 32 ? &__cpu_model.features[0] : &__cpu_features2[number / 32 - 1];
}

static void set(unsigned number)
{
	*word(number) |= 1u << number % 32;
}

static int has(unsigned number)
{
	return *word(number) >> number % 32 & 1;
}

__attribute__((visibility("hidden"), constructor(101))) int __cpu_indicator_init(void)
{
	unsigned found[LEAVES][4] = {{0}}, first[4] = {0}, saved = ALWAYS;
	if (__cpu_model.vendor)
		return 0;
	if (!__get_cpuid(0, &first[EAX], &first[EBX], &first[ECX], &first[EDX]) || !first[EAX]) {
		__cpu_model.vendor = 3;
		return -1;
	}
	__get_cpuid(1, &found[LEAF_1][EAX], &found[LEAF_1][EBX], &found[LEAF_1][ECX], &found[LEAF_1][EDX]);
	__get_cpuid_count(7, 0, &found[LEAF_7][EAX], &found[LEAF_7][EBX], &found[LEAF_7][ECX], &found[LEAF_7][EDX]);
	if (found[LEAF_7][EAX] >= 1)
		__get_cpuid_count(7, 1, &found[LEAF_7_1][EAX], &found[LEAF_7_1][EBX], &found[LEAF_7_1][ECX],
				  &found[LEAF_7_1][EDX]);
	__get_cpuid(0x80000001, &found[EXTENDED][EAX], &found[EXTENDED][EBX], &found[EXTENDED][ECX],
		    &found[EXTENDED][EDX]);
	if (found[LEAF_1][ECX] >> 27 & 1) {
		unsigned low, high;
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		saved = (low & 0xe6) == 0xe6 ? ZMM : (low & 6) == 6 ? YMM : ALWAYS;
	}
	for (unsigned i = 0; i < sizeof features / sizeof *features; i++)
		if (features[i].saved <= saved && found[features[i].leaf][features[i].reg] >> features[i].bit & 1)
			set(features[i].number);
	for (unsigned i = 0, all = 1; i < sizeof levels / sizeof *levels; i++) {
		for (unsigned j = 0; j < levels[i].count; j++)
			all &= (unsigned)has(levels[i].needs[j]);
		if (all)
			set(levels[i].number);
	}
	/* "GenuineIntel" and "AuthenticAMD" by their first four letters. */
	__cpu_model.vendor = first[EBX] == 0x756e6547 ? 1 : first[EBX] == 0x68747541 ? 2 : 3;
	return 0;
}

#endif
