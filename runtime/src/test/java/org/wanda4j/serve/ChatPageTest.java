package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Browser;
import org.wanda4j.runtime.HeldGeneration;
import org.wanda4j.runtime.Sampling;

/// The page, as a browser shows it.
@Timeout(600)
@EnabledIf(value = Browser.IS_THERE, disabledReason = Browser.ABSENT)
class ChatPageTest {

    private static final int SOME = 8; // tokens of an answer that is not complete

    @TempDir private Path model;
    @TempDir private Path profile;

    @BeforeEach
    void copyModel() throws Exception {
        RunningServer.copyModel(model);
    }

    @Test
    void whatIsTypedIsAnswered() throws Exception {
        try (RunningServer running = RunningServer.start(model, 2, 2, Optional.empty());
                Browser browser = Browser.open(profile, running.base())) {
            browser.await("document.title === 'tiny'");
            browser.evaluate(
                    "$('temperature').value = 0; $('tokens').value = 24; $('text').focus()");
            browser.type("The king");
            browser.await("document.querySelectorAll('article small').length === 1");
            String first = answer(running, "user: The king\nassistant:");
            assertEquals(first, shown(browser, 0));
            assertEquals(
                    "The king",
                    browser.evaluate("document.querySelector('article.user').textContent"));
            String figures =
                    browser.evaluate("document.querySelector('article small').textContent");
            assertTrue(figures.startsWith("24 tokens, "), figures);

            browser.type("And then?");
            browser.await("document.querySelectorAll('article small').length === 2");
            String all = "user: The king\nassistant: " + first + "\nuser: And then?\nassistant:";
            assertEquals(answer(running, all), shown(browser, 1));
        }
    }

    @Test
    void anAnswerCanBeStopped() throws Exception {
        try (RunningServer running = RunningServer.start(model, 2, 2, Optional.empty());
                HeldGeneration held = HeldGeneration.of(running.model());
                Browser browser = Browser.open(profile, running.base())) {
            browser.await("document.title === 'tiny'");
            browser.evaluate(
                    "$('temperature').value = 0; $('text').focus();"
                            + " new MutationObserver((_, it) => { if (document.querySelector('article.assistant')?.textContent)"
                            + " { it.disconnect(); $('stop').click(); } }).observe($('conversation'), {childList: true, subtree: true})");
            browser.type("The king");
            while (running.model().load().waiting() == 0) {
                Thread.onSpinWait();
            }
            for (int turn = 0; turn < SOME; turn++) {
                held.turn();
            }
            browser.await("document.querySelector('article small')?.textContent === 'stopped'");
            assertEquals("false", browser.evaluate("'' + $('send').hidden"));
        }
    }

    @Test
    void aKeyIsAskedFor() throws Exception {
        try (RunningServer running = RunningServer.start(model, 2, 2, Optional.of("s3cret"));
                Browser browser = Browser.open(profile, running.base())) {
            browser.await("!$('keyField').hidden");
            browser.evaluate("$('key').focus()");
            browser.type("s3cret");
            browser.await("document.title === 'tiny'");
        }
    }

    private static String shown(Browser browser, int index) throws InterruptedException {
        return browser.evaluate(
                "document.querySelectorAll('article.assistant')[%d].firstChild.textContent"
                        .formatted(index));
    }

    private static String answer(RunningServer running, String prompt) {
        return running.model().generate(prompt, Sampling.GREEDY.withMaxTokens(24), _ -> {}).text();
    }
}
