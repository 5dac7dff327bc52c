/* Arithmetic on the ppc64le `long double`, a sum of two doubles (IBM extended, ELFv2 ABI 2.1.2.2):
 * calls that clang makes, that GCC's runtime has and zig's compiler-rt has not. The first double is
 * the value rounded to double; the second is what that left out.
 *
 * Sums and products are error-free transformations after Knuth and Dekker, with the machine's fused
 * multiply-add; results are good to about 2^-104 of the value, as the format allows.
 */
#if defined(__powerpc64__) && __LDBL_MANT_DIG__ == 106

typedef __int128 int128;
typedef unsigned __int128 uint128;

typedef union {
	long double value;
	struct { double high, low; } part;
} pair;

static int finite_number(double x)
{
	return __builtin_isfinite(x);
}

static long double join(double high, double low)
{
	pair result = {.part = {high, low}};
	return result.value;
}

/* The exact sum of two doubles of which the first is not smaller, as a pair. */
static long double ordered_sum(double large, double small)
{
	double high = large + small;
	if (!finite_number(high) || high == 0)
		return join(high, 0);
	return join(high, small - (high - large));
}

long double __gcc_qadd(double a, double a_low, double b, double b_low)
{
	double high = a + b;
	if (!finite_number(high) || (high == 0 && a_low == 0 && b_low == 0))
		return join(high, 0);
	double from_b = high - a;
	double lost = (a - (high - from_b)) + (b - from_b);
	double low = a_low + b_low;
	double low_from_b = low - a_low;
	double low_lost = (a_low - (low - low_from_b)) + (b_low - low_from_b);
	pair sum = {.value = ordered_sum(high, lost + low)};
	return ordered_sum(sum.part.high, sum.part.low + low_lost);
}

long double __gcc_qsub(double a, double a_low, double b, double b_low)
{
	return __gcc_qadd(a, a_low, -b, -b_low);
}

long double __gcc_qmul(double a, double a_low, double b, double b_low)
{
	double high = a * b;
	if (!finite_number(high) || high == 0)
		return join(high, 0);
	double lost = __builtin_fma(a, b, -high);
	return ordered_sum(high, lost + (a * b_low + a_low * b));
}

long double __gcc_qdiv(double a, double a_low, double b, double b_low)
{
	double high = a / b;
	if (!finite_number(high) || high == 0 || !finite_number(b))
		return join(high, 0);
	double product = high * b;
	double lost = __builtin_fma(high, b, -product);
	double rest = ((a - product) - lost) + (a_low - high * b_low);
	return ordered_sum(high, rest / b);
}

/* Towards zero. Defined for values that fit. */
int128 __fixtfti(long double x)
{
	pair given = {x};
	int128 whole = (int128)given.part.high;
	if ((double)whole != given.part.high)
		return whole; /* a fraction is larger than what the second double holds */
	int128 more = (int128)given.part.low;
	double fraction = given.part.low - (double)more;
	whole += more;
	if (whole > 0 && fraction < 0)
		return whole - 1;
	if (whole < 0 && fraction > 0)
		return whole + 1;
	return whole;
}

uint128 __fixunstfti(long double x)
{
	const double half = 0x1p127;
	pair given = {x};
	if (given.part.high < half)
		return (uint128)__fixtfti(x);
	pair rest = {.part = {given.part.high - half, given.part.low}};
	return (uint128)__fixtfti(ordered_sum(rest.part.high, rest.part.low)) + ((uint128)1 << 127);
}

long __fixtfdi(long double x)
{
	return (long)__fixtfti(x);
}

unsigned long __fixunstfdi(long double x)
{
	return (unsigned long)__fixtfti(x);
}

long double __floatuntitf(uint128 x)
{
	double high = (double)x;
	/* Rounded up to 2^128, the difference is x itself, read as a negative number. */
	int128 low = (int128)(x - (high < 0x1p128 ? (uint128)high : 0));
	return ordered_sum(high, (double)low);
}

long double __floattitf(int128 x)
{
	return x < 0 ? -__floatuntitf(-(uint128)x) : __floatuntitf((uint128)x);
}

long double __floatditf(long x)
{
	return __floattitf(x);
}

long double __floatunditf(unsigned long x)
{
	return __floatuntitf(x);
}

long double __powitf2(long double base, int exponent)
{
	unsigned left = exponent < 0 ? -(unsigned)exponent : (unsigned)exponent;
	long double result = 1;
	for (; left; left >>= 1, base *= base)
		if (left & 1)
			result *= base;
	return exponent < 0 ? 1 / result : result;
}

#endif
