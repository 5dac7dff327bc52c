/* Products and quotients of complex numbers, one format at a time: FLOAT, DOUBLE or LONG_DOUBLE is
 * defined in front of this. zig's compiler-rt takes and returns them in other places than the ABI of
 * some machines says (x87 numbers on x86-64, float on i686, quotients on ppc64le), and has none for
 * ppc64le's double-double. Infinities are recovered as C Annex G.5.1 asks.
 */
#if defined(FLOAT)
typedef float number;
#define PRODUCT __mulsc3
#define QUOTIENT __divsc3
#elif defined(DOUBLE)
typedef double number;
#define PRODUCT __muldc3
#define QUOTIENT __divdc3
#elif __LDBL_MANT_DIG__ == 64
typedef long double number;
#define PRODUCT __mulxc3
#define QUOTIENT __divxc3
#elif __LDBL_MANT_DIG__ > 64
typedef long double number;
#define PRODUCT __multc3
#define QUOTIENT __divtc3
#endif /* else it is double */

#if defined(LONG_DOUBLE) && __LDBL_MANT_DIG__ == 64
typedef union {
	long double value;
	struct { unsigned long long mantissa; unsigned short exponent; } part;
} bit_pattern;

static int exponent_of(number x)
{
	bit_pattern given = {x};
	return (given.part.exponent & 0x7fff) - 16383;
}

/* 2^exponent, for exponents of normal numbers. */
static number power_of_two(int exponent)
{
	bit_pattern result = {.part = {1ull << 63, (unsigned short)(exponent + 16383)}};
	return result.value;
}

#elif defined(LONG_DOUBLE) && __LDBL_MANT_DIG__ == 113
typedef union {
	long double value;
	unsigned __int128 bits;
} bit_pattern;

static int exponent_of(number x)
{
	bit_pattern given = {x};
	return (int)(given.bits >> 112 & 0x7fff) - 16383;
}

static number power_of_two(int exponent)
{
	bit_pattern result = {.bits = (unsigned __int128)(exponent + 16383) << 112};
	return result.value;
}

#elif defined(PRODUCT)
/* A float's range lies within double's, and a double-double has that of its first double. */
typedef union {
	double value;
	unsigned long long bits;
} bit_pattern;

static int exponent_of(number x)
{
	bit_pattern given = {(double)x};
	return (int)(given.bits >> 52 & 0x7ff) - 1023;
}

static number power_of_two(int exponent)
{
	bit_pattern result = {.bits = (unsigned long long)(exponent + 1023) << 52};
	return (number)result.value;
}
#endif

#ifdef PRODUCT
typedef __typeof__((number)0 * 1i) complex_number;

static complex_number complex_of(number real, number imaginary)
{
	complex_number result;
	__real__ result = real;
	__imag__ result = imaginary;
	return result;
}

static double signed_like(double size, number x)
{
	return __builtin_copysign(size, (double)x);
}

/* An infinity counts as 1, anything else as 0, with its sign. */
static number boxed(number x)
{
	return (number)signed_like(__builtin_isinf(x) ? 1 : 0, x);
}

static number no_nan(number x)
{
	return __builtin_isnan(x) ? (number)signed_like(0, x) : x;
}

static number larger_size(number a, number b)
{
	a = a < 0 ? -a : a;
	b = b < 0 ? -b : b;
	return a > b || __builtin_isnan(b) ? a : b;
}

complex_number PRODUCT(number a, number b, number c, number d)
{
	number ac = a * c, bd = b * d, ad = a * d, bc = b * c;
	number real = ac - bd, imaginary = ad + bc;
	if (!__builtin_isnan(real) || !__builtin_isnan(imaginary))
		return complex_of(real, imaginary);
	int left = __builtin_isinf(a) || __builtin_isinf(b), right = __builtin_isinf(c) || __builtin_isinf(d);
	int product = __builtin_isinf(ac) || __builtin_isinf(bd) || __builtin_isinf(ad) || __builtin_isinf(bc);
	if (!left && !right && !product)
		return complex_of(real, imaginary);
	if (left)
		a = boxed(a), b = boxed(b);
	if (right)
		c = boxed(c), d = boxed(d);
	a = no_nan(a), b = no_nan(b), c = no_nan(c), d = no_nan(d);
	return complex_of(__builtin_inf() * (a * c - b * d), __builtin_inf() * (a * d + b * c));
}

complex_number QUOTIENT(number a, number b, number c, number d)
{
	/* Scaled by a power of two, so that the divisor's square neither overflows nor vanishes; in two
	 * steps, since 2^scale itself may be no number. */
	number largest = larger_size(c, d);
	int scale = __builtin_isfinite(largest) && largest != 0 ? -exponent_of(largest) : 0;
	number first = power_of_two(scale / 2), second = power_of_two(scale - scale / 2);
	c = c * first * second;
	d = d * first * second;
	number divisor = c * c + d * d;
	number real = (a * c + b * d) / divisor * first * second;
	number imaginary = (b * c - a * d) / divisor * first * second;
	if (!__builtin_isnan(real) || !__builtin_isnan(imaginary))
		return complex_of(real, imaginary);
	if (divisor == 0 && (!__builtin_isnan(a) || !__builtin_isnan(b))) {
		double infinity = signed_like(__builtin_inf(), c);
		return complex_of(infinity * a, infinity * b);
	}
	if ((__builtin_isinf(a) || __builtin_isinf(b)) && __builtin_isfinite(c) && __builtin_isfinite(d)) {
		a = boxed(a), b = boxed(b);
		return complex_of(__builtin_inf() * (a * c + b * d), __builtin_inf() * (b * c - a * d));
	}
	if (__builtin_isinf(largest) && __builtin_isfinite(a) && __builtin_isfinite(b)) {
		c = boxed(c), d = boxed(d);
		return complex_of(0 * (a * c + b * d), 0 * (b * c - a * d));
	}
	return complex_of(real, imaginary);
}
#endif
