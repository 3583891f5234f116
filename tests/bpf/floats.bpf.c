/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Floating point: apart, for bpftool stops at the first of them. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define VALUE(type, name, ...) volatile const type bpf_metadata_##name __VA_ARGS__ SEC(".rodata")

VALUE(float, tenth) = 0.1f;
VALUE(double, tenth_double) = 0.1;
VALUE(double, third) = 1.0 / 3;
VALUE(float, third_float) = 1.0f / 3;
VALUE(double, one) = 1;
VALUE(double, million) = 1000000;
VALUE(double, avogadro) = 6.02214076e23;
VALUE(double, smallest) = 4.9406564584124654e-324;
VALUE(double, largest) = 1.7976931348623157e308;
VALUE(float, largest_float) = 3.40282347e38f;
VALUE(double, minus_zero) = -0.0;
VALUE(double, infinite) = __builtin_inf();
VALUE(float, minus_infinite) = -__builtin_inff();
VALUE(double, not_a_number) = __builtin_nan("");
VALUE(float, several, [3]) = { 1.5f, -2.25f, 1e10f };
volatile const struct {
        double x;
        float y[2];
} bpf_metadata_place SEC(".rodata") = { 0.5, { 1, 2 } };

SEC("socket")
int floats(void *ctx)
{
        return 0;
}

char _license[] SEC("license") = "GPL";
