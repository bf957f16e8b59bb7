package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.wanda4j.text.jinja.Token.Kind;

/// Splits a template into tokens, with `trim_blocks` and `lstrip_blocks` as transformers sets them: the line end behind a
/// block goes, and so does the space between the start of a line and a block.
final class Lexer {

    private static final String DIGITS = "\\d+(?:_\\d+)*";
    private static final Pattern INSIDE =
            Pattern.compile(
                    "(?<space>[\\s\\h\\x1c-\\x1f\\x85]+)|(?<name>[\\p{L}_][\\p{L}\\p{M}\\p{N}_]*)"
                            + "|(?<float>(?<!\\.)(?:%1$s(?:\\.%1$s)?[eE][+-]?%1$s|%1$s\\.%1$s))"
                                    .formatted(DIGITS)
                            + "|(?<int>0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?\\d)*|0(?:_?0)*)"
                            + "|(?<op>==|!=|<=|>=|//|\\*\\*|[-+*/%~<>=.,:|()\\[\\]{}])",
                    Pattern.DOTALL);
    private static final Pattern RAW = Pattern.compile("\\{%[-+]?\\s*raw\\s*(-?)%}");
    private static final Pattern END_RAW = Pattern.compile("\\{%[-+]?\\s*endraw\\s*([-+]?)%}");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;

    /// How far line ends have been counted.
    private int counted;

    /// Whether what comes next is the start of a line, its end before it having been taken away.
    private boolean startsLine = true;

    private Lexer(String source) {
        this.source = source;
    }

    /// All tokens of `source`, the last of them [Kind#END].
    static List<Token> tokens(String source) {
        String text = source.replace("\r\n", "\n").replace('\r', '\n');
        return new Lexer(text.endsWith("\n") ? text.substring(0, text.length() - 1) : text).run();
    }

    private List<Token> run() {
        while (at < source.length()) {
            int tag = nextTag();
            addData(tag);
            at = tag;
            if (at < source.length()) {
                readTag();
            }
        }
        tokens.add(new Token(Kind.END, "the end", line()));
        return tokens;
    }

    private int nextTag() {
        for (int i = at; i + 1 < source.length(); i++) {
            if (source.charAt(i) == '{' && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
                return i;
            }
        }
        return source.length();
    }

    /// Adds what stands before `end`, which is a tag or the end.
    private void addData(int end) {
        String data = source.substring(at, end);
        char mark = end + 2 < source.length() ? source.charAt(end + 2) : ' ';
        if (end < source.length() && mark == '-') {
            data = Texts.strip(data, Texts::isSpace, false, true);
        } else if (end < source.length() && mark != '+' && source.charAt(end + 1) != '{') {
            int line = data.lastIndexOf('\n') + 1;
            if ((line > 0 || startsLine) && Texts.strip(data.substring(line)).isEmpty()) {
                data = data.substring(0, line);
            }
        }
        if (!data.isEmpty()) {
            tokens.add(new Token(Kind.DATA, data, line()));
        }
    }

    private void readTag() {
        char kind = source.charAt(at + 1);
        if (kind == '#') {
            readComment();
            return;
        }
        boolean block = kind == '%';
        if (block && readRaw()) {
            return;
        }
        tokens.add(new Token(block ? Kind.BLOCK_BEGIN : Kind.OUTPUT_BEGIN, "{" + kind, line()));
        skipTagBegin();
        readInside(block);
    }

    private void skipTagBegin() {
        at += 2;
        if (at < source.length() && "-+".indexOf(source.charAt(at)) >= 0) {
            at++;
        }
    }

    private void readComment() {
        skipTagBegin();
        int end = source.indexOf("#}", at);
        if (end < 0) {
            throw error("a comment that does not end");
        }
        char mark = end > at ? source.charAt(end - 1) : ' ';
        at = end + 2;
        afterTag(mark != '+', mark == '-');
    }

    /// What stands between `raw` and `endraw` is data.
    private boolean readRaw() {
        Matcher raw = RAW.matcher(source).region(at, source.length());
        if (!raw.lookingAt()) {
            return false;
        }
        at = raw.end();
        afterTag(false, raw.group(1).equals("-"));
        Matcher end = END_RAW.matcher(source);
        if (!end.find(at)) {
            throw error("{% raw %} that does not end");
        }
        addData(end.start());
        at = end.end();
        afterTag(!end.group(1).equals("+"), end.group(1).equals("-"));
        return true;
    }

    private void readInside(boolean block) {
        String end = block ? "%}" : "}}";
        Matcher inside = INSIDE.matcher(source).useTransparentBounds(true);
        int depth = 0;
        while (at < source.length()) {
            boolean strips = source.startsWith("-" + end, at);
            boolean keeps = block && source.startsWith("+" + end, at);
            if (depth == 0 && (strips || keeps || source.startsWith(end, at))) {
                tokens.add(new Token(block ? Kind.BLOCK_END : Kind.OUTPUT_END, end, line()));
                at += strips || keeps ? 3 : 2;
                afterTag(block && !keeps, strips);
                return;
            }
            if (source.charAt(at) == '\'' || source.charAt(at) == '"') {
                readString();
                continue;
            }
            if (!inside.region(at, source.length()).lookingAt()) {
                throw error("'" + source.charAt(at) + "', which means nothing here");
            }
            String text = inside.group();
            depth += "([{".contains(text) ? 1 : ")]}".contains(text) ? -1 : 0;
            add(inside, text);
            at = inside.end();
        }
        throw error("a tag that does not end");
    }

    private void readString() {
        int end = at + 1;
        while (end < source.length() && source.charAt(end) != source.charAt(at)) {
            end += source.charAt(end) == '\\' ? 2 : 1;
        }
        if (end >= source.length()) {
            throw error("a string that does not end");
        }
        String text = Escapes.resolved(source.substring(at + 1, end), line());
        tokens.add(new Token(Kind.STRING, text, line()));
        at = end + 1;
    }

    private void add(Matcher inside, String text) {
        if (inside.group("name") != null) {
            tokens.add(new Token(Kind.NAME, text, line()));
        } else if (inside.group("float") != null) {
            tokens.add(new Token(Kind.FLOAT, text, line()));
        } else if (inside.group("int") != null) {
            tokens.add(new Token(Kind.INTEGER, text, line()));
        } else if (inside.group("op") != null) {
            tokens.add(new Token(Kind.OPERATOR, text, line()));
        }
    }

    private void afterTag(boolean trimsLine, boolean strips) {
        startsLine = false;
        if (strips) {
            while (at < source.length() && Texts.isSpace(source.charAt(at))) {
                startsLine = source.charAt(at) == '\n';
                at++;
            }
        } else if (trimsLine && at < source.length() && source.charAt(at) == '\n') {
            at++;
            startsLine = true;
        }
    }

    private int line() {
        for (; counted < at; counted++) {
            line += source.charAt(counted) == '\n' ? 1 : 0;
        }
        return line;
    }

    private TemplateException error(String what) {
        return new TemplateException("line " + line() + ": " + what);
    }
}
