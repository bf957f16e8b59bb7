package org.wanda4j.grammar;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.grammar.Grammar.Node;

/// What a regular expression of a schema's `pattern` (ECMA-262) matches, as a string of JSON: literals, `.`, classes, groups,
/// alternatives, quantifiers, `^` at the start and `$` at the end. Where an anchor is not there, any characters are.
///
/// ```
/// alternatives = sequence ("|" sequence)*
/// sequence     = (atom quantifier?)*
/// atom         = "(" alternatives ")" | "[" class "]" | "." | "\" escape | character
/// ```
final class RegularExpression {

    private static final int MOST_REPETITIONS = 1 << 10;
    private static final int DEEPEST = 50;

    private static final Characters DIGITS = Characters.of('0', '9');
    private static final Characters WORD =
            DIGITS.or(Characters.of('a', 'z')).or(Characters.of('A', 'Z')).or(Characters.of("_"));
    private static final Characters LINE_ENDS = Characters.of("\n\r\u0085\u2028\u2029");

    /// In all dialects; and those besides that are in some.
    private static final Characters SPACE = Characters.of(" \t\n\f\r");

    private static final Characters ANY_SPACE =
            Characters.of(" \t\n\u000b\f\r\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff")
                    .or(Characters.of(0x2000, 0x200a));

    private final Grammar.Builder builder;
    private final String place;
    private final String text;
    private final int end;
    private int at;
    private int depth;

    private RegularExpression(Grammar.Builder builder, String text, String place) {
        this.builder = builder;
        this.text = text;
        this.place = place;
        this.end = endsWithAnchor(text) ? text.length() - 1 : text.length();
    }

    private static boolean endsWithAnchor(String text) {
        int before = text.length() - 1;
        while (before > 0 && text.charAt(before - 1) == '\\') {
            before--;
        }
        return text.endsWith("$") && (text.length() - 1 - before) % 2 == 0;
    }

    /// A string that `pattern` matches, between quotation marks.
    ///
    /// @param place of the pattern, for errors
    /// @throws InvalidInputException when it is invalid, or has what is not supported
    static Node read(Grammar.Builder builder, Node from, String pattern, String place) {
        return new RegularExpression(builder, pattern, place).whole(from);
    }

    private Node whole(Node from) {
        boolean begins = takes('^');
        Part first = sequence();
        boolean alone = at == end;
        Part all = alone ? first : alternatives(first);
        if (!alone && (begins || end < text.length())) {
            throw unsupported("an anchor beside alternatives, unless these are in a group,");
        }
        if (at < end) {
            throw invalid("a ) without a (");
        }
        Node start = builder.range(from, '"', '"');
        Node behind = all.append(begins ? start : any(start));
        return builder.range(end < text.length() ? behind : any(behind), '"', '"');
    }

    /// Appends something, as a method of the [Grammar.Builder] does.
    private interface Part {
        Node append(Node from);
    }

    private Node any(Node from) {
        return repeated(from, it -> one(it, Characters.ALL), 0, Optional.empty());
    }

    private boolean takes(char wanted) {
        boolean is = at < end && text.charAt(at) == wanted;
        at += is ? 1 : 0;
        return is;
    }

    /// @param first the sequence that has been read
    private Part alternatives(Part first) {
        List<Part> all = new ArrayList<>(List.of(first));
        while (takes('|')) {
            all.add(sequence());
        }
        return from -> {
            Node behind = builder.node();
            all.forEach(each -> {
                Node start = builder.node();
                from.empty.add(start);
                each.append(start).empty.add(behind);
            });
            return behind;
        };
    }

    private Part sequence() {
        List<Part> parts = new ArrayList<>();
        while (at < end && text.charAt(at) != '|' && text.charAt(at) != ')') {
            Part atom = atom();
            Bounds bounds = quantifier();
            parts.add(from -> repeated(from, atom, bounds.least(), bounds.most()));
        }
        return from -> {
            Node last = from;
            for (Part part : parts) {
                last = part.append(last);
            }
            return last;
        };
    }

    /// How often an atom comes.
    private record Bounds(int least, Optional<Integer> most) {}

    private Bounds quantifier() {
        Bounds bounds = new Bounds(1, Optional.of(1));
        if (takes('*')) {
            bounds = new Bounds(0, Optional.empty());
        } else if (takes('+')) {
            bounds = new Bounds(1, Optional.empty());
        } else if (takes('?')) {
            bounds = new Bounds(0, Optional.of(1));
        } else if (takes('{')) {
            int least = count();
            Optional<Integer> most = Optional.of(least);
            if (takes(',')) {
                most = at < end && text.charAt(at) == '}' ? Optional.empty() : Optional.of(count());
            }
            if (!takes('}') || most.orElse(least) < least) {
                throw invalid("a wrong {least,most}");
            }
            bounds = new Bounds(least, most);
        } else {
            return bounds;
        }
        takes('?'); // As few as possible: the same strings.
        return bounds;
    }

    private int count() {
        int start = at;
        while (at < end && DIGITS.has(text.charAt(at))) {
            at++;
        }
        if (at == start
                || at - start > 4
                || Integer.parseInt(text.substring(start, at)) > MOST_REPETITIONS) {
            throw invalid(
                    "a wrong {least,most}: numbers to %,d are read".formatted(MOST_REPETITIONS));
        }
        return Integer.parseInt(text.substring(start, at));
    }

    private Node repeated(Node from, Part part, int least, Optional<Integer> most) {
        Node last = from;
        for (int i = 0; i < least; i++) {
            last = part.append(last);
        }
        if (most.isEmpty()) {
            Node loop = builder.node();
            last.empty.add(loop);
            part.append(loop).empty.add(loop);
            return loop;
        }
        Node behind = builder.node();
        last.empty.add(behind);
        for (int i = least; i < most.get(); i++) {
            last = part.append(last);
            last.empty.add(behind);
        }
        return behind;
    }

    private Part atom() {
        int first = text.codePointAt(at);
        at += Character.charCount(first);
        Characters characters =
                switch (first) {
                    case '(' -> Characters.NONE;
                    case '[' -> characterClass();
                    case '.' -> Characters.ALL.without(LINE_ENDS);
                    case '\\' -> escape(false);
                    case '^', '$', '*', '+', '?', '{', '}', ']' ->
                            throw unsupported("'%s' at this place".formatted((char) first));
                    default -> Characters.of(first, first);
                };
        return first == '(' ? group() : from -> one(from, characters);
    }

    private Part group() {
        if (takes('?') && !takes(':')) {
            throw unsupported(
                    "a group that begins with ?" + visible(at < end ? text.charAt(at) : ' '));
        }
        if (++depth > DEEPEST) {
            throw unsupported("more than %d groups within each other".formatted(DEEPEST));
        }
        Part group = alternatives(sequence());
        depth--;
        if (!takes(')')) {
            throw invalid("a group without an end");
        }
        return group;
    }

    private Node one(Node from, Characters characters) {
        Node to = builder.node();
        characters.readInString(builder, from, to);
        return to;
    }

    private Characters characterClass() {
        boolean not = takes('^');
        Characters all = Characters.NONE;
        while (!takes(']')) {
            Characters low = classMember(not);
            if (at + 1 < end && text.charAt(at) == '-' && text.charAt(at + 1) != ']') {
                at++;
                all = all.or(range(low, classMember(not)));
            } else {
                all = all.or(low);
            }
        }
        return not ? Characters.ALL.without(all) : all;
    }

    private Characters range(Characters low, Characters high) {
        if (!isOne(low) || !isOne(high) || first(low) > first(high)) {
            throw invalid("a wrong range in a class");
        }
        return Characters.of(first(low), first(high));
    }

    private static boolean isOne(Characters characters) {
        return characters.ranges().size() == 1
                && characters.ranges().getFirst().low() == characters.ranges().getFirst().high();
    }

    private static int first(Characters characters) {
        return characters.ranges().getFirst().low();
    }

    private Characters classMember(boolean not) {
        if (at >= end) {
            throw invalid("a class without an end");
        }
        if (takes('\\')) {
            return takes('b') ? Characters.of("\b") : takes('-') ? Characters.of("-") : escape(not);
        }
        int character = text.codePointAt(at);
        at += Character.charCount(character);
        return Characters.of(character, character);
    }

    /// @param not whether all but these will be read: then they are those of any dialect, else those of all
    private Characters escape(boolean not) {
        if (at >= end) {
            throw invalid("a \\ at its end");
        }
        char letter = text.charAt(at++);
        return switch (letter) {
            case 'd' -> DIGITS;
            case 'D' -> Characters.ALL.without(DIGITS);
            case 'w' -> WORD;
            case 'W' -> Characters.ALL.without(WORD);
            case 's' -> not ? ANY_SPACE : SPACE;
            case 'S' -> Characters.ALL.without(not ? SPACE : ANY_SPACE);
            case 'n' -> Characters.of("\n");
            case 'r' -> Characters.of("\r");
            case 't' -> Characters.of("\t");
            case 'f' -> Characters.of("\f");
            case 'u' -> code(4);
            case 'x' -> code(2);
            case '^', '$', '\\', '.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '/' ->
                    Characters.of(letter, letter);
            case '-' -> Characters.of("-");
            default -> throw unsupported("\\" + visible(letter));
        };
    }

    private Characters code(int digits) {
        int until = at + digits;
        if (until > end || !text.substring(at, until).matches("[0-9A-Fa-f]+")) {
            throw invalid("a wrong code of a character");
        }
        int character = Integer.parseInt(text.substring(at, until), 16);
        at = until;
        return Characters.of(character, character);
    }

    private static String visible(char letter) {
        return letter < ' ' ? "" : String.valueOf(letter);
    }

    private InvalidInputException unsupported(String what) {
        return new InvalidInputException(
                "%s: %s is not supported in the regular expression %s"
                        .formatted(place, what, text));
    }

    private InvalidInputException invalid(String what) {
        return new InvalidInputException(
                "%s: the regular expression %s has %s"
                        .formatted(place, Json.writeLine(text), what));
    }
}
