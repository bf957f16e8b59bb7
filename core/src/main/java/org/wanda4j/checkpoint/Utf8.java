package org.wanda4j.checkpoint;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/// Texts from outside, as tools write them: UTF-8, with a byte order mark or without.
public final class Utf8 {

    private static final char MARK = '\ufeff';

    private Utf8() {}

    /// The text in `in`, behind the mark that it may begin with. Reading throws a `CharacterCodingException` where it is not UTF-8.
    ///
    /// @param in is closed with the reader, and where there comes none
    /// @param place what is read, for messages
    /// @throws InvalidInputException when it is a git-lfs pointer
    public static BufferedReader reader(InputStream in, String place) throws IOException {
        var reader =
                new BufferedReader(
                        new InputStreamReader(in, StandardCharsets.UTF_8.newDecoder()), 1 << 16);
        try {
            passMark(reader, place);
            return reader;
        } catch (IOException | RuntimeException e) {
            reader.close();
            throw e;
        }
    }

    private static void passMark(BufferedReader reader, String place) throws IOException {
        reader.mark(WrongFile.BEGINNING);
        char[] beginning = new char[WrongFile.BEGINNING];
        int length = Math.max(0, reader.read(beginning));
        reader.reset();
        String text = new String(beginning, 0, length);
        if (WrongFile.isPointer(text)) {
            throw new InvalidInputException(
                    place
                            + " is "
                            + WrongFile.by(text.getBytes(StandardCharsets.UTF_8)).orElseThrow());
        }
        if (length > 0 && text.charAt(0) == MARK) {
            reader.skip(1);
        }
    }

    /// Where `bytes` begin behind the mark, if there is one: 3, or else 0.
    public static int behindMark(byte[] bytes) {
        boolean marked =
                bytes.length >= 3
                        && bytes[0] == (byte) 0xef
                        && bytes[1] == (byte) 0xbb
                        && bytes[2] == (byte) 0xbf;
        return marked ? 3 : 0;
    }
}
