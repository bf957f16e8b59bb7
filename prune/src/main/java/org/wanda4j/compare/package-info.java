/// What a model's variants cost and what they are worth, and which of them nothing beats.
package org.wanda4j.compare;
