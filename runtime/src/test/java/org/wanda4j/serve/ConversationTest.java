package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.text.ChatTemplate;

class ConversationTest {

    private static final String HI = "'messages':[{'role':'user','content':'Hi'}]";
    private static final String BEGUN =
            "'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'Well, '}]";
    private static final String TEMPLATE =
            "{% for m in messages %}<{{ m.role }}{{ ' ' ~ m.name if m.name else '' }}>{{ m.content }}</>{% endfor %}"
                    + "{% if add_generation_prompt %}<assistant>{% endif %}"
                    + "{% if enable_thinking is defined %}{{ enable_thinking }} {{ more | tojson }}{% endif %}";

    @TempDir private Path directory;

    @Test
    void theTemplateSeesItsVariables() throws IOException {
        assertEquals("<user>Hi</><assistant>", write("{" + HI + "}"));
        assertEquals(
                "<user>Hi</><assistant>False {\"a\": [1, 2.5, null, \"b\"]}",
                write(
                        "{"
                                + HI
                                + ",'chat_template_kwargs':{'enable_thinking':false,'more':{'a':[1,2.5,null,'b']}}}"));
    }

    @Test
    void aConversationEndsAsTheCallerSays() throws IOException {
        assertEquals("<user>Hi</>", write("{" + HI + ",'add_generation_prompt':false}"));
        assertEquals(
                "<user>Hi</><assistant>Well, ",
                write("{" + BEGUN + ",'continue_final_message':true}"));
        assertEquals(
                "<user>Hi</><assistant>Well, ",
                write(
                        "{"
                                + BEGUN
                                + ",'continue_final_message':true,'add_generation_prompt':false}"));
    }

    @Test
    void theTemplateSeesWhoSpeaks() throws IOException {
        assertEquals(
                "<user Ann>Hi</><assistant>",
                write("{'messages':[{'role':'user','name':'Ann','content':'Hi'}]}"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {'messages':'Hi'} | messages
                    {'messages':['Hi']} | messages
                    {'messages':[]} | messages
                    {'messages':[{'role':'function','content':'x'}]} | messages[0].role
                    {'messages':[{'role':'user','content':'x'},{'role':'user','content':7}]} | messages[1].content
                    {'messages':[{'role':'user','content':[{'type':'image_url'}]}]} | messages[0].content
                    {'messages':[{'role':'assistant','content':'x','tool_calls':[{}]}]} | messages[0].tool_calls[0].function
                    {'messages':[{'role':'assistant','tool_calls':[{'function':{'name':'f','arguments':'7'}}]}]} | messages[0].tool_calls[0].function.arguments
                    {'messages':[{'role':'assistant','content':'x','prefix':true}]} | messages[0].prefix
                    {'messages':[{'role':'user','content':'x'}],'chat_template_kwargs':7} | chat_template_kwargs
                    {'messages':[{'role':'user','content':'x'}],'chat_template_kwargs':{'messages':[]}} | chat_template_kwargs.messages
                    {'messages':[{'role':'user','content':'x'}],'chat_template_kwargs':{'x':{'y':1e999999999999}}} | chat_template_kwargs.x.y
                    {'messages':[{'role':'user','content':'x'}],'chat_template_kwargs':{'x':99999999999999999999}} | chat_template_kwargs.x
                    {'messages':[{'role':'user','content':'x'}],'add_generation_prompt':1} | add_generation_prompt
                    {'messages':[{'role':'user','content':'x'}],'add_generation_prompt':true,'continue_final_message':true} | continue_final_message
                    """)
    void whatIsWrongIsNamed(String body, String param) {
        ApiException error = assertThrows(ApiException.class, () -> write(body));
        assertEquals(400, error.status());
        assertEquals(Optional.of(param), error.body().error().param());
    }

    private String write(String body) throws IOException {
        Files.writeString(directory.resolve("chat_template.jinja"), TEMPLATE);
        byte[] json = body.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        return Conversation.of(new RequestFields(Json.parse(json, "the test")))
                .render(ChatTemplate.of(directory).orElseThrow(), List.of());
    }
}
