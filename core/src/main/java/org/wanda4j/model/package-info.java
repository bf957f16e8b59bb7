/// What a decoder-only transformer is, as data.
package org.wanda4j.model;
