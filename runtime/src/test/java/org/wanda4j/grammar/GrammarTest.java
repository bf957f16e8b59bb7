package org.wanda4j.grammar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.InvalidInputException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class GrammarTest {

    private static final JsonMapper JSON = new JsonMapper();
    private static final int END = 0;
    private static final byte[][] VOCABULARY = vocabulary();
    private static final TokenTrie TOKENS = new TokenTrie(VOCABULARY);

    /// An end token, each byte, and tokens of several bytes that go across the borders of JSON's parts.
    private static byte[][] vocabulary() {
        List<byte[]> tokens = new ArrayList<>();
        tokens.add(new byte[0]);
        IntStream.range(0, 256).forEach(b -> tokens.add(new byte[] {(byte) b}));
        for (String text :
                List.of(
                        "\":",
                        "\": ",
                        "\",",
                        "\", \"",
                        "{\"",
                        "\"}",
                        "}}",
                        "[[",
                        "]]",
                        "},",
                        "name",
                        "na",
                        "nam",
                        "ame\": ",
                        "true",
                        "tru",
                        "null",
                        "12",
                        "123",
                        "00",
                        "1.5",
                        "e+1",
                        "-1",
                        "  ",
                        "\n  ",
                        "\\u",
                        "\\\"",
                        "é",
                        "日本",
                        "\ud83d\ude00",
                        "red",
                        "\"red\"",
                        "the",
                        " the",
                        "[{\"",
                        ",\n",
                        "false}")) {
            tokens.add(text.getBytes(StandardCharsets.UTF_8));
        }
        return tokens.toArray(byte[][]::new);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'type':'object','properties':{'name':{'type':'string'},'age':{'type':'integer'}},'required':['name','age']}",
                "{'type':'object','properties':{'a':{'type':'string'},'b':{'type':'number'},'c':{'type':'boolean'}},'required':['b']}",
                "{'type':'object','properties':{'a':{'type':'null'},'aa':{'enum':['red','reddish',3,null]}}}",
                "{'type':'array','items':{'type':'integer'},'minItems':2,'maxItems':4}",
                "{'type':'array','items':{'type':'string','minLength':1,'maxLength':3}}",
                "{'anyOf':[{'type':'string'},{'type':'array','items':{'const':'red'}}]}",
                "{'$defs':{'n':{'type':'object','properties':{'v':{'type':'integer'},'next':{'anyOf':[{'$ref':'#/$defs/n'},{'type':'null'}]}},'required':['v','next']}},'$ref':'#/$defs/n'}",
                "{'type':['string','null'],'description':'x'}",
                "{'type':'object','additionalProperties':{'type':'integer'}}",
                "{'type':'object','properties':{'x':true},'required':['x','y']}",
                "{'type':'array','maxItems':0}",
                "{'allOf':[{'type':'boolean'}]}",
                "{}"
            })
    void randomTextsAreWhatTheSchemaDescribes(String text) {
        JsonNode schema = JSON.readTree(text.replace('\'', '"'));
        Grammar grammar = JsonGrammar.ofSchema(schema);
        for (int seed = 0; seed < 200; seed++) {
            int most = grammar.shortest() + new Random(seed).nextInt(60);
            String written = write(grammar, new Random(seed), most);
            JsonNode value = JSON.readTree(written); // throws where it is not JSON
            assertTrue(SchemaCheck.holds(schema, schema, value), written);
        }
    }

    @Test
    void randomTextsOfAnyObjectAreObjects() {
        for (int seed = 0; seed < 300; seed++) {
            String written = write(JsonGrammar.anyObject(), new Random(seed), 2 + seed);
            assertTrue(JSON.readTree(written).isObject(), written);
        }
    }

    /// Draws tokens at random; those that are needed to end the text in time where few are left.
    private static String write(Grammar grammar, Random random, int most) {
        var constraint = new Constraint(grammar, TOKENS, Set.of(END));
        var out = new ByteArrayOutputStream();
        for (int written = 0; written < most && !constraint.hasEnded(); written++) {
            int remaining = most - written - 1;
            float[] logits = new float[VOCABULARY.length];
            constraint.mask(logits, 0, logits.length, remaining);
            int[] possible =
                    IntStream.range(0, logits.length).filter(id -> logits[id] == 0).toArray();
            int id = possible[random.nextInt(possible.length)];
            assertTrue(constraint.fits(id, remaining));
            if (id == END) {
                break;
            }
            constraint.accept(id);
            out.writeBytes(VOCABULARY[id]);
        }
        assertTrue(constraint.mayEnd(), () -> out.toString(StandardCharsets.UTF_8));
        return out.toString(StandardCharsets.UTF_8);
    }

    /// The mask by the trie is the one that each token alone gives.
    @Test
    void theTrieGivesWhatEachTokenGives() {
        Grammar grammar = JsonGrammar.anyObject();
        var constraint = new Constraint(grammar, TOKENS, Set.of(END));
        for (byte each : "{\"na\\u00e9\": [1.5, {\"x\": \"é".getBytes(StandardCharsets.UTF_8)) {
            float[] logits = new float[VOCABULARY.length];
            constraint.mask(logits, 0, logits.length, Integer.MAX_VALUE);
            for (int id = 1; id < logits.length; id++) {
                assertEquals(constraint.fits(id, Integer.MAX_VALUE), logits[id] == 0, "" + id);
            }
            constraint.accept(1 + (each & 0xff));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"a\":1}",
                "{ \"a\": [true, null]}",
                "{\n  \"a\": \"x\\n\\u00e9\\\\ é 日 \ud83d\ude00\"\n}",
                "{\"a\":-0.5e+10}",
                "{\"a\":{}}",
                "{\"\":[]}"
            })
    void objectsAreAccepted(String text) {
        assertTrue(accepts(JsonGrammar.anyObject(), text.getBytes(StandardCharsets.UTF_8)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "{",
                "{\"a\"}",
                "{\"a\":01}",
                "{\"a\":1,}",
                "{\"a\":tru}",
                "{\"a\":\"\t\"}",
                "{\"a\":\"\\x\"}",
                "{\"a\":\"\\ud800\"}",
                "{'a':1}",
                "{\"a\":1}}",
                "{\"a\":1.}",
                "{\"a\":+1}"
            })
    void othersAreNot(String text) {
        assertFalse(accepts(JsonGrammar.anyObject(), text.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void bytesThatAreNoCharactersAreNot() {
        for (int[] bytes :
                new int[][] {
                    {0x80},
                    {0xc0, 0x80},
                    {0xe0, 0x80, 0x80},
                    {0xed, 0xa0, 0x80},
                    {0xf4, 0x90, 0x80, 0x80},
                    {0xff}
                }) {
            var text = new ByteArrayOutputStream();
            text.writeBytes("{\"a\":\"".getBytes(StandardCharsets.UTF_8));
            IntStream.of(bytes).forEach(text::write);
            text.writeBytes("\"}".getBytes(StandardCharsets.UTF_8));
            assertFalse(accepts(JsonGrammar.anyObject(), text.toByteArray()));
        }
    }

    private static boolean accepts(Grammar grammar, byte[] text) {
        Automaton automaton = grammar.on(TOKENS);
        Optional<Automaton.State> behind = automaton.behind(automaton.start(), text);
        return behind.filter(Automaton.State::accepts).isPresent();
    }

    /// As deep as a reader of JSON goes, and no deeper.
    @Test
    void nestingEnds() {
        byte[] open = "{\"a\":".repeat(2000).getBytes(StandardCharsets.UTF_8);
        Automaton automaton = JsonGrammar.anyObject().on(TOKENS);
        assertTrue(automaton.behind(automaton.start(), open).isEmpty());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {'type':'string','pattern':'a+'} | pattern
                    {'type':'string','format':'date'} | format
                    {'type':'object','properties':{'a':{'type':'integer','minimum':1}}} | properties.a.minimum
                    {'type':'array','items':{'type':'array','uniqueItems':true}} | items.uniqueItems
                    {'oneOf':[{'type':'string'}]} | oneOf
                    {'not':{}} | not
                    {'anyOf':[{'type':'string'}],'type':'string'} | type
                    {'anyOf':[]} | anyOf
                    {'type':'text'} | type
                    {'$ref':'#/$defs/x'} | $ref
                    {'$ref':'http://example.com'} | $ref
                    {'$defs':{'a':{'$ref':'#/$defs/a'}},'$ref':'#/$defs/a'} | $ref
                    {'$defs':{'a':{'anyOf':[{'$ref':'#/$defs/a'},{'type':'null'}]}},'$ref':'#/$defs/a'} | $ref
                    {'$defs':{'a':{'type':'object','properties':{'a':{'$ref':'#/$defs/a'}},'required':['a']}},'$ref':'#/$defs/a'} | finite
                    {'type':'string','minLength':-1} | minLength
                    {'type':'string','minLength':3,'maxLength':2} | maxLength
                    {'type':'array','items':{'type':'string','minLength':60000},'minItems':60000} | large
                    {'type':'string','maxLength':1e99} | maxLength
                    {'type':'object','required':'a'} | required
                    {'type':'object','properties':[]} | properties
                    {'enum':['a'],'type':'integer'} | enum
                    {'properties':{'a':7}} | properties.a
                    """)
    void whatIsNotSupportedIsNamed(String schema, String keyword) {
        var error =
                assertThrows(
                        InvalidInputException.class,
                        () -> JsonGrammar.ofSchema(JSON.readTree(schema.replace('\'', '"'))));
        assertTrue(error.getMessage().contains(keyword), error.getMessage());
        assertTrue(error.getMessage().lines().count() == 1, error.getMessage());
    }

    /// Two ways to each of the next, and so a number of ways that nobody can count.
    @Test
    void alternativesDoNotMultiplyWithoutABound() {
        var schema = new StringBuilder("{\"$defs\":{");
        for (int i = 0; i < 60; i++) {
            String next = "{\"$ref\":\"#/$defs/d" + (i + 1) + "\"}";
            schema.append("\"d%d\":{\"anyOf\":[%s,%s]},".formatted(i, next, next));
        }
        schema.append("\"d60\":{\"type\":\"null\"}},\"$ref\":\"#/$defs/d0\"}");
        Grammar grammar = JsonGrammar.ofSchema(JSON.readTree(schema.toString()));
        assertThrows(InvalidInputException.class, () -> grammar.on(TOKENS));
    }

    @Test
    void aChainOfDefinitionsEnds() {
        var schema = new StringBuilder("{\"$defs\":{");
        for (int i = 0; i < 20_000; i++) {
            schema.append("\"d%d\":{\"$ref\":\"#/$defs/d%d\"},".formatted(i, i + 1));
        }
        schema.append("\"d20000\":{\"type\":\"null\"}},\"$ref\":\"#/$defs/d0\"}");
        JsonNode root = JSON.readTree(schema.toString());
        assertThrows(InvalidInputException.class, () -> JsonGrammar.ofSchema(root));
    }

    /// One of the alternatives never ends: the other one is taken.
    @Test
    void anAlternativeWithoutAnEndIsNotBegun() {
        JsonNode schema =
                JSON.readTree(
                        "{\"$defs\":{\"n\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":1}},"
                                + "\"anyOf\":[{\"$ref\":\"#/$defs/n\"},{\"type\":\"null\"}]}");
        assertEquals("null", write(JsonGrammar.ofSchema(schema), new Random(1), 9));
    }

    @Test
    void aVocabularyThatLacksACharacterIsRefused() {
        byte[][] letters = {{'a'}, {'b'}};
        assertThrows(InvalidInputException.class, () -> new TokenTrie(letters));
    }
}
