/// Perplexity and zero-shot multiple choice.
package org.wanda4j.evaluate;
