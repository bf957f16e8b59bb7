package org.wanda4j.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.wanda4j.runtime.LanguageModel;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// Memory for keys and values.
final class CacheOptions {

    @Option(
            names = "--cache-memory",
            paramLabel = "SIZE",
            converter = Bytes.class,
            description =
                    "what keys and values of all texts may take, as 500MB or 2GB (default: a quarter of the machine's memory)")
    private long bytes = LanguageModel.Settings.defaultCacheBytes();

    long bytes() {
        return bytes;
    }

    /// A number of bytes: `2GB`, `1.5GiB`, `800000`.
    static final class Bytes implements ITypeConverter<Long> {

        private static final Pattern SIZE =
                Pattern.compile("(\\d{1,15}(?:\\.\\d{1,9})?) ?(?:([kmgt])(i?))?b?");
        private static final String UNITS = "kmgt";

        @Override
        public Long convert(String text) {
            Matcher size = SIZE.matcher(text.toLowerCase(Locale.ROOT));
            if (!size.matches()) {
                throw new TypeConversionException(
                        "'" + text + "' is no size: write 500MB, 2GB or a number of bytes");
            }
            double bytes = Double.parseDouble(size.group(1));
            if (size.group(2) != null) {
                int power = UNITS.indexOf(size.group(2)) + 1;
                bytes *= Math.pow(size.group(3).isEmpty() ? 1000 : 1024, power);
            }
            return (long) bytes;
        }
    }
}
