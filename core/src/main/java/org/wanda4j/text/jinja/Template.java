package org.wanda4j.text.jinja;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.util.Map;

/// A template that has been read.
public final class Template {

    private final Statement body;

    private Template(Statement body) {
        this.body = body;
    }

    /// Reads a template.
    ///
    /// @throws TemplateException when it is not one, or uses what chat templates do not need
    public static Template parse(String source) {
        try {
            return new Template(new Parser(Lexer.tokens(source)).parse());
        } catch (StackOverflowError e) {
            throw new TemplateException("the template is nested too deeply");
        }
    }

    /// What the template makes of `variables`.
    ///
    /// @param variables texts, numbers, truths, lists and maps by name
    /// @param clock that `strftime_now` reads
    /// @throws TemplateException when it fails, says so itself, or takes too long
    public String render(Map<String, Object> variables, Clock clock) {
        Scope scope = Scope.outermost();
        Globals.ALL.forEach(scope::set);
        scope.set(
                "strftime_now",
                (Function)
                        (_, arguments) ->
                                Strftime.format(arguments.text(0), ZonedDateTime.now(clock)));
        variables.forEach(scope::set);
        var output = new Output(scope.budget());
        try {
            body.run(scope, output);
        } catch (StackOverflowError e) {
            throw new TemplateException("the template calls itself too deeply");
        }
        return output.toString();
    }
}
