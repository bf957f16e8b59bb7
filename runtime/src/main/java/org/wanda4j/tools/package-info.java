/// Calls of functions in the answers of a model: in which form its chat template shows them, and what an answer says.
package org.wanda4j.tools;
