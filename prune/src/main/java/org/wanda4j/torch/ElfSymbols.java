package org.wanda4j.torch;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashSet;
import java.util.Set;

/// The symbols that a shared library of Linux, of 64 bits, expects others to define.
///
/// ```
/// file header    0x28 section headers' offset, 0x3a their size, 0x3c their number
/// section header 0x04 type (11: .dynsym), 0x18 offset, 0x20 size, 0x28 number of its string table
/// symbol         0x00 name's place in the string table, 0x04 binding << 4 | type, 0x06 section, 0 where undefined
/// ```
///
/// ([ELF-64 Object File Format](https://uclibc.org/docs/elf-64-gen.pdf), figures 2, 4 and 6)
final class ElfSymbols {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int DYNAMIC_SYMBOLS = 11;
    private static final int SYMBOL_BYTES = 24;
    private static final int GLOBAL = 1;

    private ElfSymbols() {}

    /// Names of the symbols that `library` needs and does not define; without those that it can do without.
    ///
    /// @param library of this program's own: its tables are trusted
    static Set<String> needed(Path library) throws IOException {
        try (var channel = FileChannel.open(library, StandardOpenOption.READ);
                Arena memory = Arena.ofConfined()) {
            MemorySegment file =
                    channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), memory);
            Set<String> names = new LinkedHashSet<>();
            long sections = file.get(LONG, 0x28);
            int size = file.get(SHORT, 0x3a);
            int count = file.get(SHORT, 0x3c);
            for (int i = 0; i < count; i++) {
                MemorySegment section = file.asSlice(sections + (long) i * size, size);
                if (section.get(INT, 0x04) == DYNAMIC_SYMBOLS) {
                    int strings = section.get(INT, 0x28);
                    MemorySegment table = file.asSlice(sections + (long) strings * size, size);
                    collect(content(file, section), content(file, table), names);
                }
            }
            return names;
        }
    }

    private static MemorySegment content(MemorySegment file, MemorySegment section) {
        return file.asSlice(section.get(LONG, 0x18), section.get(LONG, 0x20));
    }

    private static void collect(MemorySegment symbols, MemorySegment strings, Set<String> names) {
        for (long at = SYMBOL_BYTES; at < symbols.byteSize(); at += SYMBOL_BYTES) {
            boolean undefined = symbols.get(SHORT, at + 6) == 0;
            if (undefined && symbols.get(ValueLayout.JAVA_BYTE, at + 4) >> 4 == GLOBAL) {
                names.add(strings.getString(symbols.get(INT, at), StandardCharsets.US_ASCII));
            }
        }
    }
}
