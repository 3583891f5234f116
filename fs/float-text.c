/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The shortest decimals that read back the same. */

#include "float-text.h"

#include <float.h>
#include <string.h>

static uint64_t low_bits(uint64_t value, unsigned width)
{
        return width >= 64 ? value : value & ((UINT64_C(1) << width) - 1);
}

/* An IEEE 754 half without its sign: 5 exponent and 10 fraction bits. The bits of infinity give
 * 2^16, the next step above the largest number. */
static double from_half(unsigned bits)
{
        unsigned exponent = bits >> 10;
        double fraction = bits & 1023;

        return exponent ? (1024 + fraction) * (double)(1u << exponent) * 0x1p-25
                        : fraction * 0x1p-24;
}

static double from_single(uint32_t bits)
{
        float value;

        memcpy(&value, &bits, sizeof(value));
        return value;
}

static double from_double(uint64_t bits)
{
        double value;

        memcpy(&value, &bits, sizeof(value));
        return value;
}

/* True if a reader that rounds to the nearest half, and ties to even, takes @read for @bits. */
static bool rounds_to_half(double read, unsigned bits)
{
        double value = from_half(bits);
        double low = bits > 0 ? (from_half(bits - 1) + value) / 2 : 0;
        double high = (value + from_half(bits + 1)) / 2;

        return bits % 2 ? low < read && read < high : low <= read && read <= high;
}

typedef struct FloatFormat {
        unsigned width; /* bits */
        unsigned exponent_bits;
        int max_digits; /* this many digits tell any two numbers apart */
} FloatFormat;

static const FloatFormat float_formats[] = {
        { 16, 5, 5 },
        { 32, 8, FLT_DECIMAL_DIG },
        { 64, 11, DBL_DECIMAL_DIG },
};

static const FloatFormat *find_float_format(unsigned width)
{
        for (size_t i = 0; i < G_N_ELEMENTS(float_formats); i++) {
                if (float_formats[i].width == width)
                        return &float_formats[i];
        }
        return NULL;
}

/* The value of a finite number without its sign. */
static double to_double(uint64_t bits, unsigned width)
{
        switch (width) {
        case 16:
                return from_half(bits);
        case 32:
                return from_single(bits);
        default:
                return from_double(bits);
        }
}

static bool reads_back(const char *text, uint64_t bits, unsigned width)
{
        double read = g_ascii_strtod(text, NULL);

        switch (width) {
        case 16:
                return rounds_to_half(read, bits);
        case 32:
                return (float)read == from_single(bits);
        default:
                return read == from_double(bits);
        }
}

/* Prints @digits digits. Zeros at the end are dropped, or stay if @all. */
static void format_float(char text[G_ASCII_DTOSTR_BUF_SIZE], int digits, bool all, double value)
{
        char format[8];

        g_snprintf(format, sizeof(format), "%%%s.%dg", all ? "#" : "", digits);
        g_ascii_formatd(text, G_ASCII_DTOSTR_BUF_SIZE, format, value);
}

/* False if the digit is 9: then the next decimal has fewer digits. */
static bool raise_last_digit(char *text)
{
        size_t last = strcspn(text, "e") - 1;

        if (!g_ascii_isdigit(text[last]) || text[last] == '9')
                return false;
        text[last]++;
        return true;
}

static unsigned bit_length(uint64_t value)
{
        return value ? 64 - __builtin_clzll(value) : 0;
}

/* The most decimal digits that still read the same after they were rounded to @bits binary ones. */
static int surviving_digits(unsigned bits)
{
        return ((int)bits - 1) * 0.30102999566398120; /* the decimal logarithm of 2 */
}

void float_text_put(Sink *sink, uint64_t bits, unsigned width)
{
        const FloatFormat *format = find_float_format(width);
        unsigned fraction_bits = width - 1 - format->exponent_bits;
        uint64_t fraction = low_bits(bits, fraction_bits);
        uint64_t exponent = low_bits(bits >> fraction_bits, format->exponent_bits);
        bool negative = bits >> (width - 1) & 1;
        bool is_finite = exponent != low_bits(UINT64_MAX, format->exponent_bits);
        char text[G_ASCII_DTOSTR_BUF_SIZE];
        int digits;

        if (!is_finite && fraction != 0) {
                sink_put_string(sink, "nan");
                return;
        }
        if (negative)
                sink_put(sink, "-", 1);
        if (!is_finite) {
                sink_put_string(sink, "inf");
                return;
        }

        /* A number of this many bits keeps at least this many digits, so these are tried first: %g
         * drops trailing zeros. */
        bits = low_bits(bits, width - 1);
        digits = MAX(1, surviving_digits(exponent ? fraction_bits + 1 : bit_length(fraction)));
        for (;; digits++) {
                format_float(text, digits, false, to_double(bits, width));
                if (digits == format->max_digits || reads_back(text, bits, width))
                        break;
                /* The neighbour below a power of two is half as far away as the one above. So if
                 * the nearest decimal is too low to read back, the next one may be right. */
                if (fraction == 0) {
                        format_float(text, digits, true, to_double(bits, width));
                        if (raise_last_digit(text) && reads_back(text, bits, width))
                                break;
                }
        }
        sink_put_string(sink, text);
}

bool float_text_has(unsigned width)
{
        return find_float_format(width) != NULL;
}
