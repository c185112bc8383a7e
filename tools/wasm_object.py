"""Make the one object file that LLVM writes for wasm32 into a module that a browser loads.

A linker puts several objects together and gives each function and each byte of data its final number. LLVM has
numbered one object as if it stood alone and its data began at address 0, so with a single object two things are left:
to name what JavaScript may call (the export section), and to drop the notes that only a linker reads (the custom
sections). Memory and stack pointer stay imports, which the loader gives (gmm/widgets/live.js).

The format is that of https://webassembly.github.io/spec/core/binary and, for the notes, of
https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md. A section is a byte that says which, its length
and its content; whole numbers are written in LEB128, seven bits a byte, the lowest first.
"""

MAGIC = b"\0asm\1\0\0\0"
CUSTOM, IMPORT, EXPORT, CODE, DATA = 0, 2, 7, 10, 11
#: Sections in the order in which a module has them; 12 counts the data, 13 holds the tags.
ORDER = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
FUNCTION, TABLE, MEMORY, GLOBAL = range(4)
#: Kinds in the table of symbols, its number, and the flag of a symbol that is defined elsewhere or named anyway.
SYMBOL_FUNCTION, SYMBOL_DATA, SYMBOL_SECTION = 0, 1, 3
SYMBOL_TABLE, UNDEFINED, NAMED = 8, 0x10, 0x40


def leb128(value):
    """Write a whole number, not negative."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def text(name):
    """Write a name: its length and its bytes."""
    return leb128(len(name.encode())) + name.encode()


class Reader:
    """Reads numbers and names from bytes, one after another."""

    def __init__(self, content):
        self.content, self.at = content, 0

    def __bool__(self):
        return self.at < len(self.content)

    def bytes(self, n):
        self.at += n
        return self.content[self.at - n : self.at]

    def number(self):
        value = shift = 0
        while True:
            (byte,) = self.bytes(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def name(self):
        return self.bytes(self.number()).decode()


def sections(module):
    """List the (kind, content) of each section."""
    reader = Reader(module)
    if reader.bytes(len(MAGIC)) != MAGIC:
        raise ValueError("this is no WebAssembly of version 1")
    found = []
    while reader:
        (kind,) = reader.bytes(1)
        found.append((kind, reader.bytes(reader.number())))
    return found


def imports(module):
    """Names of what a module wants to be given."""
    found = []
    for reader in (Reader(content) for kind, content in sections(module) if kind == IMPORT):
        for _ in range(reader.number()):
            _, name, kind = reader.name(), reader.name(), reader.number()
            found.append(name)
            if kind == FUNCTION:
                reader.number()
            elif kind == GLOBAL:
                reader.bytes(2)
            else:  # a memory's limits, a table's after its type
                reader.bytes(kind == TABLE)
                bounded = reader.number() & 1
                reader.number()
                if bounded:
                    reader.number()
    return found


def symbols(notes):
    """Read the table of symbols from a linker's notes: name -> (kind, number of the function or segment, offset)."""
    reader, found = Reader(notes), {}
    if reader.number() != 2:
        raise ValueError("the notes for the linker are of another version")
    while reader:
        part, content = reader.number(), Reader(reader.bytes(reader.number()))
        for _ in range(content.number() if part == SYMBOL_TABLE else 0):
            kind, flags = content.number(), content.number()
            if kind == SYMBOL_DATA:
                name = content.name()
                if not flags & UNDEFINED:
                    segment, offset, _ = content.number(), content.number(), content.number()
                    found[name] = kind, segment, offset
            else:
                index = content.number()
                if kind != SYMBOL_SECTION and (not flags & UNDEFINED or flags & NAMED):
                    name = content.name()
                    if not flags & UNDEFINED:
                        found[name] = kind, index, 0
    return found


def addresses(content):
    """Address of each segment of the data section, and the end of the last."""
    reader, starts, end = Reader(content), [], 0
    for _ in range(reader.number()):
        # An active segment (0) of memory 0 at an i32.const (0x41) address; 0x0b ends the expression.
        if reader.number() != 0 or reader.bytes(1) != b"\x41":
            raise ValueError("a segment of the data has no fixed address")
        starts.append(reader.number())
        reader.bytes(1)
        end = max(end, starts[-1] + len(reader.bytes(reader.number())))
    return starts, end


def finish(obj, exports):
    """Make a module of an object.

    Parameters
    ----------
    obj : bytes
        What LLVM's ``emit_object`` returned for wasm32.
    exports : dict
        Name for JavaScript -> symbol of a function.

    Returns
    -------
    module : bytes
    places : dict
        Symbol -> address of each variable.
    end : int
        The first address behind all data.
    """
    parts = sections(obj)
    notes = (Reader(content) for kind, content in parts if kind == CUSTOM)
    table = next(symbols(reader.content[reader.at :]) for reader in notes if reader.name() == "linking")
    starts, end = next((addresses(content) for kind, content in parts if kind == DATA), ([], 0))
    entries = [text(name) + bytes([FUNCTION]) + leb128(table[symbol][1]) for name, symbol in exports.items()]
    kept = [(kind, content) for kind, content in parts if kind != CUSTOM]
    kept.append((EXPORT, leb128(len(entries)) + b"".join(entries)))
    kept.sort(key=lambda part: ORDER.index(part[0]))
    module = MAGIC + b"".join(bytes([kind]) + leb128(len(content)) + content for kind, content in kept)
    places = {name: starts[n] + offset for name, (kind, n, offset) in table.items() if kind == SYMBOL_DATA}
    return module, places, end
