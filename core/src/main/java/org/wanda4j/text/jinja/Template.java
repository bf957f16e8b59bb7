package org.wanda4j.text.jinja;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.util.Map;

/// A template that has been read.
public final class Template {

    private static final Signature STRFTIME_NOW = Signature.of("strftime_now(format)");

    private final Statement body;

    private Template(Statement body) {
        this.body = body;
    }

    /// Reads a template. What is wrong with it is said when it is rendered: a model can be of use without its template.
    public static Template parse(String source) {
        try {
            return new Template(new Parser(Lexer.tokens(source)).parse());
        } catch (TemplateException e) {
            return failing(e.getMessage());
        } catch (StackOverflowError e) {
            return failing("the template is nested too deeply");
        }
    }

    private static Template failing(String message) {
        return new Template((_, _) -> {
            throw new TemplateException(message);
        });
    }

    /// What the template makes of `variables`.
    ///
    /// @param variables texts, numbers, truths, lists and maps by name
    /// @param clock that `strftime_now` reads
    /// @throws TemplateException when it is not one, fails, says so itself, or takes too long
    public String render(Map<String, Object> variables, Clock clock) {
        Scope scope = Scope.fresh();
        Globals.ALL.forEach(scope::set);
        scope.set(
                "strftime_now",
                (Function)
                        (_, given) ->
                                Strftime.format(
                                        STRFTIME_NOW.bind(given).text("format"),
                                        ZonedDateTime.now(clock)));
        variables.forEach(scope::set);
        var output = new Output(scope.work());
        try {
            body.run(scope, output);
        } catch (StackOverflowError e) {
            throw new TemplateException("the template calls itself too deeply");
        }
        return output.toString();
    }
}
