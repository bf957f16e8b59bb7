package org.wanda4j.grammar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.networknt.schema.Error;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.BigRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Scale;
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
    private static final SchemaRegistry VALIDATORS =
            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);

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
                "{'$defs':{'a':{'type':'object','properties':{'x':{'type':'integer'}},'required':['x']}},'allOf':[{'$ref':'#/$defs/a'},{'properties':{'y':{'type':'string'}}}],'required':['y']}",
                "{'oneOf':[{'type':'object','properties':{'kind':{'const':'a'},'v':{'type':'integer'}},'required':['kind','v']},{'type':'object','properties':{'kind':{'enum':['b','c']}},'required':['kind']},{'type':'null'}]}",
                "{'type':'array','prefixItems':[{'type':'integer'},{'type':'boolean'}],'minItems':2,'maxItems':2}",
                "{'type':['number','null'],'minimum':0,'maximum':1}",
                "{'type':'number','exclusiveMinimum':-0.25}",
                "{'type':'integer','maximum':-3}",
                "{'minimum':123456789012345678,'type':'integer'}",
                "{'type':'string','format':'date'}",
                "{'type':'string','format':'time'}",
                "{'type':'string','format':'date-time'}",
                "{'type':'string','format':'uuid'}",
                "{'type':'string','format':'email'}",
                "{'type':'string','format':'hostname'}",
                "{'type':'string','format':'ipv4'}",
                "{'type':'string','format':'uri'}",
                "{'type':'string','pattern':'^[A-Z]{2}-\\\\d+$'}",
                "{'type':'string','pattern':'\\\\s.[^a-z]'}",
                "{}"
            })
    void randomTextsAreWhatTheSchemaDescribes(String text) {
        JsonNode schema = JSON.readTree(text.replace('\'', '"'));
        Grammar grammar = JsonGrammar.ofSchema(schema);
        checkTexts(schema, grammar, 200);
    }

    private static void checkTexts(JsonNode schema, Grammar grammar, int count) {
        Schema validator = VALIDATORS.getSchema(schema);
        for (int seed = 0; seed < count; seed++) {
            int most = grammar.shortest() + new Random(seed).nextInt(60);
            String written = write(grammar, new Random(seed), most);
            JsonNode value = JSON.readTree(written); // throws where it is not JSON
            List<Error> errors =
                    validator.validate(
                            value,
                            run -> run.executionConfig(it -> it.formatAssertionsEnabled(true)));
            assertEquals(List.of(), errors, () -> schema + " gives " + written);
        }
    }

    @Property(tries = 300)
    void randomTextsOfRandomSchemasAreValid(@ForAll long seed) {
        var random = new Random(seed);
        JsonNode schema = RandomSchema.of(random, 3);
        checkTexts(schema, JsonGrammar.ofSchema(schema), 4);
    }

    @Property(tries = 300)
    void integersBetweenBoundsAreAcceptedAndNoOthers(
            @ForAll @IntRange(min = -1200, max = 1200) int some,
            @ForAll @IntRange(min = -1200, max = 1200) int other) {
        int least = Math.min(some, other);
        int most = Math.max(some, other);
        Grammar grammar =
                JsonGrammar.ofSchema(
                        JSON.readTree(
                                "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d}"
                                        .formatted(least, most)));
        for (int number = -1300; number <= 1300; number++) {
            assertEquals(
                    least <= number && number <= most,
                    accepts(grammar, String.valueOf(number).getBytes(StandardCharsets.UTF_8)),
                    "" + number);
        }
    }

    @Property(tries = 500)
    void decimalsBetweenBoundsAreAcceptedAndNoOthers(
            @ForAll @Scale(2) @BigRange(min = "-20", max = "20") BigDecimal some,
            @ForAll @Scale(2) @BigRange(min = "-20", max = "20") BigDecimal other,
            @ForAll boolean exclusive,
            @ForAll @Scale(3) @BigRange(min = "-21", max = "21") BigDecimal number) {
        BigDecimal least = some.min(other);
        BigDecimal most = some.max(other).add(BigDecimal.ONE);
        Grammar grammar =
                JsonGrammar.ofSchema(
                        JSON.readTree(
                                (exclusive
                                                ? "{\"type\":\"number\",\"exclusiveMinimum\":%s,\"exclusiveMaximum\":%s}"
                                                : "{\"type\":\"number\",\"minimum\":%s,\"maximum\":%s}")
                                        .formatted(least, most)));
        for (BigDecimal each : List.of(number, least, most, least.add(new BigDecimal("0.01")))) {
            int low = each.compareTo(least);
            int high = each.compareTo(most);
            boolean within = exclusive ? low > 0 && high < 0 : low >= 0 && high <= 0;
            assertEquals(
                    within,
                    accepts(grammar, each.toPlainString().getBytes(StandardCharsets.UTF_8)),
                    () -> "%s from %s to %s".formatted(each, least, most));
        }
    }

    /// Against Java's own regular expressions, which mean the same where a pattern has this alphabet.
    @ParameterizedTest
    @ValueSource(
            strings = {
                "^ab?$",
                "a|b",
                "^(a|bc)*$",
                "^a{2,3}b+$",
                "b.c",
                "^[^ab]c?$",
                "^[a-b]+(?:c|[ab]c){1,2}$",
                "(ab)+?c$",
                "^\\w\\Wb$",
                "^(a*)*b$",
                "c\\.a",
                "^$",
                "",
                "^\\d\\D$",
                "^[\\w-]\\s?$",
                "\\u0061\\x62"
            })
    void patternsAcceptWhatJavasDo(String pattern) {
        Grammar grammar =
                JsonGrammar.ofSchema(
                        JSON.createObjectNode().put("type", "string").put("pattern", pattern));
        Pattern expected = Pattern.compile(pattern);
        String alphabet = "abc. 1-\u00e9";
        var random = new Random(7);
        for (int i = 0; i < 3000; i++) {
            var text = new StringBuilder();
            for (int length = random.nextInt(7); length > 0; length--) {
                text.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            byte[] bytes = ("\"" + text + "\"").getBytes(StandardCharsets.UTF_8);
            assertEquals(expected.matcher(text).find(), accepts(grammar, bytes), text.toString());
        }
        for (int seed = 0; seed < 50; seed++) {
            String written = write(grammar, new Random(seed), grammar.shortest() + 12);
            assertTrue(expected.matcher(JSON.readTree(written).asString()).find(), written);
        }
    }

    /// Each character by itself, and none of its neighbours.
    @Property(tries = 300)
    void charactersOfARangeAreRead(
            @ForAll @IntRange(min = 0x20, max = 0x10ffff) int some,
            @ForAll @IntRange(min = 0, max = 0x3000) int length) {
        int last = Math.min(some + length, 0x10ffff);
        Grammar.Builder builder = new Grammar.Builder();
        Grammar.Rule start = builder.rule(false);
        Grammar.Node end = builder.node();
        end.end = true;
        var characters = Characters.of(some, last).or(Characters.of("~"));
        characters.read(builder, start.start(), end);
        Grammar grammar = builder.grammar(start);
        for (int each :
                new int[] {some - 1, some, (some + last) / 2, last, last + 1, '~', 0x7f, 0x800}) {
            boolean surrogate = each >= 0xd800 && each <= 0xdfff;
            if (each >= 0 && each <= 0x10ffff && !surrogate) {
                assertEquals(
                        characters.has(each),
                        accepts(grammar, Character.toString(each).getBytes(StandardCharsets.UTF_8)),
                        Integer.toHexString(each));
            }
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
                    {'type':'string','pattern':'(?=a)b'} | begins with ?=
                    {'type':'string','pattern':'(a'} | a group without an end
                    {'type':'string','pattern':'a)'} | a ) without a (
                    {'type':'string','pattern':'[b-a]'} | a wrong range
                    {'type':'string','pattern':'[b'} | a class without an end
                    {'type':'string','pattern':'a{3,2}'} | a wrong {least,most}
                    {'type':'string','pattern':'a{99999}'} | a wrong {least,most}
                    {'type':'string','pattern':'((((a{1000}){1000}){1000}){1000})'} | large
                    {'type':'string','pattern':'a**'} | '*'
                    {'type':'string','pattern':'^a\\u007cb'} | anchor
                    {'type':'string','pattern':'\\\\bword'} | \\b
                    {'type':'string','pattern':'(a)\\\\1'} | \\1
                    {'type':'string','pattern':'a','maxLength':3} | maxLength
                    {'type':'string','format':'iri'} | format 'iri'
                    {'type':'object','properties':{'a':{'type':'integer','multipleOf':2}}} | properties.a.multipleOf
                    {'type':'integer','minimum':3,'maximum':2} | no number
                    {'type':'integer','exclusiveMinimum':2,'exclusiveMaximum':3} | no number
                    {'type':'number','minimum':'a'} | minimum
                    {'type':'number','maximum':1e99} | maximum
                    {'type':'array','prefixItems':[{'type':'string'}],'minItems':2} | prefixItems
                    {'oneOf':[{'type':'string'},{'type':['string','null']}]} | oneOf
                    {'oneOf':[{'type':'integer'},{'type':'number'}]} | oneOf
                    {'allOf':[{'type':'string'},{'type':'integer'}]} | allOf
                    {'allOf':[{'properties':{'a':{'type':'string'}},'additionalProperties':false},{'type':'object'}]} | additionalProperties
                    {'type':'array','items':{'type':'array','uniqueItems':true}} | items.uniqueItems
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
