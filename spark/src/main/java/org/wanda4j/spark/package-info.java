/// Calibration windows on a cluster of Apache Spark.
package org.wanda4j.spark;
