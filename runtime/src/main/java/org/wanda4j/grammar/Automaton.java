package org.wanda4j.grammar;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.grammar.Grammar.ByteEdge;
import org.wanda4j.grammar.Grammar.Node;
import org.wanda4j.grammar.Grammar.Rule;
import org.wanda4j.grammar.Grammar.RuleEdge;

/// Runs a [Grammar] byte by byte. States are made when they are first reached, and found again after that: the places within a string
/// are few, however long it is.
///
/// Thread-safe.
final class Automaton {

    /// How deep rules that contain themselves may be nested.
    private static final int DEEPEST = 100;

    private static final int MOST_STATES = 1 << 12;
    private static final int MOST_PLACES = 1 << 12; // of a state
    private static final long MOST_MASK_BYTES = 8_000_000;
    private static final int BYTE_VALUES = 256;

    /// No state.
    static final State NONE = new State(Set.of());

    private final TokenTrie tokens;
    private final Map<Set<Place>, State> states = new HashMap<>();
    private final Frame outermost = new Frame(Optional.empty(), Optional.empty(), 0);
    private final State start;
    private long maskBytes;

    /// Where to go on behind the rules that are open.
    private static final class Frame {
        final Optional<Frame> parent;
        final Optional<Node> target;
        final int distance;
        final int nested;
        private final Map<Node, Frame> children = new HashMap<>();

        private Frame(Optional<Frame> parent, Optional<Node> target, int nested) {
            this.parent = parent;
            this.target = target;
            this.distance =
                    target.map(node -> node.distance).orElse(0)
                            + parent.map(frame -> frame.distance).orElse(0);
            this.nested = nested;
        }

        /// The one frame that there is for each target.
        Frame child(Node target, int nesting) {
            return children.computeIfAbsent(
                    target, it -> new Frame(Optional.of(this), Optional.of(it), nested + nesting));
        }
    }

    /// A node that reads a byte, or the end of the text, and the rules around it. Both are compared by identity.
    private record Place(Node node, Frame frame) {}

    /// All places that a text may have led to.
    static final class State {
        private final Set<Place> places;

        /// Behind each byte, where that is known: [#NONE] where it cannot follow.
        private final State[] next = new State[BYTE_VALUES];

        /// Fewest bytes to the end of the text.
        final int distance;

        /// Whether a byte may follow.
        final boolean goesOn;

        private Optional<TokenMask> mask = Optional.empty();

        private State(Set<Place> places) {
            this.places = places;
            this.distance =
                    places.stream()
                            .mapToInt(place -> place.node().distance + place.frame().distance)
                            .min()
                            .orElse(Grammar.UNREACHABLE);
            this.goesOn = places.stream().anyMatch(place -> !place.node().bytes.isEmpty());
        }

        /// Whether the text may end.
        boolean accepts() {
            return distance == 0;
        }
    }

    Automaton(Grammar grammar, TokenTrie tokens) {
        this.tokens = tokens;
        Set<Place> places = new HashSet<>();
        open(grammar.start().start(), outermost, places);
        this.start = state(places);
    }

    TokenTrie tokens() {
        return tokens;
    }

    State start() {
        return start;
    }

    /// The state behind some bytes; empty where they cannot follow.
    synchronized Optional<State> behind(State state, byte[] bytes) {
        State at = state;
        for (int i = 0; i < bytes.length && at != NONE; i++) {
            at = next(at, bytes[i] & 0xff);
        }
        return at == NONE ? Optional.empty() : Optional.of(at);
    }

    /// The state behind a byte, or [#NONE]. For a caller that holds the lock of this.
    State next(State state, int value) {
        State known = state.next[value];
        if (known == null) {
            known = find(state, value);
            state.next[value] = known;
        }
        return known;
    }

    private State find(State state, int value) {
        Set<Place> places = new HashSet<>();
        for (Place place : state.places) {
            for (ByteEdge edge : place.node().bytes) {
                if (value >= edge.low() && value <= edge.high()) {
                    open(edge.target(), place.frame(), places);
                }
            }
        }
        return places.isEmpty() ? NONE : state(places);
    }

    private State state(Set<Place> places) {
        if (states.size() == MOST_STATES) {
            forget();
        }
        return states.computeIfAbsent(places, State::new);
    }

    /// Makes all states anew when they are reached again.
    private void forget() {
        for (State state : states.values()) {
            Arrays.fill(state.next, null);
            state.mask = Optional.empty();
        }
        states.clear();
        outermost.children.clear();
        maskBytes = 0;
    }

    /// Adds the places that are reached from a node without reading, and from which an end can be reached.
    ///
    /// @throws InvalidInputException where they are too many
    private static void open(Node from, Frame around, Set<Place> places) {
        Set<Place> seen = new HashSet<>();
        Deque<Place> open = new ArrayDeque<>();
        open.add(new Place(from, around));
        while (!open.isEmpty()) {
            Place place = open.remove();
            Node node = place.node();
            Frame frame = place.frame();
            if (node.distance >= Grammar.UNREACHABLE || !seen.add(place)) {
                continue;
            }
            if (seen.size() > MOST_PLACES) {
                throw new InvalidInputException(
                        "the schema leaves too many alternatives open at once");
            }
            if (!node.bytes.isEmpty() || (node.end && frame.parent.isEmpty())) {
                places.add(place);
            }
            if (node.end && frame.parent.isPresent()) {
                open.add(new Place(frame.target.orElseThrow(), frame.parent.get()));
            }
            for (RuleEdge edge : node.rules) {
                Rule rule = edge.rule();
                if (!rule.nests() || frame.nested < DEEPEST) {
                    Frame inner = frame.child(edge.target(), rule.nests() ? 1 : 0);
                    open.add(new Place(rule.start(), inner));
                }
            }
            node.empty.forEach(next -> open.add(new Place(next, frame)));
        }
    }

    /// The tokens that may follow.
    synchronized TokenMask mask(State state) {
        if (state.mask.isEmpty()) {
            TokenMask mask = tokens.mask(this, state, Integer.MAX_VALUE);
            maskBytes += mask.bytes();
            if (maskBytes > MOST_MASK_BYTES) {
                states.values().forEach(each -> each.mask = Optional.empty());
                maskBytes = mask.bytes();
            }
            state.mask = Optional.of(mask);
        }
        return state.mask.get();
    }

    /// The tokens that may follow, and need at most `most` bytes behind them to end the text.
    synchronized TokenMask mask(State state, int most) {
        return tokens.mask(this, state, most);
    }
}
