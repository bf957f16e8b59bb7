/// What a model is worth: perplexity and multiple choice.
package org.wanda4j.evaluate;
