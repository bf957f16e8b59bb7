/// Machine code for x86-64 that is written, and called, by Java: instructions which the Vector API does not reach.
package org.wanda4j.runtime.x86;
