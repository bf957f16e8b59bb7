package org.wanda4j.tools;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Tells calls of functions from the text around them, in an answer that comes piece by piece. Text is held back where it may be, or
/// stand before, the beginning of a call.
public final class ToolCallReader {

    private final ToolFormat format;
    private final int mostCalls;
    private final StringBuilder held = new StringBuilder();
    private boolean inCall;
    private boolean isText;
    private int calls;

    /// What an answer consists of.
    public sealed interface Part {}

    /// Text.
    ///
    /// @param text between calls, without the white space before and behind them
    public record Text(String text) implements Part {}

    /// A call.
    public record Call(ToolCall call) implements Part {}

    /// Before the first piece.
    ///
    /// @param mostCalls calls behind those are left out
    public ToolCallReader(ToolFormat format, int mostCalls) {
        this.format = format;
        this.mostCalls = mostCalls;
    }

    /// How many calls there are so far.
    public int calls() {
        return calls;
    }

    /// Reads the next piece.
    public List<Part> append(String piece) {
        held.append(piece);
        List<Part> parts = new ArrayList<>();
        if (format.isWholeAnswer()) {
            isText |= !isBlank() && !mayBeCalls();
            if (isText) {
                addText(parts, held.length());
            }
            return parts;
        }
        boolean more = true;
        while (more) {
            int at = held.indexOf(inCall ? format.close() : format.open());
            more = at >= 0;
            if (inCall && more) {
                addCall(parts, held.substring(0, at));
                held.delete(0, at + format.close().length());
                inCall = false;
            } else if (!inCall && more) {
                addText(parts, withoutSpace(at));
                held.delete(0, held.indexOf(format.open()) + format.open().length());
                inCall = true;
            }
        }
        if (!inCall) {
            addText(parts, withoutSpace(beginningOfOpen()));
        }
        return parts;
    }

    private boolean isBlank() {
        return held.toString().isBlank();
    }

    private boolean mayBeCalls() {
        String text = held.toString().stripLeading();
        String marker = format.marker();
        return text.startsWith("{")
                || text.startsWith("[")
                || text.startsWith(marker)
                || marker.startsWith(text);
    }

    /// Where the end of the text may be the beginning of [ToolFormat#open()].
    private int beginningOfOpen() {
        int from = Math.max(0, held.length() - format.open().length());
        while (from < held.length() && !format.open().startsWith(held.substring(from))) {
            from++;
        }
        return from;
    }

    /// The end of the text before `to`, without white space.
    private int withoutSpace(int to) {
        int end = to;
        while (end > 0 && Character.isWhitespace(held.charAt(end - 1))) {
            end--;
        }
        return end;
    }

    private void addText(List<Part> parts, int length) {
        if (length > 0 && calls < mostCalls) {
            parts.add(new Text(held.substring(0, length)));
        }
        held.delete(0, length);
    }

    private void addCall(List<Part> parts, String text) {
        Optional<List<ToolCall>> read = format.parse(text);
        if (read.isEmpty()) {
            parts.add(new Text(format.open() + text + format.close()));
            return;
        }
        for (ToolCall call : read.get()) {
            if (calls < mostCalls) {
                parts.add(new Call(call));
                calls++;
            }
        }
    }

    /// Reads the end of the answer. A call that is not complete is text.
    public List<Part> finish() {
        List<Part> parts = new ArrayList<>();
        if (format.isWholeAnswer() && !isText && !isBlank()) {
            addCall(parts, held.toString());
            held.setLength(0);
        }
        if (inCall) {
            held.insert(0, format.open());
        }
        addText(parts, calls > 0 && isBlank() ? 0 : held.length());
        return parts;
    }
}
