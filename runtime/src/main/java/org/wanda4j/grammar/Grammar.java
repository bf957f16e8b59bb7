package org.wanda4j.grammar;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.checkpoint.InvalidInputException;

/// A language of byte strings, as a network of nodes. An edge reads a byte, runs through a rule, which is a network of its own, or
/// reads nothing. A rule may run through itself, as JSON's values do.
///
/// Immutable for its users, and thread-safe.
public final class Grammar {

    static final int UNREACHABLE = Integer.MAX_VALUE / 4;

    private final Rule start;
    private Optional<Automaton> latest = Optional.empty();

    /// Places of a grammar.
    static final class Node {
        final List<ByteEdge> bytes = new ArrayList<>();
        final List<RuleEdge> rules = new ArrayList<>();
        final List<Node> empty = new ArrayList<>();
        boolean end;

        /// Fewest bytes to an end of the rule.
        int distance = UNREACHABLE;
    }

    /// Reads one of the bytes `low` to `high`.
    record ByteEdge(int low, int high, Node target) {}

    /// Runs through a rule.
    record RuleEdge(Rule rule, Node target) {}

    /// A network of its own.
    ///
    /// @param nests whether it may contain itself; a text has it so often within itself only
    record Rule(Node start, boolean nests) {}

    private Grammar(Rule start) {
        this.start = start;
    }

    Rule start() {
        return start;
    }

    /// Fewest bytes of a text of this language.
    public int shortest() {
        return start.start().distance;
    }

    /// Finds the tokens of a vocabulary that may follow; what it has found is kept for the generations to come.
    synchronized Automaton on(TokenTrie tokens) {
        Automaton automaton =
                latest.filter(it -> it.tokens() == tokens)
                        .orElseGet(() -> new Automaton(this, tokens));
        latest = Optional.of(automaton);
        return automaton;
    }

    /// Makes a grammar node by node. A method that builds a part takes the node that the part begins at, and returns the one that it
    /// ends at.
    static final class Builder {

        private static final int MOST_NODES = 200_000;

        private final List<Node> nodes = new ArrayList<>();
        private final List<Rule> rules = new ArrayList<>();

        Node node() {
            if (nodes.size() == MOST_NODES) {
                throw new InvalidInputException(
                        "the schema is too large: its lengths and alternatives take more than %,d states"
                                .formatted(MOST_NODES));
            }
            Node node = new Node();
            nodes.add(node);
            return node;
        }

        Rule rule(boolean nests) {
            Rule rule = new Rule(node(), nests);
            rules.add(rule);
            return rule;
        }

        Node range(Node from, int low, int high) {
            Node to = node();
            from.bytes.add(new ByteEdge(low, high, to));
            return to;
        }

        Node literal(Node from, byte[] text) {
            Node at = from;
            for (byte each : text) {
                at = range(at, each & 0xff, each & 0xff);
            }
            return at;
        }

        Node call(Node from, Rule rule) {
            Node to = node();
            from.rules.add(new RuleEdge(rule, to));
            return to;
        }

        /// @throws InvalidInputException when a rule begins with itself, or no text ends
        Grammar grammar(Rule start) {
            measure();
            Set<Rule> checked = new HashSet<>();
            rules.forEach(rule -> checkBeginning(rule, new HashSet<>(), checked));
            if (start.start().distance >= UNREACHABLE) {
                throw new InvalidInputException("the schema describes no finite value");
            }
            return new Grammar(start);
        }

        /// Computes distances: from the last nodes to the first, as parts are built in their order, until none changes.
        private void measure() {
            boolean changes = true;
            while (changes) {
                changes = false;
                for (Node node : nodes.reversed()) {
                    int distance = distance(node);
                    changes |= distance < node.distance;
                    node.distance = distance;
                }
            }
        }

        private static int distance(Node node) {
            int distance = node.end ? 0 : node.distance;
            for (ByteEdge edge : node.bytes) {
                distance = Math.min(distance, 1 + edge.target().distance);
            }
            for (RuleEdge edge : node.rules) {
                int both = edge.rule().start().distance + edge.target().distance;
                distance = Math.min(distance, both);
            }
            for (Node next : node.empty) {
                distance = Math.min(distance, next.distance);
            }
            return distance;
        }

        /// @param open rules that have begun, and have read nothing yet
        private static void checkBeginning(Rule rule, Set<Rule> open, Set<Rule> checked) {
            if (!open.add(rule)) {
                throw new InvalidInputException("a $ref of the schema leads to itself");
            }
            if (!checked.add(rule)) {
                open.remove(rule);
                return;
            }
            Set<Node> seen = new HashSet<>();
            List<Node> next = new ArrayList<>(List.of(rule.start()));
            while (!next.isEmpty()) {
                Node node = next.removeLast();
                if (seen.add(node)) {
                    next.addAll(node.empty);
                    node.rules.forEach(edge -> checkBeginning(edge.rule(), open, checked));
                }
            }
            open.remove(rule);
        }
    }
}
