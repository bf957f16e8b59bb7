/// Reports: what was removed, time, memory.
package org.wanda4j.report;
