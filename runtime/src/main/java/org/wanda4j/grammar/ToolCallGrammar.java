package org.wanda4j.grammar;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.grammar.Grammar.ByteEdge;
import org.wanda4j.grammar.Grammar.Node;
import org.wanda4j.grammar.Grammar.Rule;
import tools.jackson.databind.JsonNode;

/// Grammars of answers that call functions.
public final class ToolCallGrammar {

    private static final int HIGHEST = 0xff;

    private final Grammar.Builder builder = new Grammar.Builder();
    private final JsonGrammar json = new JsonGrammar(builder);
    private final Form form;

    /// How calls are written: each as an object with the members `name` and `arguments`.
    ///
    /// @param open text before a call; empty where the answer as a whole is calls
    /// @param close text behind it
    /// @param list whether calls are the items of a list
    /// @param arguments name of the second member
    public record Form(String open, String close, boolean list, String arguments) {}

    /// A function.
    ///
    /// @param parameters JSON schema of its arguments
    public record Function(String name, JsonNode parameters) {}

    private ToolCallGrammar(Form form) {
        this.form = form;
    }

    /// Answers that are calls.
    ///
    /// @param several whether there may be more than one call
    /// @throws org.wanda4j.checkpoint.InvalidInputException as [JsonGrammar#ofSchema]
    public static Grammar calls(Form form, List<Function> functions, boolean several) {
        var grammar = new ToolCallGrammar(form);
        Rule start = grammar.builder.rule(false);
        grammar.calls(start.start(), grammar.call(functions), several).end = true;
        return grammar.builder.grammar(start);
    }

    /// Answers that may have calls, each behind [Form#open()], which stands nowhere else.
    ///
    /// @param several whether there may be more than one call
    /// @throws org.wanda4j.checkpoint.InvalidInputException as [JsonGrammar#ofSchema]
    public static Grammar textAndCalls(Form form, List<Function> functions, boolean several) {
        var grammar = new ToolCallGrammar(form);
        Rule start = grammar.builder.rule(false);
        grammar.textAndCalls(start.start(), grammar.call(functions), several);
        return grammar.builder.grammar(start);
    }

    private Node calls(Node from, Rule call, boolean several) {
        Node first = open(form.list() ? json.text(from, "[") : from, call);
        if (several && form.list()) {
            open(json.space(json.text(first, ",")), call).empty.add(first);
        } else if (several && !form.open().isEmpty()) {
            open(json.space(first), call).empty.add(first);
        }
        return form.list() ? json.text(first, "]") : first;
    }

    private Node open(Node from, Rule call) {
        return builder.call(json.text(from, form.open()), call);
    }

    /// A call behind [Form#open()].
    private Rule call(List<Function> functions) {
        Rule call = builder.rule(false);
        Node from = form.open().isEmpty() ? call.start() : json.space(call.start());
        Node name = json.space(json.text(json.space(json.text(from, "{")), "\"name\":"));
        Node behind = builder.node();
        for (Function function : functions) {
            Node comma = json.text(name, Json.writeLine(function.name()) + ",");
            String member = Json.writeLine(form.arguments()) + ":";
            Node value = json.space(json.text(json.space(comma), member));
            new SchemaReader(builder, function.parameters())
                    .value(value, function.parameters(), "")
                    .empty
                    .add(behind);
        }
        Node end = json.text(json.space(behind), "}");
        if (!form.close().isEmpty()) {
            end = json.text(json.space(end), form.close());
        }
        end.end = true;
        return call;
    }

    /// The automaton of Knuth, Morris and Pratt that looks for the text before a call: a node for each beginning of it that was read.
    private void textAndCalls(Node start, Rule call, boolean several) {
        byte[] open = form.open().getBytes(StandardCharsets.UTF_8);
        Node[] read = new Node[open.length];
        int[] borders = new int[open.length];
        for (int i = 0; i < open.length; i++) {
            read[i] = i == 0 ? start : builder.node();
            read[i].end = true;
        }
        for (int i = 2; i < open.length; i++) {
            borders[i] = next(open, borders, borders[i - 1], open[i - 1] & HIGHEST);
        }
        Node found = builder.node();
        for (int i = 0; i < open.length; i++) {
            for (int value = 0; value <= HIGHEST; value++) {
                int matched = next(open, borders, i, value);
                Node to = matched == open.length ? found : read[matched];
                read[i].bytes.add(new ByteEdge(value, value, to));
            }
        }
        Node behind = builder.node();
        builder.call(found, call).empty.add(behind);
        behind.end = true;
        if (several) {
            behind.empty.add(start);
        }
    }

    /// How many bytes of `open` the text ends with behind a further byte.
    private static int next(byte[] open, int[] borders, int read, int value) {
        int n = read;
        while (n > 0 && (open[n] & HIGHEST) != value) {
            n = borders[n];
        }
        return (open[n] & HIGHEST) == value ? n + 1 : n;
    }
}
