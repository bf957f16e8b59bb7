/// Files of data in formats that need a library: Parquet, zstd.
package org.wanda4j.data;
