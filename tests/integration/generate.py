# SPDX-License-Identifier: GPL-2.0-or-later
"""Generates C types and values of them.

Each Type knows its C declaration, makes values at random, writes them as C initializers, finds them in
what bpftool says, and knows how the tree has to show them. Values are plain Python: int, bool, float,
bytes for arrays of one-byte elements, lists for other arrays, and for structs and unions lists in the
order of the members, where None stands for what is not known."""

import math
import struct

PRINTED = "net-team, é ü € 日本 😀 ~!@#$%^&*()\\\"'"


def prints(text):
    """True if the bytes are UTF-8 of characters that print, and there are some."""
    try:
        return text.decode().isprintable() and text != b""
    except UnicodeDecodeError:
        return False


def escape(data, one_line):
    """Text as DESIGN wants it: nothing that could do anything to a terminal."""
    out, i = "", 0
    while i < len(data):
        for n in range(1, 5):
            try:
                c = data[i:i + n].decode()
                break
            except UnicodeDecodeError:
                c = None
        if c is None:
            out, n = out + f"\\x{data[i]:02x}", 1
        elif c == "\\":
            out += "\\\\"
        elif c == "\t" or c == "\n" and not one_line or c.isprintable():
            out += c
        else:
            out += "".join(f"\\x{byte:02x}" for byte in c.encode())
        i += n
    return out


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


class Type:
    prefix, suffix = "", ""
    directory = False
    one_byte = None  # how arrays of it are shown: "char", "byte", or element by element

    def declare(self, name):
        return f"{self.prefix} {name}{self.suffix}"

    def bit_field(self, rng):
        """The width of a bit-field of the type; None if there is no such."""
        return None

    def shown(self, text, value):
        """True if text, without a newline, is right for the value."""
        return text == self.text(value)


class Int(Type):
    def __init__(self, name, bits, is_signed, one_byte=None):
        self.prefix, self.bits, self.signed, self.one_byte = name, bits, is_signed, one_byte

    def sample(self, rng, bits=None):
        bits = bits or self.bits
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if self.signed \
            else (0, (1 << bits) - 1)
        return rng.choice([low, high, max(low, min(high, rng.choice([-1, 0, 1, 7, 10]))),
                           rng.randint(low, high), rng.randint(low, high) >> (bits // 2)])

    def init(self, value):
        raw = value & (1 << 128) - 1
        wide = f"((unsigned __int128){raw >> 64:#x}ULL << 64 | {raw & (1 << 64) - 1:#x}ULL)"
        return f"(__int128){wide}" if self.bits == 128 else f"(__typeof__({self.prefix})){wide}"

    def from_bpftool(self, seen, value, bits=None):
        bits = bits or self.bits
        raw = int(seen, 16) if isinstance(seen, str) else seen
        return signed(raw, bits) if self.signed else raw & (1 << bits) - 1

    def text(self, value):
        return str(value)

    def bit_field(self, rng):
        return rng.randint(1, self.bits) if self.bits <= 64 else None


class Bool(Type):
    prefix, bits = "_Bool", 8

    def sample(self, rng, bits=None):
        return rng.random() < 0.5

    def init(self, value):
        return "1" if value else "0"

    def from_bpftool(self, seen, value, bits=None):
        return bool(int(seen, 16)) if isinstance(seen, str) else seen

    def text(self, value):
        return "true" if value else "false"

    def bit_field(self, rng):
        return 1


class Enum(Type):
    """Compilers before clang 15 do not say in BTF that an enum is signed. So negative values that no
    enumerator stands for may be shown without their sign, and bit-fields of enums that could be taken
    for signed ones, where one value may stand for two enumerators, are not made."""

    def __init__(self, rng, tag, definitions):
        self.bits = rng.choice([8, 16, 32, 32, 32])
        self.signed = rng.random() < 0.4
        high = (1 << (self.bits - self.signed)) - 1
        low = -high - 1 if self.signed else 0
        values = [rng.choice([low, high, rng.randint(low, high), rng.randint(0, 9)])
                  for _ in range(rng.randint(1, 8))]
        if self.signed:
            values[0] = -1
        # The attribute makes the enum as small as its values allow: they have to need the width.
        if self.bits < 32:
            values.append(high)
        self.names = {}
        self.prefix = f"enum {tag}"
        enumerators = []
        for i, value in enumerate(values):
            name = f"{tag}_{i}"
            enumerators.append(f"{name} = {value}{'' if value < 0 else 'U'}"
                               if not self.signed else f"{name} = {signed_literal(value)}")
            self.names.setdefault(value, name)
        packed = "__attribute__((packed)) " if self.bits < 32 else ""
        definitions.append(f"enum {packed}{tag} {{ {', '.join(enumerators)} }};")

    def sample(self, rng, bits=None):
        bits = bits or self.bits
        high = (1 << (bits - self.signed)) - 1
        low = -high - 1 if self.signed else 0
        known = [value for value in self.names if low <= value <= high]
        return rng.choice(known) if known and rng.random() < 0.8 else rng.randint(0, high)

    def init(self, value):
        return f"({self.prefix}){value}LL"

    def from_bpftool(self, seen, value, bits=None):
        for number, name in self.names.items():
            if name == seen:
                return number
        raw = int(seen, 16) if isinstance(seen, str) else seen
        bits = bits or self.bits
        return signed(raw, bits) if self.signed else raw & (1 << bits) - 1

    def text(self, value):
        return self.names.get(value, str(value))

    def shown(self, text, value):
        unsigned = str(value & (1 << self.bits) - 1)
        return text == self.text(value) or value not in self.names and text == unsigned

    def bit_field(self, rng):
        if self.signed or any(value >> (self.bits - 1) for value in self.names):
            return None
        return rng.randint(1, self.bits)


def signed_literal(value):
    return "(-2147483647 - 1)" if value == -(1 << 31) else str(value)


class Pointer(Type):
    bits = 64

    def __init__(self, prefix, suffix=""):
        self.prefix, self.suffix = prefix, suffix

    def sample(self, rng, bits=None):
        return rng.choice([0, (1 << 64) - 1, rng.getrandbits(64), rng.getrandbits(32)])

    def init(self, value):
        return f"({self.prefix}{self.suffix}){value:#x}UL"

    def from_bpftool(self, seen, value, bits=None):
        return seen

    def text(self, value):
        return f"{value:#x}"


class Float(Type):
    def __init__(self, name, code, digits):
        self.prefix, self.code, self.digits = name, code, digits
        self.bits = 8 * struct.calcsize(code)

    def narrow(self, value):
        try:
            return struct.unpack(self.code, struct.pack(self.code, value))[0]
        except OverflowError:
            return math.copysign(math.inf, value)

    def sample(self, rng, bits=None):
        at_random = struct.unpack(self.code, struct.pack("<Q", rng.getrandbits(64))[:self.bits // 8])
        return self.narrow(rng.choice([
            at_random[0], at_random[0], 0.0, -0.0, 0.1, 1.5, 1e20, 123456.0, 1e-40, 5e-324, math.inf,
            -math.inf, math.nan, rng.random(), float(rng.randint(-99999, 99999)) / 100]))

    def init(self, value):
        if math.isnan(value):
            return "__builtin_nan(\"\")"
        if math.isinf(value):
            return "-__builtin_inf()" if value < 0 else "__builtin_inf()"
        return value.hex()

    def significant(self, text):
        mantissa = text.lower().split("e")[0].lstrip("-").replace(".", "").strip("0")
        return len(mantissa)

    def shown(self, text, value):
        """The shortest decimal that reads back the same."""
        if math.isnan(value) or math.isinf(value):
            return text == str(value)
        if self.narrow(float(text)) != value or text.startswith("-") != \
                (math.copysign(1, value) < 0):
            return False
        shortest = next(short for n in range(1, 18)
                        if self.narrow(float(short := f"{value:.{n}g}")) == value)
        return self.significant(text) == self.significant(shortest)


class Array(Type):
    def __init__(self, element, dims):
        self.element, self.dims = element, dims
        self.prefix = element.prefix
        self.suffix = "".join(f"[{n}]" for n in dims) + element.suffix
        self.directory = element.directory
        self.inner = Array(element, dims[1:]) if len(dims) > 1 else element

    def sample(self, rng, bits=None):
        n = self.dims[0]
        if len(self.dims) > 1 or not self.element.one_byte:
            return [self.inner.sample(rng) for _ in range(n)]
        kind = rng.randrange(5)
        if kind == 0:
            # No UTF-8 by chance: what prints of it differs between versions of Unicode.
            return bytes(rng.choice([*range(128), 0x80, 0xBF, 0xC0, 0xFE, 0xFF]) for _ in range(n))
        if kind == 1:
            return bytes(n)
        letters = rng.choice([PRINTED, "abcdef0123456789 -._", "a\t\n\\\x1b[31m\x7f\x01"])
        text = "".join(rng.choice(letters) for _ in range(n)).encode()[:n]
        return text if kind == 2 else text[:rng.randint(0, max(n - 1, 0))].ljust(n, b"\0")

    def init(self, value):
        if isinstance(value, bytes):
            return "{ " + ", ".join(str(signed(byte, 8) if self.element.signed else byte)
                                    for byte in value) + " }"
        return "{ " + ", ".join(self.inner.init(one) for one in value) + " }"

    def from_bpftool(self, seen, value, bits=None):
        if len(self.dims) == 1 and self.element.one_byte:
            if isinstance(seen, list):
                return bytes(number & 0xFF for number in seen)
            # bpftool 7.1 writes a backslash as \\n; newlines are in none of its strings.
            seen = seen.replace("\n", "\\")
            # What stands behind the first NUL is not printed by bpftool.
            if value is not None and value.split(b"\0")[0] == seen.encode():
                return value
            return seen.encode().ljust(self.dims[0], b"\0")
        values = [None] * len(seen) if value is None else value
        assert len(seen) == len(values) == self.dims[0]
        return [self.inner.from_bpftool(one, known) for one, known in zip(seen, values)]

    def entries(self, value):
        return [(str(i), self.inner, one) for i, one in enumerate(value)]

    def lines(self, value, one_line):
        """The lines of the text, as functions that say if a line is right."""
        if len(self.dims) > 1:
            return [line for one in value for line in self.inner.lines(one, True)]
        if not self.element.one_byte:
            return [lambda text: len(words := text.split(" ") if text else []) == len(value) and
                    all(self.element.shown(word, one) for word, one in zip(words, value))]
        text = value.split(b"\0")[0]
        if self.element.one_byte == "char":
            right = escape(text, one_line)
        elif prints(text) and not value[len(text):].strip(b"\0"):
            right = escape(text, True)
        else:
            right = value.hex()
        return [lambda line: line == right]

    def shown(self, text, value):
        # A string may hold newlines of its own.
        if len(self.dims) == 1:
            return self.lines(value, False)[0](text)
        found, wanted = text.split("\n") if text else [""], self.lines(value, True)
        return len(found) == len(wanted) and all(right(line)
                                                 for right, line in zip(wanted, found))


class Member:
    def __init__(self, name, kind, bits=None, padding=None):
        self.name, self.type, self.bits, self.padding = name, kind, bits, padding


class Composite(Type):
    directory = True

    def __init__(self, keyword, tag, members, definitions, attribute=""):
        self.members, self.union = members, keyword == "union"
        body = "".join(
            "\t" + (member.padding or "") +
            (member.type.declare(member.name) if member.name else member.type.prefix) +
            (f" : {member.bits}" if member.bits else "") + ";\n" for member in members)
        text = f"{keyword} {attribute}{tag} {{\n{body}}}"
        if tag:
            definitions.append(text + ";")
            self.prefix = f"{keyword} {tag}"
        else:
            self.prefix = text

    def sample(self, rng, bits=None):
        if not self.union:
            return [member.type.sample(rng, member.bits) for member in self.members]
        values = [None] * len(self.members)
        if self.members:
            i = rng.randrange(len(self.members))
            values[i] = self.members[i].type.sample(rng)
        return values

    def init(self, value):
        # A nameless member takes part in the order, but has no name to be designated by.
        return "{ " + ", ".join(
            (f".{member.name} = " if self.union and member.name else "") + member.type.init(one)
            for member, one in zip(self.members, value) if one is not None) + " }"

    def from_bpftool(self, seen, value, bits=None):
        assert [name for name, _ in seen] == [member.name for member in self.members]
        value = [None] * len(self.members) if value is None else value
        return [member.type.from_bpftool(one, known, member.bits)
                for member, (_, one), known in zip(self.members, seen, value)]

    def entries(self, value):
        found = []
        for member, one in zip(self.members, value):
            if member.name:
                found.append((member.name, member.type, one))
            else:
                unknown = [None] * len(member.type.members)
                found += member.type.entries(unknown if one is None else one)
        return found


SCALARS = [
    Int("char", 8, True, "char"), Int("signed char", 8, True, "byte"),
    Int("unsigned char", 8, False, "byte"), Int("short", 16, True), Int("unsigned short", 16, False),
    Int("int", 32, True), Int("unsigned int", 32, False), Int("long", 64, True),
    Int("unsigned long long", 64, False), Int("__int128", 128, True),
    Int("unsigned __int128", 128, False), Bool(), Pointer("void *"), Pointer("const char *"),
    Pointer("int (*", ")(struct nowhere *)"), Pointer("struct nowhere *"),
]
FLOATS = [Float("float", "<f", 9), Float("double", "<d", 17)]


class Generated:
    """One source file: its text and its variables, as (name, Type, value)."""

    def __init__(self, rng, count, floats=False):
        self.rng = rng
        self.floats = floats
        self.serial = 0
        self.definitions = ["struct nowhere;"]
        self.variables = []
        for i in range(count):
            kind = self.kind(rng.choice([0, 1, 1, 2, 3]))
            self.variables.append((f"v{i}", kind, kind.sample(rng)))
        self.source = self.write()

    def tag(self, letter):
        self.serial += 1
        return f"{letter}{self.serial}"

    def scalar(self):
        if self.floats and self.rng.random() < 0.5:
            kind = self.rng.choice(FLOATS)
        elif self.rng.random() < 0.15:
            kind = Enum(self.rng, self.tag("e"), self.definitions)
        else:
            kind = self.rng.choice(SCALARS)
        return self.renamed(kind) if self.rng.random() < 0.3 else kind

    def renamed(self, kind):
        """The same type behind typedefs and qualifiers."""
        result = type(kind).__new__(type(kind))
        result.__dict__.update(kind.__dict__)
        for _ in range(self.rng.randint(1, 3)):
            name = self.tag("t")
            self.definitions.append(f"typedef {result.declare(name)};")
            qualifier = self.rng.choice(["", "", "const ", "volatile "])
            result.prefix, result.suffix = qualifier + name, ""
        return result

    def array(self, element, sizes=(1, 2, 3, 5, 8)):
        dims = [self.rng.choice(sizes) for _ in range(self.rng.choice([1, 1, 2, 3]))]
        if element.one_byte:
            dims[-1] = self.rng.choice([1, 2, 4, 16, 20, 33])
        if element.suffix:
            element = self.renamed(element)
        return Array(element, dims)

    def kind(self, depth):
        choice = self.rng.random()
        if depth == 0:
            return self.scalar()
        if choice < 0.25:
            return self.array(self.scalar())
        if choice < 0.4:
            return self.array(self.rng.choice(SCALARS[:3]))
        if choice < 0.55:
            return self.array(self.composite(depth - 1, True), (1, 2, 3))
        return self.composite(depth, True)

    def member(self, depth):
        if self.rng.random() < 0.15 and depth > 0:
            # A nameless member: its members count as ours.
            return Member("", self.composite(depth - 1, False))
        kind = self.kind(depth - 1 if depth > 0 else 0)
        if self.rng.random() < 0.3:
            bits = kind.bit_field(self.rng)
            if bits:
                padding = f"int : {self.rng.randint(0, 20)}; " if self.rng.random() < 0.2 else None
                return Member(self.tag("m"), kind, bits, padding)
        if self.rng.random() < 0.04 and not kind.suffix:
            kind = Array(kind, [0])
        return Member(self.tag("m"), kind)

    def composite(self, depth, named):
        union = self.rng.random() < 0.2
        members = [self.member(depth) for _ in range(self.rng.randint(1, 6))]
        if union:
            members = [member for member in members if member.name and not member.bits] or \
                [Member(self.tag("m"), SCALARS[5])]
        # Beside bit-fields the kernel takes every enum for one of four bytes, and refuses the BTF if
        # those are not there.
        if any(member.bits for member in members):
            members = [member for member in members if member.bits or
                       not isinstance(member.type, Enum) or member.type.bits == 32]
        # It takes no variable without bytes, and no float that is not aligned.
        if all(isinstance(member.type, Array) and 0 in member.type.dims for member in members):
            members.append(Member(self.tag("m"), SCALARS[5]))
        packed = "" if self.floats else "__attribute__((packed)) "
        attribute = self.rng.choice(["", "", "", packed, "__attribute__((aligned(32))) "])
        return Composite("union" if union else "struct", self.tag("s") if named else "", members,
                         self.definitions, attribute)

    def write(self):
        lines = ["#include <linux/bpf.h>", "#include <bpf/bpf_helpers.h>", *self.definitions]
        for name, kind, value in self.variables:
            if kind.suffix or self.rng.random() < 0.3 or isinstance(kind, Pointer):
                kind = self.renamed_whole(kind, lines)
            lines.append(f"const volatile {kind.declare('bpf_metadata_' + name)} SEC(\".rodata\") ="
                         f" {kind.init(value)};")
        lines += ["SEC(\"socket\") int program(void *ctx) { return 0; }",
                  "char _license[] SEC(\"license\") = \"GPL\";", ""]
        return "\n".join(lines)

    def renamed_whole(self, kind, lines):
        """Behind a typedef, so that const is the variable's and not what it points to."""
        result = type(kind).__new__(type(kind))
        result.__dict__.update(kind.__dict__)
        name = self.tag("t")
        lines.append(f"typedef {kind.declare(name)};")
        result.prefix, result.suffix = name, ""
        return result
