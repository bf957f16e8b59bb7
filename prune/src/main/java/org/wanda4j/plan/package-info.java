/// What a run will take, before it is run: operations, bytes and memory from the model's shapes, seconds from how fast this
/// machine is at a small piece of the same work.
package org.wanda4j.plan;
