/// Windows on their way through the blocks, and what is found out about inputs on the way.
package org.wanda4j.calibrate;
