/// What a run did and what it cost.
package org.wanda4j.report;
