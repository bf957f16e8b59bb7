/// Models of the Hugging Face Hub, fetched into the cache that Hugging Face's own tools share. The only package that opens
/// connections.
package org.wanda4j.hub;
