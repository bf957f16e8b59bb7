/// The wanda command: one class a subcommand.
package org.wanda4j.cli;
