package org.wanda4j.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the README shows of LangChain4j compiles.
class ReadmeExampleTest {

    private static final Pattern EXAMPLE =
            Pattern.compile("```java langchain4j\n(.*?)```", Pattern.DOTALL);
    private static final List<String> PACKAGES =
            List.of(
                    "dev.langchain4j.model.chat",
                    "dev.langchain4j.service",
                    "java.nio.file",
                    "org.wanda4j.langchain4j",
                    "org.wanda4j.runtime",
                    "org.wanda4j.text");

    @TempDir private Path classes;

    @Test
    void theExampleCompiles() throws Exception {
        var readme =
                Files.readString(Path.of("").toAbsolutePath().getParent().resolve("README.md"));
        var example = EXAMPLE.matcher(readme);
        assertTrue(example.find());
        var source = new StringBuilder();
        PACKAGES.forEach(each -> source.append("import ").append(each).append(".*;\n"));
        source.append("class Example { static void run() {\n").append(example.group(1));
        source.append("} }\n");
        var messages = new StringWriter();
        List<String> options =
                List.of(
                        "-proc:none",
                        "-d",
                        "" + classes,
                        "-cp",
                        System.getProperty("java.class.path"));
        var task =
                ToolProvider.getSystemJavaCompiler()
                        .getTask(
                                messages,
                                null,
                                null,
                                options,
                                null,
                                List.of(new Source("" + source)));
        assertEquals(true, task.call(), messages::toString);
    }

    private static final class Source extends SimpleJavaFileObject {

        private final String text;

        Source(String text) {
            super(URI.create("string:///Example.java"), JavaFileObject.Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }
}
